"""The leaves of the pipeline tree: containers and importers."""

from pipeline_splitter.graph import Pin, Role, Step
from pipeline_splitter.hints import TaskHint
from pipeline_splitter.kfp.context import Context
from pipeline_splitter.kfp.executors import Container, Importer
from pipeline_splitter.kfp.hinting import merged
from pipeline_splitter.kfp.importing import imported
from pipeline_splitter.kfp.ledger import Waits
from pipeline_splitter.kfp.pipeline import EntryKind, PlatformReference, TaskOutput
from pipeline_splitter.kfp.pods import OUTPUT_BYTES, SITE, PodConfig
from pipeline_splitter.kfp.resolving import parameter
from pipeline_splitter.kfp.scopes import HINT_SITES, Here, Visited
from pipeline_splitter.kfp.steps import artifact_reads, container_step, steps_behind
from pipeline_splitter.kfp.values import Part, Value
from pipeline_splitter.kfp.work import NO_WORK, Work, work_of


def visit_container(context: Context, here: Here, container: Container) -> Visited:
    """Walk a container: a task of its own, or a step of the unit that it is in."""
    ledger, unit, path = context.ledger, here.scope.unit, here.path
    # A unit's own hint was merged where the unit began.
    is_whole_unit = unit is not None and unit.path == path
    own = context.book.on(path)
    hint = here.scope.hint if is_whole_unit else merged(here.scope.hint, own)
    if own.iterations is not None and here.task.iterator is None and not here.task.is_conditional:
        ledger.warnings.add(f"{path} is not a loop, so its hint `iterations` means nothing")
    pod = context.library.pod_of(here.component)
    values = [parameter(each.said, here.scope, here.beside, here.inputs.parameters) for each in pod.references]
    owner = path if unit is None else unit.path
    _annotate(context, here, pod)
    step = container_step(
        path=path,
        task=owner,
        component=here.component,
        container=container,
        pod=pod,
        inputs=here.inputs,
        references=values,
        hint=hint,
        defaults=context.book.hints.defaults,
        namespace_purposes=context.book.hints.namespace_purposes,
        data=ledger.data,
    )
    for said in pod.claims:
        ledger.sharing.claim(owner, parameter(said, here.scope, here.beside, here.inputs.parameters))
    ledger.sharing.claims_of(owner, path, container, here.inputs)
    ledger.sharing.workspace_of(owner, path, container, here.component, here.inputs)
    work = work_of(container, pod, hint, context.book.hints.defaults)
    pins = _pins(pod, hint, context.book.place_of_sites(path))
    references = _references(here, pod, values)
    if unit is not None:
        unit.steps.append(step)
        unit.pins.extend(pins)
        unit.components.add(here.component.name)
        unit.executors.add(here.component.executor or "")
        unit.references.extend(references)
        unit.reference_values.extend(values)
        return _visited(here, Waits(frozenset(), frozenset()), work)
    waits = ledger.waits(here)
    ledger.add_task(path, (step,), work, pins, is_unit=False, title=here.task.title)
    ledger.add_edges(path, here.inputs, values, waits)
    ledger.await_all(here)
    ledger.add_entry(here, EntryKind.TASK, waits, references, None)
    return _visited(here, Waits(frozenset({path}), frozenset({path})), work)


def visit_importer(context: Context, here: Here, importer: Importer) -> Visited:
    """Walk an importer: no task, wherever it stands; inside of a unit a step of it."""
    ledger, unit, path = context.ledger, here.scope.unit, here.path
    if context.book.on(path) != TaskHint():
        ledger.warnings.add(f"{path} is an importer: it has no cost and no site, so its hint means nothing")
    dataset, by_input = imported(importer, here.inputs, context.spec, context.book.hints, context.datasets)
    if by_input is not None:
        ledger.used_inputs.add(by_input)
    for output in here.component.output_artifacts:
        context.book.name_artifact(f"{path}.{output}")
        ledger.data.imports(path, output, dataset, by_input)
    if importer.to_workspace:
        ledger.sharing.fill_workspace(path)
    step = Step(
        name=path,
        task="" if unit is None else unit.path,
        role=Role.IMPORTER,
        reads=artifact_reads(here.component, here.inputs.artifacts, ledger.data),
        parameters_from=steps_behind(here.inputs.parameters.values()),
        dataset=dataset,
    )
    if unit is not None:
        unit.steps.append(step)
        unit.components.add(here.component.name)
        unit.executors.add(here.component.executor or "")
        return _visited(here, Waits(frozenset(), frozenset()), NO_WORK, is_importer=True)
    waits = ledger.waits(here)
    ledger.importers.append(step)
    ledger.add_entry(here, EntryKind.IMPORTER, waits, (), None)
    tasks = ledger.importer_waits(path, here.inputs, waits)
    return _visited(here, Waits(tasks, frozenset({path})), NO_WORK, is_importer=True)


def _visited(here: Here, ended: Waits, work: Work, *, is_importer: bool = False) -> Visited:
    """Return a leaf's outputs; nobody outside can name the outputs of a step of a unit."""
    path, is_step = here.path, here.scope.unit is not None

    def value(name: str) -> Value:
        return Value((Part(None if is_step else TaskOutput(path, name), ((path, name),)),))

    return Visited(
        path=path,
        parameters={name: value(name) for name in here.component.output_parameters},
        artifacts={name: value(name) for name in here.component.output_artifacts},
        tasks=ended.tasks,
        entries=ended.entries,
        work=work,
        is_importer=is_importer,
    )


def _annotate(context: Context, here: Here, pod: PodConfig) -> None:
    """Note the annotated sizes of its outputs, before anybody reads them."""
    outputs, data = here.component.output_artifacts, context.ledger.data
    for output, is_list in outputs.items():
        context.book.name_artifact(f"{here.path}.{output}")
        if is_list:
            data.declare_list(here.path, output)
    for output, size_bytes in pod.output_bytes.items():
        if output in outputs:
            data.annotate(here.path, output, size_bytes)
        else:
            context.ledger.warnings.add(
                f"{here.path}: annotation {OUTPUT_BYTES} names {output!r}, which is not among its artifacts"
            )


def _pins(pod: PodConfig, hint: TaskHint, place: str) -> list[Pin]:
    pins = []
    if pod.site is not None:
        pins.append(Pin(frozenset({pod.site}), f"annotation {SITE}"))
    if hint.sites is not None:
        pins.append(Pin(hint.sites, HINT_SITES, place))
    return pins


def _references(here: Here, pod: PodConfig, values: list[Value]) -> tuple[PlatformReference, ...]:
    return tuple(
        PlatformReference(
            step=here.path,
            executor=here.component.executor or "",
            location=reference.location,
            binding=value.binding(reference.said.raw) if _has_outside(here, value) else None,
            unit_input=value.through,
        )
        for reference, value in zip(pod.references, values, strict=True)
    )


def _has_outside(here: Here, value: Value) -> bool:
    return here.scope.unit is None or value.comes_from_outside
