"""Retries: whether a task has ended, runs, or may be tried again, and when, by its attempts."""

from collections.abc import Sequence
from dataclasses import dataclass

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine.program import Retry
from pipeline_executor.engine.records import Attempt


@dataclass(frozen=True, slots=True)
class Next:
    """The consequence of a task's attempts.

    Attributes:
        phase: the task's.
        last: the attempt that counts; None where there is none.
        number: of the attempt that may start now; None: none may.
        at_seconds: when one may start, where it has to wait.
    """

    phase: TaskPhase
    last: Attempt | None = None
    number: int | None = None
    at_seconds: float | None = None


def next_of(attempts: Sequence[Attempt], retry: Retry, now_seconds: float, *, starting: bool) -> Next:
    """Decide what follows from a task's attempts.

    Args:
        attempts: in any order.
        retry: how often it may be tried again.
        now_seconds: the time.
        starting: whether anything may start at all; otherwise what failed is not tried again.
    """
    if not attempts:
        return Next(TaskPhase.PENDING, number=1) if starting else Next(TaskPhase.CANCELLED)
    last = max(attempts, key=lambda attempt: attempt.number)
    if not last.counts:
        return Next(TaskPhase.PENDING, last, last.number + 1) if starting else Next(TaskPhase.CANCELLED, last)
    if last.phase is not TaskPhase.FAILED:
        return Next(last.phase, last)
    failures = sum(attempt.counts and attempt.phase is TaskPhase.FAILED for attempt in attempts)
    if failures > retry.most or not starting:
        return Next(TaskPhase.FAILED, last)
    due = (last.ended_seconds or 0.0) + delay_seconds(retry, failures)
    if due > now_seconds:
        return Next(TaskPhase.PENDING, last, at_seconds=due)
    return Next(TaskPhase.PENDING, last, number=last.number + 1)


def delay_seconds(retry: Retry, failures: int) -> float:
    """Return the delay after the n-th failure before the next attempt."""
    try:
        grown = retry.backoff_seconds * retry.factor ** (failures - 1)
    except OverflowError:
        grown = retry.most_seconds
    return min(grown, retry.most_seconds)
