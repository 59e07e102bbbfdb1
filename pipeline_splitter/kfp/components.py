"""Kubeflow components, dags and executors, each read once however often it is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_splitter.kfp.executors import Container, Importer, read_executor
from pipeline_splitter.kfp.places import Place, Raw
from pipeline_splitter.kfp.pods import PodConfig, read_pod_config
from pipeline_splitter.kfp.spec import Spec, unwrap_value
from pipeline_splitter.kfp.tasks import TaskSpec, read_task
from pipeline_splitter.ordering import topological_order

_NO_STRINGS = frozenset({"NUMBER_DOUBLE", "NUMBER_INTEGER", "BOOLEAN", "INT", "DOUBLE"})


@dataclass(frozen=True, slots=True)
class ParameterInput:
    """A parameter that a component takes.

    Attributes:
        default: raw; means nothing without `has_default`.
        may_be_text: whether a path could be in it.
    """

    has_default: bool
    default: Any
    may_be_text: bool


@dataclass(frozen=True, slots=True)
class Component:
    """A component's inputs and outputs.

    Attributes:
        input_artifacts, output_artifacts: name to whether it is a list.
        executor: key of its executor; None for a dag.
    """

    name: str
    place: Place
    executor: str | None
    input_parameters: Mapping[str, ParameterInput]
    input_artifacts: Mapping[str, bool]
    output_parameters: frozenset[str]
    output_artifacts: Mapping[str, bool]

    @property
    def raw(self) -> Raw:
        """The component as it stands."""
        return self.place.raw

    @property
    def is_dag(self) -> bool:
        """Whether the component is made of tasks."""
        return self.executor is None


@dataclass(frozen=True, slots=True)
class Selected:
    """An output of a task inside, which a dag gives out."""

    task: str
    output: str


@dataclass(frozen=True, slots=True)
class Dag:
    """The inside of a component.

    Attributes:
        tasks: in topological order, the smallest name first.
        upstream: of each, the names of all that it depends on, references in the platform document included.
        awaited: tasks upstream of one that runs also after failures, and those whose final status another is told.
        output_parameters, output_artifacts: what each output is taken from: any (of branches), or all (of a list).
    """

    tasks: tuple[TaskSpec, ...]
    upstream: Mapping[str, frozenset[str]]
    awaited: frozenset[str]
    output_parameters: Mapping[str, tuple[Selected, ...]]
    output_artifacts: Mapping[str, tuple[Selected, ...]]

    @property
    def chooses(self) -> bool:
        """Whether an output is that of whichever branch ran (`OneOf`)."""
        conditional = {task.name for task in self.tasks if task.is_conditional}
        outputs = (*self.output_parameters.values(), *self.output_artifacts.values())
        return any(len(choice) > 1 and all(each.task in conditional for each in choice) for choice in outputs)


class Library:
    """The definitions of a spec, by name."""

    def __init__(self, spec: Spec) -> None:
        self._components = spec.pipeline.sub("components")
        self._executors = spec.pipeline.sub("deploymentSpec").sub("executors")
        self._pods = spec.platform_executors
        self.root = _read_component("root", spec.pipeline.required("root"))
        self._read_components: dict[str, Component] = {}
        self._read_dags: dict[str, Dag] = {}
        self._read_executors: dict[str, Container | Importer] = {}
        self._read_pods: dict[str, PodConfig] = {}

    def component_of(self, task: TaskSpec) -> Component:
        """Return the component of a task."""
        found = self._read_components.get(task.component)
        if found is None:
            if not self._components.has(task.component):
                task.place.fail(f"{task.component!r} is not among the components", "componentRef.name")
            found = _read_component(task.component, self._components.required(task.component))
            self._read_components[task.component] = found
        return found

    def dag_of(self, component: Component) -> Dag:
        """Return the inside of a component that is a dag."""
        key = component.place.path
        if key not in self._read_dags:
            self._read_dags[key] = self._read_dag(component)
        return self._read_dags[key]

    def executor_of(self, component: Component) -> Container | Importer:
        """Return the executor of a component that is no dag."""
        key = component.executor or ""
        if key not in self._read_executors:
            if not self._executors.has(key):
                component.place.fail(f"{key!r} is not among deploymentSpec.executors", "executorLabel")
            self._read_executors[key] = read_executor(self._executors.required(key))
        return self._read_executors[key]

    def pod_of(self, component: Component) -> PodConfig:
        """Return the platform configuration of a component's executor; empty where there is none."""
        key = component.executor or ""
        if key not in self._read_pods:
            self._read_pods[key] = read_pod_config(self._pods.sub(key))
        return self._read_pods[key]

    def _read_dag(self, component: Component) -> Dag:
        dag = component.place.required("dag")
        tasks = [read_task(name, place) for name, place in dag.sub("tasks").children()]
        by_name = {task.name: task for task in tasks}
        upstream = {task.name: self._upstream(task, by_name) for task in tasks}
        outputs = dag.sub("outputs")
        found = Dag(
            tasks=tuple(by_name[name] for name in _topological(upstream, dag)),
            upstream=upstream,
            awaited=frozenset(
                name for task in tasks for name in (task.upstream if task.waits_for_all else task.watched)
            ),
            output_parameters={name: _selected_parameters(at) for name, at in outputs.sub("parameters").children()},
            output_artifacts={name: _selected_artifacts(at) for name, at in outputs.sub("artifacts").children()},
        )
        for choice in (*found.output_parameters.values(), *found.output_artifacts.values()):
            for each in choice:
                if each.task not in by_name:
                    dag.fail(f"{each.task!r} is not a task here", "outputs")
        return found

    def _upstream(self, task: TaskSpec, siblings: Mapping[str, TaskSpec]) -> frozenset[str]:
        referred: set[str] = set()
        component = self.component_of(task)
        if not component.is_dag:
            pod = self.pod_of(component)
            referred = {name for reference in pod.references if (name := reference.said.task) is not None}
        for name in sorted(task.upstream | referred):
            if name not in siblings:
                task.place.fail(f"waits for {name!r}, which is not a task beside it")
        return task.upstream | referred


def _topological(upstream: Mapping[str, frozenset[str]], dag: Place) -> list[str]:
    names = sorted(upstream)
    number = {name: index for index, name in enumerate(names)}
    edges = [(number[earlier], number[name]) for name in names for earlier in upstream[name]]
    order = [names[index] for index in topological_order(len(names), edges)]
    if len(order) < len(names):
        stuck = sorted(set(names) - set(order))
        dag.fail(f"these tasks wait for each other in a cycle, or for a task that does: {', '.join(stuck)}", "tasks")
    return order


def _selected_parameters(place: Place) -> tuple[Selected, ...]:
    if place.has("valueFromOneof"):
        choices = place.required("valueFromOneof").subs("parameterSelectors")
    else:
        choices = [place.required("valueFromParameter")]
    return _selected(place, choices, "outputParameterKey")


def _selected_artifacts(place: Place) -> tuple[Selected, ...]:
    return _selected(place, place.subs("artifactSelectors"), "outputArtifactKey")


def _selected(place: Place, choices: list[Place], key: str) -> tuple[Selected, ...]:
    if not choices:
        place.fail("must say which task's output it is")
    return tuple(Selected(choice.required_text("producerSubtask"), choice.required_text(key)) for choice in choices)


def _read_component(name: str, place: Place) -> Component:
    is_dag = place.has("dag")
    executor = None if is_dag else place.text("executorLabel") or None
    if not is_dag and (executor is None or name == "root"):
        place.fail("must have a dag" if name == "root" else "must have a dag or an executorLabel")
    inputs, outputs = place.sub("inputDefinitions"), place.sub("outputDefinitions")
    return Component(
        name=name,
        place=place,
        executor=executor,
        input_parameters={key: _read_parameter(at) for key, at in inputs.sub("parameters").children()},
        input_artifacts={key: at.flag("isArtifactList") for key, at in inputs.sub("artifacts").children()},
        output_parameters=frozenset(key for key, _ in outputs.sub("parameters").children()),
        output_artifacts={key: at.flag("isArtifactList") for key, at in outputs.sub("artifacts").children()},
    )


_TEXT = ParameterInput(has_default=False, default=None, may_be_text=True)
_NO_TEXT = ParameterInput(has_default=False, default=None, may_be_text=False)


def _read_parameter(place: Place) -> ParameterInput:
    kind = place.text("parameterType") or place.text("type")
    may_be_text = kind not in _NO_STRINGS
    if "defaultValue" not in place.raw:
        return _TEXT if may_be_text else _NO_TEXT
    return ParameterInput(has_default=True, default=unwrap_value(place.value("defaultValue")), may_be_text=may_be_text)
