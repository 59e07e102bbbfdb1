"""The phases of runs, groups and tasks. A final phase never changes again."""

from enum import StrEnum
from typing import TypeVar


class RunPhase(StrEnum):
    """The phase of a StretchedPipeline."""

    PLANNING = "Planning"
    AWAITING_APPROVAL = "AwaitingApproval"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"
    INFEASIBLE = "Infeasible"

    @property
    def is_final(self) -> bool:
        """Whether the phase never changes again."""
        return self in _FINAL_RUNS


class GroupPhase(StrEnum):
    """The phase of one group of a run, at one site."""

    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    LOST = "Lost"
    CANCELLED = "Cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the phase never changes again."""
        return self in _FINAL_GROUPS


class TaskPhase(StrEnum):
    """The phase of a task's attempt. `Skipped`: its condition is false. `Cached`: an earlier run's outputs serve."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CACHED = "Cached"
    CANCELLED = "Cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the phase never changes again."""
        return self not in {TaskPhase.PENDING, TaskPhase.RUNNING}


P = TypeVar("P", bound=StrEnum)


def read_phase(text: object, absent: P, unknown: P) -> P:
    """Return the phase that a status names.

    Args:
        text: of the status.
        absent: the phase of a status without one.
        unknown: the phase to take one for that this version does not know: a newer hub may have written it.
    """
    try:
        return type(absent)(str(text)) if text else absent
    except ValueError:
        return unknown


_FINAL_RUNS = frozenset({RunPhase.SUCCEEDED, RunPhase.FAILED, RunPhase.CANCELLED, RunPhase.INFEASIBLE})
_FINAL_GROUPS = frozenset({GroupPhase.SUCCEEDED, GroupPhase.FAILED, GroupPhase.LOST, GroupPhase.CANCELLED})
