"""The reader of parsed documents into a `Program`. What can't be run is refused here, with its place and a sentence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from moorage.reading.duration import parse_seconds
from pipeline_executor.engine.expressions import Expression, read_expression
from pipeline_executor.engine.limits import DEEPEST, MOST_TASKS
from pipeline_executor.engine.program import (
    ArtifactSlot,
    Body,
    Dag,
    Loop,
    ParameterBinding,
    ParameterSlot,
    Program,
    Retry,
    Signature,
    Task,
)
from pipeline_executor.engine.reading_executors import read_body
from pipeline_executor.engine.values import type_named
from pipeline_splitter.kfp.bindings import FromInput, FromTask, Said
from pipeline_splitter.kfp.components import Component, Library
from pipeline_splitter.kfp.components import Dag as DagSpec
from pipeline_splitter.kfp.places import Place, shown
from pipeline_splitter.kfp.spec import Spec, read_spec, unwrap_value
from pipeline_splitter.kfp.tasks import TaskSpec, as_list

_MOST_RETRIES: Final = 1_000
_USUAL_STRATEGIES: Final = frozenset({None, "", "TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED"})
_LONGEST_NUMBER: Final = 10
_DURATION: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?s")


def read_program(documents: Sequence[Any], subject: str, task_names: Mapping[str, str] | None = None) -> Program:
    """Reads a compiled pipeline.

    Args:
        documents: as `pipeline_splitter.documents.parse` gives them: the pipeline, and at most one platform document.
        subject: the pipeline, for errors.
        task_names: what the paths of tasks at the root begin with, by their names, where that is something else.

    Raises:
        InputError: naming the place: it can't be read, or has something that can't be run.
    """
    spec = read_spec(documents, subject)
    reader = _Reader(spec)
    root = _renamed(reader.dag(reader.library.root, ()), task_names or {})
    program = Program(
        name=spec.name,
        root=root,
        signature=_signature(reader.library.root),
        defaults=_run_time_defaults(spec),
        workspace=_workspace(spec),
    )
    if root.leaves > MOST_TASKS:
        spec.pipeline.fail(f"the pipeline has more than {MOST_TASKS} tasks, those of nested pipelines included", "root")
    return program


def _renamed(root: Dag, task_names: Mapping[str, str]) -> Dag:
    """Rename tasks as in the files of a plan's groups, which are flat: `train/evaluate` is `train-evaluate` there."""
    tasks = (replace(task, path_name=task_names.get(task.name, task.name)) for task in root.tasks)
    return replace(root, tasks=tuple(tasks))


def _run_time_defaults(spec: Spec) -> Mapping[str, Any]:
    """Return values for the pipeline's parameters that stand beside a wrapped spec."""
    beside = spec.runtime_config
    if beside is None:
        return {}
    old = {name: unwrap_value(value) for name, value in beside.sub("parameters").raw.items()}
    return {**old, **beside.sub("parameterValues").raw}


def _workspace(spec: Spec) -> Mapping[str, Any] | None:
    platform = Place(spec.pipeline.subject, "", spec.platform or {})
    config = platform.sub("platforms").sub("kubernetes").sub("pipelineConfig")
    return config.sub("workspace").raw if config.has("workspace") else None


class _Reader:
    """A reader that reads each component once, however often it is used."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.library = Library(spec)
        self._bodies: dict[str, Body] = {}
        self._signatures: dict[str, Signature] = {}

    def dag(self, component: Component, around: tuple[str, ...]) -> Dag:
        spec = self.library.dag_of(component)
        tasks = [self._task(each, spec, (*around, component.name)) for each in spec.tasks]
        height = 1 + max((task.body.height for task in tasks if isinstance(task.body, Dag)), default=0)
        dag = Dag(tuple(tasks), spec.output_parameters, spec.output_artifacts, height)
        self._check_outputs(component, dag)
        return dag

    def _task(self, spec: TaskSpec, dag: DagSpec, around: tuple[str, ...]) -> Task:
        component = self.library.component_of(spec)
        if "#" in spec.name:
            spec.place.fail("a task's name must not contain '#', which numbers iterations")
        if component.name in around:
            spec.place.fail(f"{component.name!r} contains itself", "componentRef.name")
        if len(around) > DEEPEST:
            spec.place.fail(f"is nested deeper than {DEEPEST} pipelines, loops and conditions")
        body = self._body(component, around)
        caching = spec.place.sub("cachingOptions")
        return Task(
            name=spec.name,
            path_name=spec.name,
            signature=self._signature(component),
            body=body,
            parameters={name: read_binding(said) for name, said in spec.parameters.items()},
            artifacts=dict(_artifact_origins(spec)),
            upstream=tuple(sorted(dag.upstream[spec.name])),
            condition=_condition(spec),
            loop=_loop(spec),
            waits_for_all=spec.waits_for_all,
            retry=_retry(spec.place.sub("retryPolicy")),
            caching=caching.flag("enableCache"),
            cache_key=caching.text("cacheKey") or "",
            leaves=body.leaves if isinstance(body, Dag) else 1,
        )

    def _body(self, component: Component, around: tuple[str, ...]) -> Body:
        key = component.name
        if key not in self._bodies:
            if component.is_dag:
                self._bodies[key] = self.dag(component, around)
            else:
                self._bodies[key] = read_body(self._spec, component)
        body = self._bodies[key]
        if isinstance(body, Dag) and len(around) + body.height > DEEPEST:
            component.place.fail(f"is nested deeper than {DEEPEST} pipelines, loops and conditions")
        return body

    def _signature(self, component: Component) -> Signature:
        if component.name not in self._signatures:
            self._signatures[component.name] = _signature(component)
        return self._signatures[component.name]

    def _check_outputs(self, component: Component, dag: Dag) -> None:
        """Whatever is given out, or handed on inside, must be an output of the task that it is said to come from."""
        tasks = {task.name: task for task in dag.tasks}
        for name, choices in dag.output_parameters.items():
            for each in choices:
                if each.output not in tasks[each.task].signature.output_parameters:
                    component.place.fail(f"{name!r} is {each.output!r} of {each.task!r}, which has none", "dag.outputs")
        for name, choices in dag.output_artifacts.items():
            for each in choices:
                if each.output not in tasks[each.task].signature.output_artifacts:
                    component.place.fail(f"{name!r} is {each.output!r} of {each.task!r}, which has none", "dag.outputs")


def read_binding(said: Said) -> ParameterBinding:
    """Read one parameter binding, its selector parsed."""
    if said.selector is None:
        return ParameterBinding(said.origin)
    try:
        return ParameterBinding(said.origin, read_expression(said.selector))
    except ValueError as error:
        said.place.fail(str(error), "parameterExpressionSelector")


def _artifact_origins(spec: TaskSpec) -> Iterator[tuple[str, FromInput | FromTask]]:
    for name, said in spec.artifacts.items():
        if isinstance(said.origin, FromInput | FromTask):
            yield name, said.origin


def _condition(spec: TaskSpec) -> Expression | None:
    trigger = spec.place.sub("triggerPolicy")
    strategy = trigger.text("strategy")
    if not spec.waits_for_all and strategy not in _USUAL_STRATEGIES:
        trigger.fail(f"{shown(strategy)} is not known here", "strategy")
    text = trigger.text("condition")
    if not text:
        return None
    try:
        return read_expression(text)
    except ValueError as error:
        trigger.fail(str(error), "condition")


def _loop(spec: TaskSpec) -> Loop | None:
    loop = spec.iterator
    if loop is None:
        return None
    items = as_list(loop.text) or [] if loop.source is None else []
    return Loop(loop.item, loop.source, tuple(items), loop.is_artifact, loop.parallelism)


def _retry(policy: Place) -> Retry:
    if not policy.raw:
        return Retry()
    most = _whole(policy, "maxRetryCount")
    factor = policy.value("backoffFactor")
    if factor is not None and (isinstance(factor, bool) or not isinstance(factor, int | float) or not factor >= 0):
        policy.fail(f"must be a number of at least 0, not {shown(factor)}", "backoffFactor")
    return Retry(
        most=min(most, _MOST_RETRIES),
        backoff_seconds=_seconds(policy, "backoffDuration", 0.0),
        factor=float(factor or 2.0),
        most_seconds=_seconds(policy, "backoffMaxDuration", 3600.0),
    )


def _seconds(place: Place, key: str, default: float) -> float:
    text = place.text(key)
    if not text:
        return default
    if not _DURATION.fullmatch(text):
        place.fail(f"must be a duration as protobuf writes it, like '60s', not {shown(text)}", key)
    return float(parse_seconds(text))


def _whole(place: Place, key: str) -> int:
    """Return a whole number; protobuf's JSON writes them as numbers or as strings."""
    value = place.value(key)
    if value is None:
        return 0
    if isinstance(value, str) and value.isdecimal() and len(value) <= _LONGEST_NUMBER:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        place.fail(f"must be a whole number of at least 0, not {shown(value)}", key)
    return int(value)


def _signature(component: Component) -> Signature:
    inputs, outputs = component.place.sub("inputDefinitions"), component.place.sub("outputDefinitions")
    return Signature(
        parameters={name: _parameter_slot(at) for name, at in inputs.sub("parameters").children()},
        artifacts={name: _artifact_slot(at) for name, at in inputs.sub("artifacts").children()},
        output_parameters={name: _kind(at) for name, at in outputs.sub("parameters").children()},
        output_artifacts={name: _artifact_slot(at) for name, at in outputs.sub("artifacts").children()},
    )


def _kind(place: Place) -> str:
    return type_named(place.text("parameterType"), place.text("type"))


def _parameter_slot(place: Place) -> ParameterSlot:
    default = unwrap_value(place.value("defaultValue"))
    return ParameterSlot(
        kind=_kind(place),
        optional=place.flag("isOptional"),
        has_default=default is not None,
        default=default,
        choices=tuple(place.items("literals")),
    )


def _artifact_slot(place: Place) -> ArtifactSlot:
    return ArtifactSlot(place.sub("artifactType").raw, place.flag("isArtifactList"), place.flag("isOptional"))
