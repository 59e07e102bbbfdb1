"""Fair scheduling for a work queue: which key may be worked on next. Pure.

Every key has shares: its tenant first, then whatever else it uses, such as a store. At most so many keys of one share
are worked on at once, and tenants that wait take turns. So ten thousand keys of one tenant, or a store that never
answers, delay that tenant's keys, and that store's.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_LOOKED_AT = 64
"""How many keys of one tenant are tried before the next tenant's turn comes."""


@dataclass(frozen=True, slots=True)
class Share:
    """Something that keys use and that is limited.

    Attributes:
        kind: of what: `namespace`, `endpoint`.
        name: which one.
    """

    kind: str
    name: str


class FairShares(Generic[K]):
    """Keys that wait and keys that are worked on.

    Args:
        at_once: how many keys are worked on at once.
        each: how many of one share, by its kind; a kind that is not named is not limited.
    """

    def __init__(self, at_once: int, each: Mapping[str, int] | None = None) -> None:
        self._at_once = at_once
        self._each = dict(each or {})
        self._waiting: OrderedDict[Share, OrderedDict[K, tuple[Share, ...]]] = OrderedDict()
        self._tenants: dict[K, Share] = {}
        self._running: dict[K, tuple[Share, ...]] = {}
        self._taken: Counter[Share] = Counter()
        self._idle_since: dict[Share, float] = {}

    def __len__(self) -> int:
        """How many keys wait."""
        return len(self._tenants)

    def put(self, key: K, shares: tuple[Share, ...], now: float) -> None:
        """Have a key wait at the end of its tenant's line; its shares are what they are now."""
        tenant = shares[0]
        self.discard(key)
        if tenant not in self._waiting:
            self._waiting[tenant] = OrderedDict()
            if not self._taken[tenant]:
                self._idle_since[tenant] = now
        self._waiting[tenant][key] = shares
        self._tenants[key] = tenant

    def discard(self, key: K) -> None:
        """Have a key wait no more."""
        tenant = self._tenants.pop(key, None)
        if tenant is not None:
            del self._waiting[tenant][key]
            self._close(tenant)

    def waits(self, key: K) -> bool:
        """Whether a key waits."""
        return key in self._tenants

    def take_this(self, key: K) -> bool:
        """Work on this key where it may go now: all others that wait may not go, or `take` would have given them."""
        tenant = self._tenants.get(key)
        if tenant is None or not self._may_go(self._waiting[tenant][key]):
            return False
        self._start(tenant, key)
        return True

    def take(self) -> K | None:
        """The next key that may be worked on, by turns of tenants; None where there is none."""
        if len(self._running) >= self._at_once:
            return None
        for tenant, line in self._waiting.items():
            if self._is_full(tenant):
                continue
            for _ in range(min(len(line), _LOOKED_AT)):
                key = next(iter(line))
                if self._may_go(line[key]):
                    self._start(tenant, key)
                    return key
                line.move_to_end(key)  # others of this tenant need not wait for that store
        return None

    def done(self, key: K, now: float) -> None:
        """A key is worked on no more."""
        for share in self._running.pop(key):
            self._taken[share] -= 1
            if not self._taken[share]:
                del self._taken[share]
                if share in self._waiting:
                    self._idle_since[share] = now

    def starved(self, now: float) -> tuple[str, float]:
        """The tenant that has waited longest with nothing worked on, and for how many seconds; ("", 0.0) for none."""
        if not self._idle_since:
            return "", 0.0
        tenant = min(self._idle_since, key=self._idle_since.__getitem__)
        return tenant.name, now - self._idle_since[tenant]

    def _is_full(self, share: Share) -> bool:
        limit = self._each.get(share.kind)
        return limit is not None and self._taken[share] >= limit

    def _may_go(self, shares: tuple[Share, ...]) -> bool:
        return len(self._running) < self._at_once and not any(self._is_full(share) for share in shares)

    def _start(self, tenant: Share, key: K) -> None:
        shares = self._running[key] = self._waiting[tenant].pop(key)
        del self._tenants[key]
        self._taken.update(shares)
        self._idle_since.pop(tenant, None)
        self._waiting.move_to_end(tenant)
        self._close(tenant)

    def _close(self, tenant: Share) -> None:
        if not self._waiting[tenant]:
            del self._waiting[tenant]
            self._idle_since.pop(tenant, None)
