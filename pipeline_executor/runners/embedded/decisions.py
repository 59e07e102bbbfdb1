"""Decisions on a whole group from its pods and its records: pure functions over frozen records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moorage.runs import TaskPhase
from pipeline_executor.engine import Attempt, Step
from pipeline_executor.runners.embedded.pod_facts import PodFacts
from pipeline_executor.runners.pod_states import seconds_of
from pipeline_executor.runners.program_paths import without_numbers
from pipeline_executor.runners.protocol import TaskState
from pipeline_executor.runners.task_records import AttemptRecord
from pipeline_executor.runners.verdicts import Verdict

MOST_INTERRUPTIONS = 3
"""The most interrupted attempts that are replaced, beside the task's own retries."""

AttemptKey = tuple[str, int]
"""Task and attempt."""


@dataclass(frozen=True, slots=True)
class Live:
    """An attempt that has begun and not ended; `pod`: None until the informer has seen it."""

    path: str
    number: int
    verdict: Verdict
    pod: PodFacts | None = None


def attempts_of(
    records: Mapping[str, Mapping[int, AttemptRecord]], live: Iterable[Live], group_attempt: int
) -> dict[str, tuple[Attempt, ...]]:
    """Return the attempts as the engine reads them.

    What earlier attempts of the group finished counts as finished; what failed there is tried again, and its numbers
    are not used again. Of interruptions some are made good, and then they count as failures.
    """
    told: dict[str, dict[int, Attempt]] = {}
    for path, several in records.items():
        interruptions = 0
        for number, record in sorted(several.items()):
            if record.end is None:
                continue
            end = record.end
            counts = end.phase is TaskPhase.SUCCEEDED or end.group_attempt in {0, group_attempt}
            if end.interrupted and counts:
                interruptions += 1
                counts = interruptions > MOST_INTERRUPTIONS
            phase, reason = end.phase, end.reason
            if phase is TaskPhase.SUCCEEDED and not record.succeeded:
                phase, reason = TaskPhase.FAILED, "it succeeded, and what it gave out is not in the store any more"
            told.setdefault(path, {})[number] = Attempt(
                number,
                phase,
                outputs=record.outputs if phase is TaskPhase.SUCCEEDED else None,
                reason=reason,
                ended_seconds=seconds_of(end.end),
                counts=counts,
            )
    for each in live:
        phase = TaskPhase.RUNNING if each.verdict.phase is TaskPhase.RUNNING else TaskPhase.PENDING
        told.setdefault(each.path, {})[each.number] = Attempt(each.number, phase)
    return {path: tuple(attempt for _, attempt in sorted(several.items())) for path, several in told.items()}


def task_states(
    step: Step,
    containers: frozenset[str],
    records: Mapping[str, Mapping[int, AttemptRecord]],
    live: Iterable[Live],
    waiting: Mapping[str, str],
) -> dict[str, TaskState]:
    """Return the state of each container task, by path.

    Args:
        step: what the engine says.
        containers: `container_paths`.
        records: the records of all attempts that have ended.
        live: those that have not.
        waiting: what keeps tasks from beginning that may begin, by path.
    """
    alive = {each.path: each for each in live}
    states = {}
    for path, phase in step.phases.items():
        if without_numbers(path) not in containers or _is_loop(path, step):
            continue
        now = alive.get(path)
        if now is not None:
            start, node = (now.pod.main.start, now.pod.node) if now.pod is not None else ("", "")
            live_phase = TaskPhase.RUNNING if now.verdict.phase is TaskPhase.RUNNING else TaskPhase.PENDING
            states[path] = TaskState(live_phase, now.number, now.verdict.message, start, "", node)
            continue
        message = step.messages.get(path, "") or waiting.get(path, "")
        last = max(records.get(path, {}).values(), key=lambda record: record.number, default=None)
        if last is None or last.end is None:
            states[path] = TaskState(phase, 0, message)
        else:
            end = last.end
            states[path] = TaskState(phase, last.number, message or end.reason, end.start, end.end, end.node)
    return states


def _is_loop(path: str, step: Step) -> bool:
    """Return whether a path is a loop's own entry, beside those of its iterations."""
    return "#" not in path.rsplit("/", 1)[-1] and f"{path}#0" in step.phases
