"""Rate limits: a bounded number of token buckets. Pure; the clock is passed in."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from moorage.queueing.rate import Rate, TokenBucket

_MOST_BUCKETS = 10_000


class RateLimit:
    """A rate limit by key: `per_second` requests a second in the long run, `burst` at once.

    Args:
        per_second: in the long run.
        burst: at once.
        clock: seconds, monotonic.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = Rate(per_second, burst)
        self._clock = clock
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def admits(self, key: Hashable) -> bool:
        """Count one request; False where it is one too many."""
        now = self._clock()
        bucket = self._buckets.pop(key, None) or TokenBucket(self._rate)
        admitted = bucket.ready_at(now) <= now
        if admitted:
            bucket.spend(now)
        self._buckets[key] = bucket
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return admitted
