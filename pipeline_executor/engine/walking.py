"""The walk through a pipeline that finds out how far everything is, and what may start. Pure; one walk a step.

What Kubeflow's backend leaves to Argo Workflows is decided as there (docs/decisions/0043-an-engine-of-our-own.md):

- A task starts once all upstream have succeeded; one that waits for all, once all have ended. Where one of them did not
  succeed, the former is skipped once all have ended. What does not depend on a failure goes on.
- A dag, and a loop, has ended when all inside has: failed if anything has, else cancelled if anything was, else
  succeeded.
- While cancelling, nothing starts, except what waits for all of something that had begun, with all inside it.

So what runs depends on what tasks do, never on which of them ends first.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from moorage.errors import InputError
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine.collecting import collected, dag_outputs, items_of, iteration_inputs, without_items
from pipeline_executor.engine.expressions import holds
from pipeline_executor.engine.importing import imported
from pipeline_executor.engine.launching import launch
from pipeline_executor.engine.limits import MOST_LAUNCHES, MOST_TASKS
from pipeline_executor.engine.program import Dag, Importer, Signature, Task
from pipeline_executor.engine.records import Attempt, Job, Launch, Outputs
from pipeline_executor.engine.resolving import Inputs, State, Surroundings, resolve
from pipeline_executor.engine.retrying import next_of
from pipeline_executor.engine.values import made_whole

_WAITING = State(TaskPhase.PENDING)
_GOOD = frozenset({TaskPhase.SUCCEEDED, TaskPhase.CACHED})


class TooManyTasksError(Exception):
    """The pipeline has grown beyond `MOST_TASKS`; the message says where."""


class Walk:
    """One walk. What it found is in its attributes, as `Step` describes them."""

    def __init__(
        self, job: Job, attempts: Mapping[str, tuple[Attempt, ...]], now_seconds: float, static_tasks: int
    ) -> None:
        self._job = job
        self._attempts = attempts
        self._begun = _with_all_around(
            path for path, several in attempts.items() if any(attempt.counts for attempt in several)
        )
        self._touched = _with_all_around(attempts)
        self._now_seconds = now_seconds
        self._tasks = static_tasks
        self._held = False
        self.launches: list[Launch] = []
        self.phases: dict[str, TaskPhase] = {}
        self.ended: dict[str, Outputs] = {}
        self.messages: dict[str, str] = {}
        self.wake_at_seconds: float | None = None

    def dag(self, dag: Dag, slots: Signature, prefix: str, given: Inputs, *, cancelling: bool) -> State:
        """Walk a dag and all inside it.

        Args:
            dag: its tasks.
            slots: what it gives out.
            prefix: what the paths of its tasks begin with.
            given: its inputs.
            cancelling: whether nothing shall start in it.
        """
        states: dict[str, State] = {}
        paths = {task.name: f"{prefix}{task.path_name}" for task in dag.tasks}
        for task in dag.tasks:
            if _is_ready(task, states):
                states[task.name] = self._task(task, paths, given, states, cancelling=cancelling)
            else:
                states[task.name] = self._blocked(task, paths[task.name], states)
        return self._summed_up(
            states.values(),
            begun=not prefix or prefix[:-1] in self._begun,
            outputs=lambda: dag_outputs(dag, slots, states),
        )

    def _blocked(self, task: Task, path: str, states: Mapping[str, State]) -> State:
        """Return the state of a task that can't start, for now or for ever."""
        upstream = [(name, states[name].phase) for name in task.upstream]
        if not all(phase.is_final for _, phase in upstream):
            return self._mark(task, path, _WAITING)
        name, phase = next((name, phase) for name, phase in upstream if phase not in _GOOD)
        if any(phase is TaskPhase.CANCELLED for _, phase in upstream):
            return self._mark(task, path, State(TaskPhase.CANCELLED))
        what = "failed" if phase is TaskPhase.FAILED else "was skipped"
        return self._mark(task, path, State(TaskPhase.SKIPPED, message=f"task {name}, which it waits for, {what}"))

    def _task(
        self,
        task: Task,
        paths: Mapping[str, str],
        given: Inputs,
        states: Mapping[str, State],
        *,
        cancelling: bool,
    ) -> State:
        """Return the state of a task whose upstream has ended as it must; `paths` are those of its dag's tasks."""
        path = paths[task.name]
        if cancelling and task.waits_for_all:
            cancelling = not any(paths[name] in self._begun for name in task.upstream)
        here = Surroundings(self._job, path, task, given, states)
        try:
            state = self._started(here, cancelling=cancelling)
        except InputError as error:
            return self._mark(task, path, State(TaskPhase.FAILED, message=str(error)))
        return self._note(path, state)

    def _started(self, here: Surroundings, *, cancelling: bool) -> State:
        task = here.task
        inputs = None
        if task.condition is not None and here.path not in self._begun:
            inputs = resolve(here)
            if not _applies(here, inputs):
                message = f"its condition does not hold: {task.condition.text}"
                return self._mark(task, here.path, State(TaskPhase.SKIPPED, message=message))
        if task.loop is not None:
            return self._loop(here, inputs or resolve(here), cancelling=cancelling)
        return self._body(here, inputs, cancelling=cancelling)

    def _body(self, here: Surroundings, inputs: Inputs | None, *, cancelling: bool) -> State:
        """Return the state of a task that is no loop, or of one iteration; unneeded inputs are not resolved."""
        body = here.task.body
        if isinstance(body, Dag):
            given = inputs or resolve(here)
            return self.dag(body, here.task.signature, f"{here.path}/", given, cancelling=cancelling)
        if isinstance(body, Importer):
            return State(TaskPhase.SUCCEEDED, imported(here, body, inputs or resolve(here)))
        following = next_of(
            self._attempts.get(here.path, ()), here.task.retry, self._now_seconds, starting=not cancelling
        )
        if following.number is not None and len(self.launches) < MOST_LAUNCHES:
            made = launch(here, body, inputs or resolve(here), following.number)
            if not self._held:
                self.launches.append(made)
        if following.at_seconds is not None:
            self.wake_at_seconds = min(following.at_seconds, self.wake_at_seconds or following.at_seconds)
        return _told(here, following.phase, following.last)

    def _loop(self, here: Surroundings, inputs: Inputs, *, cancelling: bool) -> State:
        loop = here.task.loop
        if loop is None:
            return _WAITING
        items = items_of(here, loop, inputs)
        self._tasks += max(len(items) - 1, 0) * here.task.leaves
        if self._tasks > MOST_TASKS:
            raise TooManyTasksError(
                f"task {here.path} loops over {len(items)} items, which makes more than {MOST_TASKS} tasks in this "
                "group: loop over fewer, each with more work"
            )
        states: list[State] = [_WAITING] * len(items)
        running = 0
        paths = [f"{here.path}#{index}" for index in range(len(items))]
        last_touched = max((index for index, path in enumerate(paths) if path in self._touched), default=-1)
        # Those that have begun come first, so that no more run than may; then those whose attempts don't count.
        order = sorted(range(len(items)), key=lambda at: (paths[at] not in self._begun, paths[at] not in self._touched))
        for index in order:
            path = paths[index]
            held = path not in self._begun and 0 < loop.parallelism <= running
            if held and index > last_touched:
                self._mark(here.task, path, _WAITING, iteration=True)
                continue
            # What comes before one that has begun may have ended without a pod, and then has ended for good.
            before, self._held = self._held, self._held or held
            states[index] = self._iteration(replace(here, path=path), inputs, items[index], cancelling=cancelling)
            self._held = before
            running += not held and not states[index].phase.is_final
        return self._summed_up(
            states,
            begun=here.path in self._begun,
            outputs=lambda: collected(here.task.signature, states),
        )

    def _iteration(self, here: Surroundings, inputs: Inputs, item: object, *, cancelling: bool) -> State:
        loop = here.task.loop
        if loop is None:
            return _WAITING
        try:
            given = iteration_inputs(here, loop, inputs, item)
            if not isinstance(here.task.body, Dag):
                given = without_items(loop, given)
            return self._note(here.path, self._body(here, given, cancelling=cancelling))
        except InputError as error:
            failed = State(TaskPhase.FAILED, message=str(error))
            return self._mark(here.task, here.path, failed, iteration=True)

    def _summed_up(self, states: Iterable[State], *, begun: bool, outputs: Callable[[], Outputs]) -> State:
        """Combine the states of all inside into that of a dag or a loop."""
        inside = list(states)
        if not all(state.phase.is_final for state in inside):
            return State(TaskPhase.RUNNING if begun else TaskPhase.PENDING)
        for phase in (TaskPhase.FAILED, TaskPhase.CANCELLED):
            for state in inside:
                if state.phase is phase:
                    return State(phase, message=state.message)
        return State(TaskPhase.SUCCEEDED, outputs())

    def _mark(self, task: Task, path: str, state: State, *, iteration: bool = False) -> State:
        """Write down a task that does not run, and all inside that has a path of its own without running."""
        inside = state if state.phase is not TaskPhase.FAILED else State(TaskPhase.SKIPPED, message=state.message)
        marked = replace(task, loop=None) if iteration else task
        for below, _ in marked.statically_inside(path):
            self._note(below, state if below == path else inside)
        return state

    def _note(self, path: str, state: State) -> State:
        self.phases[path] = state.phase
        if state.outputs is not None:
            self.ended[path] = state.outputs
        if state.message:
            self.messages[path] = state.message
        return state


def _with_all_around(paths: Iterable[str]) -> frozenset[str]:
    """Return the paths, and those of all loops, iterations and dags around them."""
    begun: set[str] = set()
    for path in paths:
        end = len(path)
        while end > 0 and path[:end] not in begun:
            begun.add(path[:end])
            end = max(path.rfind("/", 0, end), path.rfind("#", 0, end))
    return frozenset(begun)


def _is_ready(task: Task, states: Mapping[str, State]) -> bool:
    if task.waits_for_all:
        return all(states[name].phase.is_final for name in task.upstream)
    return all(states[name].phase in _GOOD for name in task.upstream)


def _applies(here: Surroundings, inputs: Inputs) -> bool:
    condition = here.task.condition
    if condition is None:
        return True
    try:
        return holds(condition, inputs.parameters)
    except ValueError as error:
        raise here.fail("condition", f"{condition.text}: {error}") from None


def _told(here: Surroundings, phase: TaskPhase, last: Attempt | None) -> State:
    """Return a leaf's state by its last attempt."""
    if phase is TaskPhase.FAILED:
        reason = last.reason if last is not None else ""
        return State(phase, message=f"task {here.path} failed: {reason}" if reason else f"task {here.path} failed")
    if phase not in _GOOD:
        return State(phase)
    made = (last.outputs if last is not None else None) or Outputs()
    kinds = here.task.signature.output_parameters
    whole = {name: made_whole(value, kinds.get(name, "")) for name, value in made.parameters.items()}
    return State(phase, replace(made, parameters=whole))
