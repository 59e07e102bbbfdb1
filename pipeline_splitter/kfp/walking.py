"""Flattening: one walk through nested pipelines, task by task in topological order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeline_splitter.graph import Pin
from pipeline_splitter.hints import TaskHint
from pipeline_splitter.kfp.components import Component, Dag, Selected
from pipeline_splitter.kfp.context import Context
from pipeline_splitter.kfp.controls import (
    add_control,
    add_unit_control,
    inside_artifacts,
    inside_parameters,
    item_count,
)
from pipeline_splitter.kfp.executors import Importer
from pipeline_splitter.kfp.hinting import inside_loop, inside_unit, merged
from pipeline_splitter.kfp.leaves import visit_container, visit_importer
from pipeline_splitter.kfp.pipeline import EntryKind, PipelineInput, TaskOutput
from pipeline_splitter.kfp.resolving import resolve
from pipeline_splitter.kfp.scopes import HINT_SITES, Here, Inputs, Scope, Unit, Visited
from pipeline_splitter.kfp.tasks import TaskSpec
from pipeline_splitter.kfp.values import Part, Value
from pipeline_splitter.kfp.work import NO_WORK, Work, together

_BRANCHES = re.compile(r"condition-branches-[0-9]+")
_MAX_DEPTH = 64
_MAX_TASKS = 20_000
_MAX_EDGES = 500_000


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a dag."""

    parameters: Mapping[str, Value]
    artifacts: Mapping[str, Value]


@dataclass(slots=True)
class Walk:
    """A walk through one pipeline; the context's ledger holds what it found."""

    context: Context
    _paths: set[str] = field(default_factory=set)
    _edges: int = 0

    def whole(self) -> Outputs:
        """Walk the whole pipeline, and return what it gives out."""
        root = self.context.library.root
        scope = Scope("", _own(root.input_parameters), _own(root.input_artifacts), TaskHint())
        return self._outputs(root, self._inside(root, scope))

    def _inside(self, component: Component, scope: Scope) -> dict[str, Visited]:
        beside: dict[str, Visited] = {}
        dag = self.context.library.dag_of(component)
        for task in dag.tasks:
            beside[task.name] = self._task(task, dag, scope, beside)
        return beside

    def _outputs(self, component: Component, beside: Mapping[str, Visited]) -> Outputs:
        dag = self.context.library.dag_of(component)
        parameters = {name: visited.parameters for name, visited in beside.items()}
        artifacts = {name: visited.artifacts for name, visited in beside.items()}
        return Outputs(
            {name: _selected(component, name, choice, parameters) for name, choice in dag.output_parameters.items()},
            {name: _selected(component, name, choice, artifacts) for name, choice in dag.output_artifacts.items()},
        )

    def _task(self, task: TaskSpec, dag: Dag, scope: Scope, beside: Mapping[str, Visited]) -> Visited:
        component = self.context.library.component_of(task)
        path = f"{scope.prefix}{task.name}"
        self._guard(path, task, component, scope)
        if task.title:
            self.context.book.name_title(path, task.title)
        here = Here(path, task, component, scope, beside, resolve(task, component, scope, beside))
        self._guard_edges(here)
        if scope.unit is None:
            return self._unit(here) if self._is_unit(task, component, dag) else self._plain(here)
        if task.iterator is not None or task.is_conditional:
            return self._repeated(here, scope.unit)
        return self._plain(here)

    def _guard(self, path: str, task: TaskSpec, component: Component, scope: Scope) -> None:
        if component.name in scope.stack:
            task.place.fail(f"{component.name!r} contains itself", "componentRef.name")
        if len(scope.stack) >= _MAX_DEPTH:
            task.place.fail(f"is nested deeper than {_MAX_DEPTH} components")
        if len(self._paths) >= _MAX_TASKS:
            task.place.fail(f"the pipeline has more than {_MAX_TASKS} tasks, those of nested pipelines included")
        self._paths.add(path)

    def _guard_edges(self, here: Here) -> None:
        """Guard against more edges than memory holds: a small file may have long lists that all wait for each other."""
        values = (*here.inputs.parameters.values(), *here.inputs.artifacts.values())
        waited = (here.scope.before, *(here.beside[name].tasks for name in here.task.after))
        self._edges += sum(value.weight for value in values) + sum(map(len, waited))
        if self._edges > _MAX_EDGES:
            here.task.place.fail(f"the pipeline has more than {_MAX_EDGES} edges, those of nested pipelines included")

    def _is_unit(self, task: TaskSpec, component: Component, dag: Dag) -> bool:
        """Return whether a task stays whole.

        Loops, conditions, and what the SDK makes of them: an exit handler's body is a dag that a task waits for which
        also runs after failures (so is a nested pipeline in its place: taken apart, its failure would be another); the
        branches of If/Elif/Else are a dag that chooses between conditions.
        """
        if task.iterator is not None or task.is_conditional:
            return True
        if not component.is_dag:
            return False
        if task.name in dag.awaited or task.waits_for_all:
            return True
        # The SDK gives caching options to tasks, never to groups.
        is_named_group = _BRANCHES.fullmatch(task.name) is not None and not task.place.has("cachingOptions")
        return is_named_group or self.context.library.dag_of(component).chooses

    def _plain(self, here: Here) -> Visited:
        """Walk a container, an importer, or a nested pipeline."""
        if here.component.is_dag:
            return self._nested(here, here.inputs)
        executor = self.context.library.executor_of(here.component)
        if isinstance(executor, Importer):
            return visit_importer(self.context, here, executor)
        return visit_container(self.context, here, executor)

    def _nested(self, here: Here, given: Inputs) -> Visited:
        """Walk a dag: a nested pipeline or, inside of a unit, also what a loop or a condition contains."""
        waits = self.context.ledger.waits(here)
        hint = merged(here.scope.hint, self.context.book.on(here.path))
        if here.scope.unit is not None:
            here.scope.unit.components.add(here.component.name)
        scope = Scope(
            prefix=f"{here.path}/",
            parameters=given.parameters,
            artifacts=given.artifacts,
            hint=inside_loop(hint) if here.task.iterator is not None or here.task.is_conditional else hint,
            unit=here.scope.unit,
            before=waits.tasks,
            entries_before=waits.entries,
            enclosing=(*here.scope.enclosing, here.task.raw),
            stack=(*here.scope.stack, here.component.name),
        )
        beside = self._inside(here.component, scope)
        outputs = self._outputs(here.component, beside)
        inside = beside.values()
        work = NO_WORK if here.scope.unit is None else self._work(here.component, beside)
        tasks = _union(each.tasks for each in inside if not each.is_importer)
        return Visited(
            path=here.path,
            parameters=outputs.parameters,
            artifacts=outputs.artifacts,
            # Where there are only importers inside, or nothing, it passes on what it waits for.
            tasks=tasks or waits.tasks | _union(each.tasks for each in inside),
            entries=_union(each.entries for each in inside) or waits.entries,
            work=work,
        )

    def _work(self, component: Component, beside: Mapping[str, Visited]) -> Work:
        upstream = self.context.library.dag_of(component).upstream
        return together({name: visited.work for name, visited in beside.items()}, upstream)

    def _repeated(self, here: Here, unit: Unit) -> Visited:
        """Walk a loop or a condition inside of a unit."""
        add_control(here, unit, self.context.ledger.data)
        own = self.context.book.on(here.path)
        hint = merged(here.scope.hint, own)
        given = Inputs(inside_parameters(here.task, here.inputs), inside_artifacts(here.task, here.inputs))
        visited = self._nested(here, given) if here.component.is_dag else self._plain(replace(here, inputs=given))
        return replace(visited, work=visited.work.repeated(own, hint, here.task.iterator, item_count(here)))

    def _unit(self, here: Here) -> Visited:
        context, path = self.context, here.path
        own = context.book.on(path)
        hint = merged(here.scope.hint, own)
        waits = context.ledger.waits(here)
        unit = Unit(path)
        if hint.sites is not None:
            unit.pins.append(Pin(hint.sites, HINT_SITES, context.book.place_of_sites(path)))
        inside = self._unit_inside(here, unit, inside_unit(hint, own))
        work = inside.work.repeated(own, hint, here.task.iterator, item_count(here)).as_unit(own.seconds, hint.cpu)
        add_unit_control(here, unit, context.ledger.data)
        for name, value in inside.artifacts.items():
            context.book.name_artifact(f"{path}.{name}")
            context.ledger.data.leaves_unit(path, name, value)
            if here.component.output_artifacts.get(name, False):
                context.ledger.data.declare_list(path, name)
        context.ledger.add_task(path, tuple(unit.steps), work, unit.pins, is_unit=True, title=here.task.title)
        context.ledger.add_edges(path, here.inputs, unit.reference_values, waits)
        context.ledger.await_all(here)
        context.ledger.add_entry(here, EntryKind.UNIT, waits, tuple(unit.references), unit)
        return Visited(
            path=path,
            parameters={name: _leaving(path, name, value) for name, value in inside.parameters.items()},
            artifacts={name: _leaving(path, name, value) for name, value in inside.artifacts.items()},
            tasks=frozenset({path}),
            entries=frozenset({path}),
        )

    def _unit_inside(self, here: Here, unit: Unit, hint: TaskHint) -> Visited:
        """Walk the inside of a unit, ordered as its steps are. `hint`: what is stated of each of these."""
        inputs = Inputs(
            {name: replace(value, through=name) for name, value in here.inputs.parameters.items()},
            {name: replace(value, through=name) for name, value in here.inputs.artifacts.items()},
        )
        given = Inputs(inside_parameters(here.task, inputs), inside_artifacts(here.task, inputs))
        scope = replace(here.scope, unit=unit, hint=hint, before=frozenset(), entries_before=frozenset())
        if not here.component.is_dag:
            return self._plain(replace(here, scope=scope, inputs=given))
        unit.components.add(here.component.name)
        scope = replace(
            scope,
            prefix=f"{here.path}/",
            parameters=given.parameters,
            artifacts=given.artifacts,
            stack=(*scope.stack, here.component.name),
        )
        beside = self._inside(here.component, scope)
        outputs = self._outputs(here.component, beside)
        work = self._work(here.component, beside)
        none = frozenset[str]()
        return Visited(here.path, outputs.parameters, outputs.artifacts, none, none, work)


def _own(names: Iterable[str]) -> dict[str, Value]:
    return {name: Value((Part(PipelineInput(name)),)) for name in names}


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)


def _leaving(path: str, name: str, value: Value) -> Value:
    return Value((Part(TaskOutput(path, name), tuple(dict.fromkeys(value.steps()))),))


def _selected(
    component: Component, name: str, choice: tuple[Selected, ...], outputs: Mapping[str, Mapping[str, Value]]
) -> Value:
    """Return an output of a dag: that of one task inside, or those of several."""
    values = []
    for each in choice:
        if each.output not in outputs[each.task]:
            component.place.fail(
                f"{name!r} is {each.output!r} of {each.task!r}, which has no such output", "dag.outputs"
            )
        values.append(outputs[each.task][each.output])
    if len(values) == 1:
        return values[0]
    return Value(tuple(dict.fromkeys(part for value in values for part in value.parts)))
