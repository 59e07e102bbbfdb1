"""How often somebody may ask: token buckets, a bounded number of them. Pure but for the clock that is passed in."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

_MOST_BUCKETS = 10_000


class RateLimit:
    """Lets each key through `per_second` times a second in the long run, `burst` times at once.

    Args:
        per_second: in the long run.
        burst: at once.
        clock: seconds, monotonic.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def admits(self, key: Hashable) -> bool:
        """Count one request; False where it is one too many."""
        now = self._clock()
        left, then = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        admitted = left >= 1
        self._buckets[key] = (left - 1 if admitted else left, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return admitted
