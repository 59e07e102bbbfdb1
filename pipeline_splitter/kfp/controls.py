"""Control flow: what loops and conditions read themselves, and what they hand to their insides."""

from collections.abc import Iterator, Mapping

from pipeline_splitter.graph import Read, Role
from pipeline_splitter.kfp.data import DataBook
from pipeline_splitter.kfp.scopes import Here, Inputs, Unit
from pipeline_splitter.kfp.steps import control_step, steps_behind
from pipeline_splitter.kfp.tasks import TaskSpec, as_list
from pipeline_splitter.kfp.values import Part, Value, mentioned

_LEAF = "condition"
"""Under this name a single container that is a unit has its own control step."""


def add_control(here: Here, unit: Unit, data: DataBook) -> None:
    """Add the control step of a loop or a condition inside of the unit."""
    step = control_step(here.path, unit.path, _looked_at(here), _iterated(here, data))
    if step is not None:
        unit.steps.append(step)


def add_unit_control(here: Here, unit: Unit, data: DataBook) -> None:
    """Add the control step of the unit itself, before all others; call it when these are known.

    It also reads what the unit is given and nothing inside reads: artifacts are brought, and values handed over, all
    the same. An importer inside is no reader: it has no site of its own.
    """
    name = here.path if here.component.is_dag else f"{here.path}/{_LEAF}"
    readers = [step for step in unit.steps if step.role is not Role.IMPORTER]
    reads = list(_iterated(here, data))
    seen = {read.datum for step in readers for read in step.reads} | {read.datum for read in reads}
    for key, value in sorted(here.inputs.artifacts.items()):
        is_list = here.component.input_artifacts.get(key, False)
        reads.extend(read for read in data.reads(key, value, is_list=is_list) if read.datum not in seen)
    heard = {earlier for step in readers for earlier in step.parameters_from}
    unheard = [value for value in here.inputs.parameters.values() if not heard.issuperset(steps_behind([value]))]
    step = control_step(name, unit.path, (*_looked_at(here), *unheard), reads)
    if step is not None:
        unit.steps.insert(0, step)


def _looked_at(here: Here) -> Iterator[Value]:
    for name in here.task.operands:
        if name in here.inputs.parameters:
            yield here.inputs.parameters[name]
        elif name not in here.inputs.artifacts:
            here.task.place.fail(f"looks at {name!r}, which this task is not given", "triggerPolicy.condition")
    loop = here.task.iterator
    if loop is not None and not loop.is_artifact:
        yield _items(here.task, here.inputs)


def _iterated(here: Here, data: DataBook) -> Iterator[Read]:
    loop = here.task.iterator
    if loop is not None and loop.is_artifact:
        yield from data.reads(loop.source or "", _list(here.task, here.inputs), is_list=True)


def inside_parameters(task: TaskSpec, inputs: Inputs) -> Mapping[str, Value]:
    """Return the parameters inside: the task's inputs, and the item where it loops over parameters."""
    loop = task.iterator
    if loop is None or loop.is_artifact:
        return inputs.parameters
    return {**inputs.parameters, loop.item: Value((Part(None, tuple(_items(task, inputs).steps())),))}


def inside_artifacts(task: TaskSpec, inputs: Inputs) -> Mapping[str, Value]:
    """Return the artifacts inside: the task's inputs, and the item where it loops over artifacts."""
    loop = task.iterator
    if loop is None or not loop.is_artifact:
        return inputs.artifacts
    return {**inputs.artifacts, loop.item: _list(task, inputs)}


def item_count(here: Here) -> int | None:
    """Return a loop's number of items, where they stand in the pipeline: in the loop, or in what feeds its input.

    None of what is no loop, and where only the run knows: the pipeline's own inputs may be given another value than
    their default.
    """
    loop = here.task.iterator
    if loop is None or loop.is_artifact:
        return None
    if loop.source is None:
        return loop.count
    value = _items(here.task, here.inputs).constant()
    if isinstance(value, str):
        value = as_list(value)
    return len(value) if isinstance(value, list) else None


def _items(task: TaskSpec, inputs: Inputs) -> Value:
    """Return the items of a loop over parameters."""
    loop = task.iterator
    if loop is None:
        return Value()
    if loop.source is None:
        given = {name: inputs.parameters[name] for name in mentioned(loop.text) if name in inputs.parameters}
        return Value(mentions=given)
    if loop.source not in inputs.parameters:
        task.place.fail(f"{loop.source!r} is not an input of this task", "parameterIterator.items.inputParameter")
    return inputs.parameters[loop.source]


def _list(task: TaskSpec, inputs: Inputs) -> Value:
    """Return the items of a loop over artifacts."""
    source = (task.iterator.source if task.iterator is not None else None) or ""
    if source not in inputs.artifacts:
        task.place.fail(f"{source!r} is not an input of this task", "artifactIterator.items.inputArtifact")
    return inputs.artifacts[source]
