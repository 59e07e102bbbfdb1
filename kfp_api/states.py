"""Translation of the phases of runs and tasks into Kubeflow Pipelines' states. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from moorage.runs import RunPhase, TaskPhase


class State(StrEnum):
    """A state of V2beta1RuntimeState."""

    UNSPECIFIED = "RUNTIME_STATE_UNSPECIFIED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    PAUSED = "PAUSED"


# A cancelled run is FAILED, as it is in Kubeflow Pipelines: `wait_for_run_completion` knows succeeded, failed, skipped
# and error only, and would wait for ever for a run that is CANCELED. Its history says CANCELED.
_RUN_STATES = {
    RunPhase.PLANNING: State.PENDING,
    RunPhase.AWAITING_APPROVAL: State.PAUSED,
    RunPhase.RUNNING: State.RUNNING,
    RunPhase.SUCCEEDED: State.SUCCEEDED,
    RunPhase.FAILED: State.FAILED,
    RunPhase.CANCELLING: State.CANCELING,
    RunPhase.CANCELLED: State.FAILED,
    RunPhase.INFEASIBLE: State.FAILED,
}
_TASK_STATES = {
    TaskPhase.PENDING: State.PENDING,
    TaskPhase.RUNNING: State.RUNNING,
    TaskPhase.SUCCEEDED: State.SUCCEEDED,
    TaskPhase.FAILED: State.FAILED,
    TaskPhase.SKIPPED: State.SKIPPED,
    TaskPhase.CACHED: State.SUCCEEDED,
    TaskPhase.CANCELLED: State.CANCELED,
}
_CANCELLED = "the run was cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run.

    Attributes:
        final: the last state of its history once it has ended.
        message: what it waits for, or why it ended so.
    """

    state: State
    final: State | None
    started_at: str
    finished_at: str
    message: str


def progress_of(status: Mapping[str, Any], *, cancel: bool) -> Progress:
    """Read a run's progress from its status; PENDING where the status is empty or unknown.

    Args:
        status: as the hub writes it.
        cancel: whether somebody asked to end the run.
    """
    phase = _phase(status.get("phase"))
    state = _RUN_STATES[phase]
    message = text_of(status.get("message"))
    groups = [group for group in _list(status.get("groups")) if isinstance(group, Mapping)]
    started_at = text_of(status.get("startTime")) or _first(group.get("startTime") for group in groups)
    if not phase.is_final:
        return Progress(State.CANCELING if cancel else state, None, started_at, "", message)
    conditions = [each for each in _list(status.get("conditions")) if isinstance(each, Mapping)]
    finished_at = (
        text_of(status.get("completionTime"))
        or _last(group.get("completionTime") for group in groups)
        or _last(each.get("lastTransitionTime") for each in conditions)
    )
    if phase is RunPhase.CANCELLED:
        return Progress(state, State.CANCELED, started_at, finished_at, message or _CANCELLED)
    return Progress(state, state, started_at, finished_at, message)


def task_state(phase: object) -> State:
    """Return the state of a task in this phase."""
    try:
        return _TASK_STATES[TaskPhase(str(phase))]
    except ValueError:
        return State.UNSPECIFIED


def text_of(value: object) -> str:
    """Return a text out of a status, which a tenant may have written; "" where it is none."""
    return value if isinstance(value, str) else ""


def _phase(value: object) -> RunPhase:
    try:
        return RunPhase(str(value))
    except ValueError:
        return RunPhase.PLANNING


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _first(times: Iterable[object]) -> str:
    return min((text for time in times if (text := text_of(time))), default="")


def _last(times: Iterable[object]) -> str:
    return max((text for time in times if (text := text_of(time))), default="")
