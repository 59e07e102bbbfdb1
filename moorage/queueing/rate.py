"""A rate, and the token bucket that holds to it. Pure but for the clock that is passed in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, so many at once."""

    per_second: float
    burst: float


class TokenBucket:
    """A token bucket in its virtual scheduling form: it knows when the next one may go.

    Args:
        rate: how fast it fills, and how many it holds.
    """

    def __init__(self, rate: Rate) -> None:
        self._interval_seconds = 1 / rate.per_second
        self._slack_seconds = (rate.burst - 1) / rate.per_second
        self._paid_until = float("-inf")

    def ready_at(self, now: float) -> float:
        """When the next one may go, not before now."""
        return max(now, self._paid_until - self._slack_seconds)

    def spend(self, now: float) -> None:
        """Count one that goes now."""
        self._paid_until = max(now, self._paid_until) + self._interval_seconds

    def is_full(self, now: float) -> bool:
        """Whether it holds all that it can, and so knows nothing that a new one would not."""
        return self._paid_until <= now
