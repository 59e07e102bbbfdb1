"""Steps: what one container, importer or control node reads, and as whom."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from moorage.errors import InputError
from moorage.model import MOST_DATASETS, DatasetRef, DatasetUse, Reader, Usage, UseAs
from moorage.policy import effective_purpose
from moorage.wire.pod import read_usage
from pipeline_splitter.graph import Read, Role, Step
from pipeline_splitter.hints import Defaults, TaskHint
from pipeline_splitter.kfp.components import Component
from pipeline_splitter.kfp.data import DataBook
from pipeline_splitter.kfp.executors import Container
from pipeline_splitter.kfp.pods import PodConfig
from pipeline_splitter.kfp.scopes import Inputs
from pipeline_splitter.kfp.values import Value

_LONGEST_LABEL = 63


def container_step(  # noqa: PLR0913 - a step has this many sides
    *,
    path: str,
    task: str,
    component: Component,
    container: Container,
    pod: PodConfig,
    inputs: Inputs,
    references: Iterable[Value],
    hint: TaskHint,
    defaults: Defaults,
    namespace_purposes: Mapping[str, frozenset[str]],
    data: DataBook,
) -> Step:
    """Make the step of one container.

    Its namespace and service account are the hint's, else the hints' defaults: a compiled pipeline does not say them.
    Its purpose is the hint's, because who plans knows best; else that of its pod's label `moorage.dev/purpose`; else
    the hints' default, if there is one. It counts only if its namespace lists it, or does not limit purposes.
    """
    namespace = hint.namespace or defaults.namespace
    usage = _usage(pod, namespace)
    uses = _accepting(usage.uses, hint.accepts)
    reads = artifact_reads(component, inputs.artifacts, data)
    _check_labels(path, uses, reads)
    return Step(
        name=path,
        task=task,
        role=Role.CONTAINER,
        reader=Reader(
            namespace,
            hint.service_account or defaults.service_account,
            effective_purpose(
                hint.purpose or usage.stated_purpose or defaults.purpose, namespace_purposes.get(namespace)
            ),
        ),
        uses=uses,
        container_digest=container.digest,
        reads=reads,
        parameters_from=steps_behind((*inputs.parameters.values(), *references)),
        accepts=frozenset((use.ref, release) for use in uses for release in use.accepts),
        namespace_assumed=hint.namespace is None and not defaults.namespace_said,
    )


def control_step(path: str, task: str, parameters: Iterable[Value], reads: Iterable[Read]) -> Step | None:
    """Make the step of a loop's or condition's own reads; None where there are none."""
    behind = steps_behind(parameters)
    read = tuple(sorted(reads, key=lambda each: (each.input, each.step or "", each.output)))
    if not behind and not read:
        return None
    return Step(path, task, Role.CONTROL, reads=read, parameters_from=behind)


def artifact_reads(component: Component, artifacts: Mapping[str, Value], data: DataBook) -> tuple[Read, ...]:
    """Return the reads of all these inputs, in order of their names."""
    return tuple(
        read
        for name in sorted(artifacts)
        for read in data.reads(name, artifacts[name], is_list=component.input_artifacts.get(name, False))
    )


def steps_behind(values: Iterable[Value]) -> tuple[str, ...]:
    """Return names of the steps that have a share in the values, sorted."""
    return tuple(sorted({step for value in values for step, _ in value.steps()}))


def _usage(pod: PodConfig, namespace: str) -> Usage:
    if not pod.labels:
        return Usage()
    try:
        usage = read_usage(pod.labels, namespace, pod.place.subject)
        _refuse_writers(usage, pod.place.subject)
        _refuse_memory(usage, pod.place.subject)
    except InputError as error:
        raise InputError(
            error.subject, pod.place.at("podMetadata", error.field.removeprefix("metadata.")), error.problem
        ) from None
    return usage


def _refuse_writers(usage: Usage, subject: str) -> None:
    for use in usage.writing:
        raise InputError(
            subject,
            f"metadata.labels[dataset.{use.index}.access]",
            f"a task of a planned pipeline can't write to dataset {use.ref}, because what its inputs carry is not "
            "asked about there yet: give the data out as an artifact, and write them with a pod of its own",
        )


def _refuse_memory(usage: Usage, subject: str) -> None:
    for use in usage.uses:
        if UseAs.MEMORY in use.use_as:
            raise InputError(
                subject,
                f"metadata.labels[dataset.{use.index}.useas]",
                f"a task of a planned pipeline can't use dataset {use.ref} as memory, because a plan chooses sites and "
                "not nodes: hand the data on as an artifact",
            )


def _check_labels(path: str, uses: Iterable[DatasetUse], reads: Iterable[Read]) -> None:
    """Refuse what hints say of a step where its pod could not be labelled so.

    Raises:
        InputError: too many datasets for one pod, or too many releases of one dataset for one label.
    """
    refs = {use.ref for use in uses} | {
        read.dataset for read in reads if read.step is None and read.dataset is not None
    }
    if len(refs) > MOST_DATASETS:
        raise InputError(
            "hints",
            f"tasks[{path}]",
            f"reads {len(refs)} datasets, by its labels, `accepts` and the inputs that hints call datasets: a pod "
            f"names at most {MOST_DATASETS}; leave some out, or split the task",
        )
    for use in uses:
        label = ".".join(sorted(use.accepts))
        if len(label) > _LONGEST_LABEL:
            raise InputError(
                "hints",
                f"tasks[{path}].accepts",
                f"the releases of dataset {use.ref} become one label, joined by dots, of {len(label)} characters; a "
                f"label has at most {_LONGEST_LABEL}: accept fewer releases of it, or give them shorter names",
            )


def _accepting(uses: tuple[DatasetUse, ...], accepted: frozenset[tuple[DatasetRef, str]]) -> tuple[DatasetUse, ...]:
    """Return the uses with what a hint accepts; datasets that no label names get an index of their own."""
    if not accepted:
        return uses
    releases: dict[DatasetRef, set[str]] = {}
    for ref, release in accepted:
        releases.setdefault(ref, set()).add(release)
    found = []
    for use in uses:
        more = use.accepts | releases.pop(use.ref, set())
        found.append(replace(use, accepts=more))
    index = max((use.index for use in uses), default=-1) + 1
    for offset, ref in enumerate(sorted(releases)):
        found.append(DatasetUse(index + offset, ref, accepts=frozenset(releases[ref])))
    return tuple(found)
