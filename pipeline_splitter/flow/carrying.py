"""Data-flow analysis of governance: what each step reads, and what it puts out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from moorage.model import Dataset, DatasetRef, DatasetUse, Governance, Release
from moorage.policy import join_maps
from pipeline_splitter.flow.maps import Carried, Maps, all_steps, in_order, spread
from pipeline_splitter.graph import Graph, Read, Role, Step

Rules = Carried[Governance]
Datasets = Mapping[DatasetRef, Dataset]


@dataclass(frozen=True, slots=True)
class Flow:
    """The result of the data-flow analysis. Equal maps are one object. Declared releases are no rules, so not in it.

    Attributes:
        read: by step: dataset to what holds for it, of all that the step reads.
        output: by step, likewise: of what it puts out.
        task: by task: the union over its containers and control nodes (an importer reads nothing for itself).
        warnings: sentences about releases that release nothing, and about accepted ones that nobody declares.
    """

    read: Mapping[str, Rules]
    output: Mapping[str, Rules]
    task: Mapping[str, Rules]
    warnings: tuple[str, ...] = ()


def carry(
    graph: Graph,
    datasets: Datasets,
    view: Callable[[Step, Read, Rules], Rules] = lambda _step, _read, carried: carried,
) -> Flow:
    """Carry governance along the edges.

    Args:
        graph: with or without inserted tasks.
        datasets: all that are known. One that is not stands in the maps without any rule; `permit` refuses it.
        view: what a step is taken to find in an artifact; `relaxing` makes use of it.

    Raises:
        ValueError: steps read from each other in a circle, or from one that is not there.
    """
    steps = all_steps(graph)
    inserted = {task.name: task.release for task in graph.tasks.values() if task.release is not None}
    maps: Maps[Governance] = Maps(join_maps)
    read, output = spread(
        in_order(steps),
        maps,
        lambda ref: rules_of(ref, datasets),
        lambda step, carried: _released(step, carried, releases_by(step, inserted.get(step.task), datasets)),
        view,
    )
    by_task = {
        task.name: maps.union([read[step.name] for step in task.steps if step.role is not Role.IMPORTER])
        for task in graph.tasks.values()
    }
    return Flow(read, output, by_task, tuple(_warnings(steps, read, inserted, datasets)))


def rules_of(ref: DatasetRef, datasets: Datasets) -> Governance:
    """Return the dataset's own rules, without the releases that it declares."""
    dataset = datasets.get(ref)
    return Governance() if dataset is None else replace(dataset.governance, releases=())


def declared(ref: DatasetRef, name: str, datasets: Datasets) -> Release | None:
    """Return the release of that name, if the dataset declares it."""
    dataset = datasets.get(ref)
    releases = () if dataset is None else dataset.governance.releases
    return next((release for release in releases if release.name == name), None)


def releases_by(
    step: Step, inserted: tuple[DatasetRef, str] | None, datasets: Datasets
) -> tuple[tuple[DatasetRef, Release], ...]:
    """Return the real releases of a step: the inserted one, or those that its labels claim and its container is."""
    if inserted is not None:
        release = declared(*inserted, datasets)
        return () if release is None else ((inserted[0], release),)
    return tuple(
        (use.ref, release)
        for use in step.uses
        if use.release is not None
        and (release := declared(use.ref, use.release, datasets)) is not None
        and step.container_digest == release.component.digest
    )


def _released(step: Step, carried: Rules, releases: tuple[tuple[DatasetRef, Release], ...]) -> Rules:
    if step.role is not Role.CONTAINER or not any(ref in carried for ref, _ in releases):
        return carried
    return {**carried, **{ref: replace(release.yields, releases=()) for ref, release in releases if ref in carried}}


def _warnings(
    steps: Mapping[str, Step],
    read: Mapping[str, Rules],
    inserted: Mapping[str, tuple[DatasetRef, str]],
    datasets: Datasets,
) -> list[str]:
    found: list[str] = []
    for name, step in sorted(steps.items()):
        claims = [(use, use.release) for use in step.uses if use.release is not None and step.task not in inserted]
        found += [_warning(step, use, release, read[name], datasets) for use, release in claims]
        found += [_undeclared(step, ref, release, datasets) for ref, release in sorted(step.accepts)]
    return [warning for warning in found if warning]


def _undeclared(step: Step, ref: DatasetRef, name: str, datasets: Datasets) -> str:
    if declared(ref, name, datasets) is not None:
        return ""
    claim = f"task {step.name} accepts release {name} of dataset {ref}"
    if ref not in datasets:
        return f"{claim}, which is not known: check its name and namespace"
    return f"{claim}, which declares no such release (declared: {_known(ref, datasets)}): name one, or declare it"


def _known(ref: DatasetRef, datasets: Datasets) -> str:
    return ", ".join(sorted(release.name for release in datasets[ref].governance.releases)) or "none"


def _warning(step: Step, use: DatasetUse, name: str, carried: Rules, datasets: Datasets) -> str:
    claim = (
        f"task {step.name} is labelled dataset.{use.index}.release: {name} of dataset {use.ref}, but makes no release"
    )
    release = declared(use.ref, name, datasets)
    if use.ref not in datasets:
        return f"{claim}: that dataset is not known; check its name and namespace"
    if release is None:
        known = _known(use.ref, datasets)
        return f"{claim}: the dataset declares no such release (declared: {known}); name one of them, or declare it"
    if step.container_digest != release.component.digest:
        return (
            f"{claim}: its container (digest {step.container_digest or 'unknown'}) is not the declared one (digest "
            f"{release.component.digest or 'unknown'}); give it the image, command and args of the release"
        )
    if use.ref not in carried:
        return f"{claim}: nothing that it reads comes from that dataset"
    return ""
