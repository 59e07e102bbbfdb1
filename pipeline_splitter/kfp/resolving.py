"""Name resolution: from what a task's spec says to the values that its inputs are given."""

from collections.abc import Mapping
from dataclasses import replace

from pipeline_splitter.kfp.bindings import FromInput, FromStatus, FromTask, Given, Said
from pipeline_splitter.kfp.components import Component
from pipeline_splitter.kfp.pipeline import Constant, FinalStatus
from pipeline_splitter.kfp.places import Place
from pipeline_splitter.kfp.scopes import Inputs, Scope, Visited
from pipeline_splitter.kfp.tasks import TaskSpec
from pipeline_splitter.kfp.values import Part, Value, mentioned

_ABSENT = Value()


def resolve(task: TaskSpec, component: Component, scope: Scope, beside: Mapping[str, Visited]) -> Inputs:
    """Resolve a task's inputs: by its spec, else by its component's defaults, else nothing.

    Args:
        task: its spec.
        component: that of the task.
        scope: the scope of the dag that the task is in.
        beside: the tasks of that dag that come before it, by name.
    """
    parameters = {name: parameter(said, scope, beside) for name, said in task.parameters.items()}
    for name, said in task.parameters.items():
        if isinstance(said.origin, Given):
            mentions = {each: parameters[each] for each in mentioned(said.origin.value) if each in parameters}
            # A constant that mentions constants that mention: expressions are not evaluated to any depth.
            if mentions and name not in mentions:
                weight = sum(value.weight for value in mentions.values())
                given = parameters[name]
                parameters[name] = Value(given.parts, given.selectors, mentions, mention_weight=weight)
    for name, declared in component.input_parameters.items():
        if name not in parameters:
            default = Value((Part(Constant(declared.default)),)) if declared.has_default else _ABSENT
            parameters[name] = default
    artifacts = {name: _artifact(said, scope, beside) for name, said in task.artifacts.items()}
    for name in component.input_artifacts:
        artifacts.setdefault(name, _ABSENT)
    return Inputs(parameters, artifacts)


def parameter(said: Said, scope: Scope, beside: Mapping[str, Visited], own: Mapping[str, Value] | None = None) -> Value:
    """Resolve one parameter binding.

    Args:
        said: the binding.
        scope: the scope of the dag that the task is in.
        beside: the tasks of that dag that come before it, by name.
        own: inputs of the task itself, where the binding may name these instead (platform configuration).
    """
    value = _parameter(said, scope, beside, own or {})
    if said.selector is None:
        return value
    return replace(value, selectors=(*value.selectors, said.selector))


def _parameter(said: Said, scope: Scope, beside: Mapping[str, Visited], own: Mapping[str, Value]) -> Value:
    match said.origin:
        case Given(value):
            return Value((Part(Constant(value)),))
        case FromInput(name):
            found = scope.parameters.get(name, own.get(name))
            if found is None:
                said.place.fail(f"{name!r} is not a parameter of the component around this task")
            return found
        case FromStatus(task):
            return Value((Part(None if scope.unit else FinalStatus(_beside(said.place, beside, task).path)),))
        case FromTask(task, output):
            return _output(said.place, _beside(said.place, beside, task).parameters, task, output)


def _artifact(said: Said, scope: Scope, beside: Mapping[str, Visited]) -> Value:
    match said.origin:
        case FromInput(name):
            if name not in scope.artifacts:
                said.place.fail(f"{name!r} is not an artifact of the component around this task")
            return scope.artifacts[name]
        case FromTask(task, output):
            return _output(said.place, _beside(said.place, beside, task).artifacts, task, output)
        case _:
            said.place.fail("is not an artifact")


def _beside(place: Place, beside: Mapping[str, Visited], task: str) -> Visited:
    if task not in beside:
        place.fail(f"{task!r} is not a task beside it that comes before")
    return beside[task]


def _output(place: Place, outputs: Mapping[str, Value], task: str, output: str) -> Value:
    if output not in outputs:
        place.fail(f"{output!r} is not an output of {task!r}; it has {', '.join(sorted(outputs)) or 'none'}")
    return outputs[output]
