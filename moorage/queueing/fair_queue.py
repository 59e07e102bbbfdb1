"""A rate-limited work queue that is fair between tenants. Pure but for the clock that is passed in.

Every tenant has a rate of its own, all together have another, and whoever may go takes turns: ten thousand pods of one
namespace delay that namespace's pods only.
"""

import heapq
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from moorage.queueing.rate import Rate, TokenBucket

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST_IDLE_TENANTS = 1000


class FairQueue(Generic[K, V]):
    """Items by key; a key that is in the queue is not put in twice.

    Args:
        each: the rate of one tenant.
        total: the rate of all.
    """

    def __init__(self, each: Rate, total: Rate) -> None:
        self._each = each
        self._total = TokenBucket(total)
        self._items: dict[str, OrderedDict[K, V]] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._turns: list[tuple[float, int, str]] = []
        self._turn = 0

    def __len__(self) -> int:
        return sum(len(items) for items in self._items.values())

    def put(self, tenant: str, key: K, value: V, now: float) -> bool:
        """Put an item at the end of its tenant's line; False where its key waits there already."""
        items = self._items.get(tenant)
        if items is None:
            items = self._items[tenant] = OrderedDict()
            self._forget_idle(now)
            self._line_up(tenant, now)
        if key in items:
            return False
        items[key] = value
        return True

    def take(self, now: float) -> tuple[K, V] | None:
        """The next item that may go now."""
        if self.ready_at(now) != now:
            return None
        _, _, tenant = heapq.heappop(self._turns)
        items = self._items[tenant]
        item = items.popitem(last=False)
        self._total.spend(now)
        self._buckets[tenant].spend(now)
        if items:
            self._line_up(tenant, now)
        else:
            del self._items[tenant]
        return item

    def ready_at(self, now: float) -> float | None:
        """When the next item may go, not before now; None where there is none."""
        return max(self._turns[0][0], self._total.ready_at(now)) if self._turns else None

    def _line_up(self, tenant: str, now: float) -> None:
        bucket = self._buckets.setdefault(tenant, TokenBucket(self._each))
        self._turn += 1
        heapq.heappush(self._turns, (bucket.ready_at(now), self._turn, tenant))

    def _forget_idle(self, now: float) -> None:
        if len(self._buckets) > _MOST_IDLE_TENANTS + len(self._items):
            idle = [tenant for tenant, bucket in self._buckets.items() if bucket.is_full(now)]
            for tenant in idle:
                if tenant not in self._items:
                    del self._buckets[tenant]
