"""The work queues for listings: one for quick ones, and one for those that turned out to be slow.

A store may be slow, and a listing of millions of objects takes minutes. Such looks have few slots of their own, so that
the slots of all others come free every few seconds, whatever stores do.
"""

from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Generic, Self, TypeVar

from dataset_operator.looking import SOURCES_AT_ONCE
from dataset_operator.settings import OperatorSettings
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.serving import metrics

K = TypeVar("K", bound=Hashable)

_STARVED_SECONDS = 60.0


class Lanes(Generic[K]):
    """Two work queues; a key is in one of them.

    Args:
        look: looks at a key, quickly or at length.
        shares: what a key uses, see `WorkQueue`.
        settings: how many slots there are.
    """

    def __init__(
        self,
        look: Callable[[K, bool], Awaitable[None]],
        shares: Callable[[K], tuple[Share, ...]],
        settings: OperatorSettings,
    ) -> None:
        slots = settings.look_threads // SOURCES_AT_ONCE
        long_slots = max(slots // 3, 1)
        self._look = look
        self._long_keys: set[K] = set()
        self._quick: WorkQueue[K] = WorkQueue(
            "look",
            lambda key: self._look(key, True),  # noqa: FBT003
            shares=shares,
            at_once=slots - long_slots,
            each={"namespace": settings.looks_per_namespace, "endpoint": settings.looks_per_endpoint},
        )
        self._long: WorkQueue[K] = WorkQueue(
            "long look",
            lambda key: self._look(key, False),  # noqa: FBT003
            shares=shares,
            at_once=long_slots,
            each={"namespace": 1, "endpoint": 1},
        )
        metrics.follow_depth(self._quick)
        metrics.follow_depth(self._long)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._quick.__aexit__(None, None, None)
        await self._long.__aexit__(None, None, None)

    def add(self, key: K) -> None:
        """Have a key looked at in its turn."""
        self._lane(key).add(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Have a key looked at in so many seconds, or earlier where `add` is called meanwhile."""
        self._lane(key).add_after(key, seconds)

    def forget(self, key: K) -> None:
        """Have nothing more done for a key; the next time it is a quick one."""
        self._long_keys.discard(key)
        self._quick.forget(key)
        self._long.forget(key)

    def turned_out(self, key: K, *, quick: bool) -> None:
        """Take it that a look at the key is quick, or is not."""
        if quick:
            self._long_keys.discard(key)
        else:
            self._long_keys.add(key)

    def problem(self) -> str | None:
        """Report that a tenant waits too long for a slot although none of its Datasets is being listed; else None."""
        tenant, seconds = self._quick.starved()
        if seconds < _STARVED_SECONDS:
            return None
        return f"all slots are taken: namespace {tenant} has waited {seconds:.0f} s for one"

    def _lane(self, key: K) -> WorkQueue[K]:
        return self._long if key in self._long_keys else self._quick
