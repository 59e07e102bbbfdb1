"""Progress and outputs of a pipeline's tasks, by ML Metadata's knowledge of the run. Pure.

The pipeline is walked down from its root, and each task is looked for inside of the execution that it belongs to. What
a pipeline, a loop or a nested pipeline gives out is followed to the tasks that made it, as the engine does: ML Metadata
says it of none of them, and the root stays RUNNING for ever.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from moorage.runs import TaskPhase
from pipeline_executor.engine import Artifact, Outputs, Program
from pipeline_executor.engine.collecting import collected, dag_outputs
from pipeline_executor.engine.program import Container, Dag, Signature, Task
from pipeline_executor.engine.resolving import State
from pipeline_executor.engine.values import DOUBLE, INTEGER, made_whole
from pipeline_executor.runners.kubeflow.lineage import (
    Execution,
    ExecutionState,
    Lineage,
    StoredArtifact,
    made_whole_deeply,
)
from pipeline_executor.runners.kubeflow.places import Places

_PHASES: Final = {
    ExecutionState.COMPLETE: TaskPhase.SUCCEEDED,
    ExecutionState.CACHED: TaskPhase.CACHED,
    ExecutionState.FAILED: TaskPhase.FAILED,
    ExecutionState.CANCELED: TaskPhase.SKIPPED,
}
_GOOD: Final = frozenset({TaskPhase.SUCCEEDED, TaskPhase.CACHED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one container task.

    Attributes:
        execution: None where nothing was begun of it.
        problem: what is wrong with what it gave out; "": nothing.
        inputs: the URIs that its launcher copied into the pod.
    """

    phase: TaskPhase
    outputs: Outputs | None = None
    execution: Execution | None = None
    problem: str = ""
    inputs: tuple[str, ...] = ()


@dataclass(slots=True)
class Outcomes:
    """The outcomes of a whole pipeline.

    Attributes:
        containers: by path; those of loops as often as they run.
        ended: outputs of all that has succeeded, nested pipelines and loops included.
        outputs: the pipeline's; None until all of it has succeeded.
    """

    containers: dict[str, Outcome] = field(default_factory=dict)
    ended: dict[str, Outputs] = field(default_factory=dict)
    outputs: Outputs | None = None


def outcomes_of(program: Program, lineage: Lineage, places: Places, unbegun: TaskPhase = TaskPhase.PENDING) -> Outcomes:
    """Work out the outcomes of a pipeline.

    Args:
        program: the pipeline.
        lineage: what is known of the run.
        places: where outputs may lie; those that lie elsewhere are none.
        unbegun: how a task is of which nothing was begun: once the run has ended, Skipped or Cancelled.
    """
    walk = _Walk(lineage, places, unbegun)
    root = lineage.root
    state = walk.dag(program.root, program.signature, "", root)
    walk.found.outputs = state.outputs
    return walk.found


class _Walk:
    def __init__(self, lineage: Lineage, places: Places, unbegun: TaskPhase) -> None:
        self._lineage = lineage
        self._places = places
        self._unbegun = unbegun
        self._inside: dict[int, list[Execution]] = {}
        for each in lineage.executions:
            self._inside.setdefault(each.parent, []).append(each)
        self.found = Outcomes()

    def dag(self, dag: Dag, slots: Signature, prefix: str, around: Execution | None) -> State:
        """Return the state of a dag whose tasks' paths begin with `prefix`."""
        states: dict[str, State] = {}
        for task in dag.tasks:
            path = f"{prefix}{task.path_name}"
            execution = None if around is None else self._of(around, task.name)
            states[task.name] = self._noted(path, self._task(task, path, execution))
        return self._summed_up(states.values(), lambda: dag_outputs(dag, slots, states))

    def _task(self, task: Task, path: str, execution: Execution | None) -> State:
        """Return the state of a task; one without an execution was not begun, nor anything inside of it."""
        if execution is not None and execution.state is ExecutionState.CANCELED:
            return self._mark(task, path, TaskPhase.SKIPPED)
        if execution is None:
            return self._mark(task, path, self._unbegun)
        if task.loop is not None:
            return self._loop(task, path, execution)
        if isinstance(task.body, Dag):
            return self.dag(task.body, task.signature, f"{path}/", execution)
        return self._leaf(task, path, execution)

    def _leaf(self, task: Task, path: str, execution: Execution) -> State:
        phase = _PHASES.get(execution.state, TaskPhase.CANCELLED if self._unbegun.is_final else TaskPhase.RUNNING)
        outputs = self._outputs(task, execution) if phase in _GOOD else None
        if isinstance(task.body, Container):
            problem = self._misplaced(execution, outputs)
            self.found.containers[path] = Outcome(phase, outputs, execution, problem, self._copied(execution))
        return State(phase, outputs)

    def _copied(self, execution: Execution) -> tuple[str, ...]:
        """What a launcher copied: nothing where the cache served, and nothing of another tenant's is looked at."""
        if execution.state is not ExecutionState.COMPLETE:
            return ()
        return tuple(uri for uri in self._lineage.inputs.get(execution.id, ()) if self._places.is_known(uri))

    def _loop(self, task: Task, path: str, execution: Execution) -> State:
        if execution.iterations is None:
            return State(TaskPhase.CANCELLED if self._unbegun.is_final else TaskPhase.PENDING)
        numbered = {each.iteration: each for each in self._latest(self._inside.get(execution.id, ()))}
        states = []
        for index in range(execution.iterations):
            here, inside = f"{path}#{index}", numbered.get(index)
            states.append(self._noted(here, self._task(replace(task, loop=None), here, inside)))
        return self._summed_up(states, lambda: collected(task.signature, states))

    def _outputs(self, task: Task, execution: Execution) -> Outputs:
        slots = task.signature
        parameters = {
            name: cast_output(value, slots.output_parameters.get(name, ""))
            for name, value in execution.outputs.items()
            if value is not None
        }
        made = self._lineage.artifacts.get(execution.id, {})
        artifacts = {}
        for name, slot in slots.output_artifacts.items():
            several = [each for each in made.get(name, ()) if self._may_give(task, execution, name, each)]
            if several or slot.is_list:
                artifacts[name] = tuple(Artifact(name, slot.type, each.uri, each.metadata) for each in several)
        lists = frozenset(name for name, slot in slots.output_artifacts.items() if slot.is_list)
        return Outputs(parameters, artifacts, lists)

    def _may_give(self, task: Task, execution: Execution, name: str, made: StoredArtifact) -> bool:
        """Return whether an artifact may be an output: it lies in its task's own place, or was imported."""
        if not isinstance(task.body, Container):
            return made.uri in self._places.imported
        cached = execution.state is ExecutionState.CACHED
        return self._places.is_own(made.uri, task.name, name, cached=cached)

    def _misplaced(self, execution: Execution, outputs: Outputs | None) -> str:
        """Return a sentence about outputs that lie elsewhere, or ""."""
        if outputs is None:
            return ""
        made = self._lineage.artifacts.get(execution.id, {})
        for name, several in sorted(made.items()):
            if len(several) > len(outputs.artifacts.get(name, ())):
                return f"output {name} is left out: it does not lie in the task's own place; don't set its uri"
        return ""

    def _of(self, around: Execution, name: str) -> Execution | None:
        """Return the execution of a task inside of another; of several tries, the one that went well, else the last."""
        tries = [each for each in self._inside.get(around.id, ()) if each.task == name]
        return max(tries, key=_standing, default=None)

    @staticmethod
    def _latest(several: Iterable[Execution]) -> list[Execution]:
        return sorted((each for each in several if each.iteration is not None), key=_standing)

    def _summed_up(self, states: Iterable[State], outputs: Callable[[], Outputs]) -> State:
        inside = list(states)
        if not all(state.phase.is_final for state in inside):
            begun = any(state.phase is not TaskPhase.PENDING for state in inside)
            return State(TaskPhase.RUNNING if begun else TaskPhase.PENDING)
        for phase in (TaskPhase.FAILED, TaskPhase.CANCELLED):
            if any(state.phase is phase for state in inside):
                return State(phase)
        return State(TaskPhase.SUCCEEDED, outputs())

    def _noted(self, path: str, state: State) -> State:
        if state.outputs is not None:
            self.found.ended[path] = state.outputs
        return state

    def _mark(self, task: Task, path: str, phase: TaskPhase) -> State:
        """Mark a task of which nothing was begun, and all inside that has a path of its own."""
        for below, inner in task.statically_inside(path):
            if isinstance(inner.body, Container) and inner.loop is None:
                self.found.containers[below] = Outcome(phase)
        return State(phase)


def cast_output(value: Any, kind: str) -> Any:  # noqa: ANN401 - JSON
    """Return a parameter as its component declares it: ML Metadata has floats only."""
    if kind == DOUBLE:
        return value
    return made_whole(value, kind) if kind == INTEGER else made_whole_deeply(value)


def _standing(execution: Execution) -> tuple[bool, int]:
    return _PHASES.get(execution.state) in _GOOD, execution.id
