"""Decisions on a whole group from its pods, its Workflow and ML Metadata: pure functions over frozen records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from moorage.runs import TaskPhase
from pipeline_executor.runners.judging import judge
from pipeline_executor.runners.kubeflow.answers import BackendRun, RunState
from pipeline_executor.runners.kubeflow.outcomes import Outcome
from pipeline_executor.runners.kubeflow.pods import KubeflowPod
from pipeline_executor.runners.protocol import TaskState
from pipeline_executor.runners.sentences import shortened
from pipeline_executor.runners.task_records import AttemptRecord
from pipeline_executor.runners.verdicts import Patience, Seen, Verdict

_KILLED: Final = frozenset({137, 143})
"""The exit codes of a container that was killed, or told to end."""
REFUSED: Final = "refused"
"""The word in place of a pod's name where the API server refused the pod."""
CACHED: Final = "cached"
"""Likewise, where there never was a pod."""
RECORDING_SECONDS: Final = 60.0
"""The time in which ML Metadata may learn that a container ended well."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a task that has not ended in the store.

    Attributes:
        pod: None where there is none: it was refused.
        name: the pod's; "" where there is none.
    """

    path: str
    number: int
    verdict: Verdict
    pod: KubeflowPod | None = None

    @property
    def name(self) -> str:
        """The pod's name; "" where there is none."""
        return "" if self.pod is None else self.pod.identity.name

    @property
    def is_stuck(self) -> bool:
        """Whether it has failed for us while Kubeflow would wait for ever, or try for minutes."""
        alive = self.pod is None or not (self.pod.is_over or self.pod.main.exit_code is not None or self.pod.deleting)
        return self.verdict.phase is TaskPhase.FAILED and alive and not self.verdict.interrupted


def verdict_of(
    pod: KubeflowPod, seen: Seen, patience: Patience, outcome: Outcome | None, *, terminating: str
) -> Verdict:
    """Judge the attempt of a task's pod.

    Args:
        pod: the pod.
        seen: what is known besides; `outputs` is found out here.
        patience: with pods that don't start.
        outcome: what ML Metadata knows of the task.
        terminating: why the run is being ended; "": it is not.
    """
    main = pod.main
    was_ended = pod.is_over if main.exit_code is None else main.exit_code in _KILLED
    if terminating and main.exit_code != 0 and (was_ended or pod.deleting):
        return Verdict(phase=TaskPhase.CANCELLED, message=terminating)
    if main.exit_code != 0:
        return judge(pod, seen, patience)
    if outcome is not None and outcome.phase in {TaskPhase.SUCCEEDED, TaskPhase.CACHED}:
        return Verdict(phase=TaskPhase.SUCCEEDED)
    since = seen.trouble_since_seconds
    if since is not None and seen.now_seconds - since > RECORDING_SECONDS:
        problem = "it ended with exit code 0, and ML Metadata has nothing of what it gave out"
        return Verdict(phase=TaskPhase.FAILED, message=f"{problem}: see the log of its Kubeflow launcher")
    return Verdict(
        phase=TaskPhase.RUNNING, message="what it gave out is being recorded", trouble=True, again_seconds=1.0
    )


def stuck_driver(pod: KubeflowPod, seen: Seen, patience: Patience) -> Verdict:
    """Judge a driver's pod: Kubeflow waits for ever for one that does not start."""
    verdict = judge(pod, seen, patience)
    if verdict.phase is TaskPhase.FAILED and (pod.is_over or pod.main.exit_code is not None or pod.deleting):
        return Verdict(phase=TaskPhase.RUNNING)  # Kubeflow sees that itself, and may try again
    if not verdict.message:
        return verdict
    message = shortened(f"Kubeflow's driver of it does not run: {verdict.message}")
    return Verdict(phase=verdict.phase, message=message, trouble=verdict.trouble, again_seconds=verdict.again_seconds)


def phase_of(run: BackendRun, *, cancelling: bool) -> TaskPhase:
    """Return the group's phase by the run's state."""
    if not run.state.is_final:
        return TaskPhase.RUNNING
    if run.state in {RunState.SUCCEEDED, RunState.SKIPPED}:
        return TaskPhase.SUCCEEDED
    return TaskPhase.CANCELLED if cancelling else TaskPhase.FAILED


def unbegun(run: BackendRun, *, cancelling: bool) -> TaskPhase:
    """Return the phase of tasks of which nothing has begun."""
    if not run.state.is_final:
        return TaskPhase.PENDING
    return TaskPhase.CANCELLED if phase_of(run, cancelling=cancelling) is TaskPhase.CANCELLED else TaskPhase.SKIPPED


def task_states(
    outcomes: Mapping[str, Outcome],
    records: Mapping[str, Mapping[int, AttemptRecord]],
    live: Iterable[Attempt],
    waiting: Mapping[str, str],
    *,
    group_attempt: int,
) -> dict[str, TaskState]:
    """Return the state of each container task, by path.

    Args:
        outcomes: what ML Metadata knows.
        records: the records of all attempts.
        live: those that go on.
        waiting: what keeps tasks from beginning, by path.
        group_attempt: what failed in an earlier one says nothing now.
    """
    states: dict[str, TaskState] = {}
    going_on = {each.path: each for each in live}
    for path in sorted({*outcomes, *records, *going_on}):
        now = going_on.get(path)
        if now is not None:
            phase = TaskPhase.RUNNING if now.verdict.phase is TaskPhase.RUNNING else TaskPhase.PENDING
            start, node = ("", "") if now.pod is None else (now.pod.main.start, now.pod.node)
            states[path] = TaskState(phase, now.number, now.verdict.message, start, "", node)
            continue
        last = _last(records.get(path, {}), group_attempt)
        outcome = outcomes.get(path, Outcome(TaskPhase.PENDING))
        if last is not None and last.end is not None and outcome.phase is not TaskPhase.SKIPPED:
            end = last.end
            states[path] = TaskState(end.phase, last.number, end.reason, end.start, end.end, end.node)
        else:
            states[path] = TaskState(outcome.phase, 0, waiting.get(path, ""))
    return states


def _last(several: Mapping[int, AttemptRecord], group_attempt: int) -> AttemptRecord | None:
    """Return the last attempt that counts: of this attempt of the group."""
    mine = [each for each in several.values() if each.end is not None and each.end.group_attempt == group_attempt]
    return max(mine, key=lambda record: record.number, default=None)
