"""Collection of the outputs of dags and loops, and of the inputs of iterations."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_executor.engine.program import Dag, Loop, Signature
from pipeline_executor.engine.records import Artifact, Outputs
from pipeline_executor.engine.resolving import Inputs, State, Surroundings, facts, fit
from pipeline_executor.engine.templates import Filling, fill_deeply
from pipeline_executor.engine.values import described


def dag_outputs(dag: Dag, slots: Signature, states: Mapping[str, State]) -> Outputs:
    """Return a dag's outputs: of several choices the first that exists (OneOf), or all where it is a list.

    What was skipped gives nothing, and then so does the dag: no value is invented.
    """
    parameters: dict[str, Any] = {}
    artifacts: dict[str, tuple[Artifact, ...]] = {}
    lists: set[str] = set()
    for name, choices in dag.output_parameters.items():
        for each in choices:
            made = states[each.task].outputs
            if made is not None and each.output in made.parameters:
                parameters[name] = made.parameters[each.output]
                break
    for name, choices in dag.output_artifacts.items():
        slot = slots.output_artifacts.get(name)
        of_each = ((states[each.task].outputs, each.output) for each in choices)
        found = [(made, output) for made, output in of_each if made is not None and output in made.artifacts]
        if slot is not None and slot.is_list and len(choices) > 1:
            artifacts[name] = tuple(artifact for made, output in found for artifact in made.artifacts[output])
            lists.add(name)
        elif found:
            made, output = found[0]
            artifacts[name] = made.artifacts[output]
            if output in made.lists:
                lists.add(name)
    return Outputs(parameters, artifacts, frozenset(lists))


def collected(slots: Signature, iterations: Sequence[State]) -> Outputs:
    """Return a loop's outputs: lists, in the order of the items, without iterations that gave nothing."""
    made = [state.outputs for state in iterations if state.outputs is not None]
    parameters = {
        name: [each.parameters[name] for each in made if name in each.parameters] for name in slots.output_parameters
    }
    artifacts = {
        name: tuple(artifact for each in made for artifact in each.artifacts.get(name, ()))
        for name in slots.output_artifacts
    }
    return Outputs(parameters, artifacts, frozenset(artifacts))


def items_of(here: Surroundings, loop: Loop, inputs: Inputs) -> Sequence[Any]:
    """Return the items that a loop goes over: values, or artifacts.

    Raises:
        InputError: it is no list.
    """
    if loop.is_artifact:
        return inputs.artifacts.get(loop.source or "", ())
    if loop.source is None:
        filling = Filling(facts(here.job, here.path), inputs.parameters, frozenset(here.task.parameters))
        try:
            return [fill_deeply(item, filling) for item in loop.items]
        except ValueError as error:
            raise here.fail("items of the loop", str(error)) from None
    value = inputs.parameters.get(loop.source)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise here.fail(f"input {loop.source}", "must be a list to loop over, not text that is no JSON") from None
    if not isinstance(value, list):
        raise here.fail(f"input {loop.source}", f"must be a list to loop over, not {described(value)}")
    return value


def iteration_inputs(here: Surroundings, loop: Loop, inputs: Inputs, item: Any) -> Inputs:  # noqa: ANN401 - JSON
    """Return the inputs of one iteration: the loop's own inputs, and the item.

    Raises:
        InputError: the item is of the wrong type.
    """
    if loop.is_artifact:
        return Inputs(inputs.parameters, {**inputs.artifacts, loop.item: (item,)})
    parameters = {**inputs.parameters, loop.item: item}
    slot = here.task.signature.parameters.get(loop.item)
    if slot is not None:
        fit(here, loop.item, slot, parameters)
    return Inputs(parameters, inputs.artifacts)


def without_items(loop: Loop, inputs: Inputs) -> Inputs:
    """Return an iteration's inputs without the list that the loop goes over: a container is told its item only."""
    if loop.is_artifact:
        rest = {name: value for name, value in inputs.artifacts.items() if name != loop.source or name == loop.item}
        return Inputs(inputs.parameters, rest)
    kept = {name: value for name, value in inputs.parameters.items() if name != loop.source or name == loop.item}
    return Inputs(kept, inputs.artifacts)
