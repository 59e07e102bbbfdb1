"""One look at a group's pods, Workflow and executions: what goes on, what has ended, what can't go on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from moorage.runs import TaskPhase
from pipeline_executor.runners.judging import gone
from pipeline_executor.runners.kubeflow.decisions import CACHED, REFUSED, Attempt, stuck_driver, verdict_of
from pipeline_executor.runners.kubeflow.index import RunIndex
from pipeline_executor.runners.kubeflow.outcomes import Outcome, Outcomes
from pipeline_executor.runners.kubeflow.pods import KubeflowPod
from pipeline_executor.runners.kubeflow.state import State
from pipeline_executor.runners.mounts import MountEvents
from pipeline_executor.runners.program_paths import renamed, without_numbers
from pipeline_executor.runners.verdicts import Patience, Seen, Verdict

_SAME_TROUBLE: Final = 20


@dataclass(slots=True)
class Look:
    """The observations of one look at a group.

    Attributes:
        live: attempts that go on.
        ended: attempts that have ended, for us at least; it is not written down yet.
        unseen: tasks that ended without a pod that was seen.
        vanished: attempts whose pod is gone, with its name, and how they ended.
        waiting: what keeps tasks from beginning, by path.
        hopeless: why it can't go on; "": it can.
        busy: whether a pod of it still runs.
    """

    live: list[Attempt] = field(default_factory=list)
    ended: list[Attempt] = field(default_factory=list)
    unseen: list[tuple[str, Outcome]] = field(default_factory=list)
    vanished: list[tuple[Attempt, str]] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    hopeless: str = ""
    busy: bool = False
    again_seconds: list[float] = field(default_factory=list)


class Looker:
    """A gatherer of the state of a group's pods and executions.

    Args:
        index: pods and Workflows.
        mounts: what kubelets say of volumes.
        patience: with pods that don't start.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, index: RunIndex, mounts: MountEvents, patience: Patience, now: Callable[[], float]) -> None:
        self._index = index
        self._mounts = mounts
        self._patience = patience
        self._now = now

    async def look(self, state: State, pods: list[KubeflowPod], outcomes: Outcomes, terminating: str) -> Look:
        """Take one look at the group.

        Args:
            state: of its group.
            pods: the run's, seen before ML Metadata was asked.
            outcomes: what ML Metadata knows.
            terminating: why the run is being ended; "": it is not.

        Raises:
            MoorageError: the cluster does not answer.
        """
        seen = Look()
        present = {(pod.task, pod.identity.name) for pod in pods}
        for pod in pods:
            if without_numbers(pod.task) not in state.containers:
                continue
            if pod.is_driver:
                await self._driver(state, pod, seen)
            else:
                await self._executor(state, pod, outcomes, terminating, seen)
        self._refusals(state, {pod.task for pod in pods if not pod.is_driver and not pod.is_over}, seen)
        await self._gone(state, present, outcomes, terminating, seen)
        seen.hopeless = seen.hopeless or next(
            (f"task {each.path} failed: {each.verdict.message}" for each in seen.ended if each.is_stuck), ""
        )
        return seen

    def forget(self, pod_uid: str) -> None:
        """Forget a pod whose attempt has ended."""
        self._mounts.forget(pod_uid)

    async def _executor(self, state: State, pod: KubeflowPod, outcomes: Outcomes, terminating: str, seen: Look) -> None:
        key = pod.task, pod.identity.name
        number = state.number_of(key) or state.give_number(key)
        record = state.records.get(pod.task, number)
        seen.busy = seen.busy or not (pod.is_over or pod.main.exit_code is not None or pod.deleting)
        if record is not None and record.end is not None:
            return
        known = await self._seen(state, pod)
        verdict = verdict_of(pod, known, self._patience, outcomes.containers.get(pod.task), terminating=terminating)
        self._note_trouble(state, pod, verdict)
        attempt = Attempt(pod.task, number, verdict, pod)
        if verdict.phase.is_final:
            seen.ended.append(attempt)
            return
        seen.live.append(attempt)
        wakes = (verdict.again_seconds, self._mounts.wake_seconds(pod))
        seen.again_seconds += [seconds for seconds in wakes if seconds is not None]

    async def _driver(self, state: State, pod: KubeflowPod, seen: Look) -> None:
        if pod.is_over:
            return
        seen.busy = seen.busy or not pod.deleting
        verdict = stuck_driver(pod, await self._seen(state, pod), self._patience)
        self._note_trouble(state, pod, verdict)
        if verdict.message:
            seen.waiting[pod.task] = verdict.message
        if verdict.phase is TaskPhase.FAILED:
            seen.hopeless = f"task {pod.task} failed: {verdict.message}"
        elif verdict.again_seconds is not None:
            seen.again_seconds.append(verdict.again_seconds)

    async def _seen(self, state: State, pod: KubeflowPod) -> Seen:
        now = self._now()
        _, since = state.trouble.get(pod.identity.uid, ("", None))
        return Seen(now_seconds=now, trouble_since_seconds=since, mount_problem=await self._mounts.problem(pod, now))

    def _note_trouble(self, state: State, pod: KubeflowPod, verdict: Verdict) -> None:
        uid, words = pod.identity.uid, verdict.message[:_SAME_TROUBLE]
        if not verdict.trouble:
            state.trouble.pop(uid, None)
        elif state.trouble.get(uid, ("", 0.0))[0] != words:
            state.trouble[uid] = words, self._now()

    def _refusals(self, state: State, with_pod: set[str], seen: Look) -> None:
        """Find tasks whose pod the API server refuses: Kubeflow tries again for minutes, and says RUNNING."""
        for workflow in self._index.workflows_of(state.run_id):
            for node, refused in workflow.refused.items():
                path = renamed(node, state.run.group.spec.task_names)
                if path in with_pod or without_numbers(path) not in state.containers:
                    continue
                if refused.wait:
                    seen.waiting[path] = refused.message
                    continue
                key = path, REFUSED
                number = state.number_of(key) or state.give_number(key)
                record = state.records.get(path, number)
                verdict = Verdict(phase=TaskPhase.FAILED, message=refused.message)
                if record is None or record.end is None:
                    seen.ended.append(Attempt(path, number, verdict))
                seen.hopeless = f"task {path} failed: {refused.message}"

    async def _gone(
        self, state: State, present: set[tuple[str, str]], outcomes: Outcomes, terminating: str, seen: Look
    ) -> None:
        """Find tasks that have ended, or were taken away, and have no pod any more."""
        over = state.backend is not None and state.backend.state.is_final
        told = {each.path for each in seen.ended} | {each.path for each in seen.live}
        for (path, name), number in list(state.numbers.items()):
            record = state.records.get(path, number)
            if name in {REFUSED, CACHED} or (path, name) in present or (record is not None and record.end is not None):
                continue
            told.add(path)
            outcome = outcomes.containers.get(path)
            if outcome is not None and _ended_as(outcome, name):
                seen.unseen.append((path, outcome))
                continue
            verdict = gone(started=record is not None and record.started)
            if terminating:
                verdict = Verdict(phase=TaskPhase.CANCELLED, message=terminating)
            seen.vanished.append((Attempt(path, number, verdict), name))
        for path, outcome in outcomes.containers.items():
            if path in told or _is_told(state, path, outcome):
                continue
            if outcome.phase is TaskPhase.CACHED or (over and outcome.phase in {TaskPhase.SUCCEEDED, TaskPhase.FAILED}):
                seen.unseen.append((path, outcome))


def _ended_as(outcome: Outcome, pod: str) -> bool:
    """Return whether ML Metadata has the end of the task whose pod this was."""
    execution = outcome.execution
    return execution is not None and execution.pod == pod and outcome.phase in {TaskPhase.SUCCEEDED, TaskPhase.FAILED}


def _is_told(state: State, path: str, outcome: Outcome) -> bool:
    """Return whether the store has an end of this task from this attempt of its group."""
    mine = [
        record
        for record in state.records.of(path).values()
        if record.end is not None and record.end.group_attempt == state.run.group.spec.attempt
    ]
    if outcome.phase is TaskPhase.FAILED:
        return bool(mine)
    return any(record.end is not None and record.end.phase is outcome.phase for record in mine)
