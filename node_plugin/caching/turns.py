"""Whose fill runs next, and whose makes room: no namespace's Datasets hold up those of another."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from moorage.model import DatasetRef


def next_turn(waiting: Sequence[DatasetRef], running: Sequence[DatasetRef]) -> DatasetRef | None:
    """Which of those that wait goes next: of the namespace that has the fewest, the one that waits longest. Pure."""
    held = Counter(ref.namespace for ref in running)
    return min(waiting, key=lambda ref: held[ref.namespace], default=None)


def to_stop(
    waiting: Sequence[DatasetRef], running: Sequence[DatasetRef], stopping: Collection[DatasetRef] = ()
) -> list[DatasetRef]:
    """Which fills make room, where no place is free: one for each namespace that waits and has none. Pure.

    Of a namespace that has several, the one that began last: it loses least. The last one of a namespace goes on.

    Args:
        waiting: those without a place.
        running: in the order in which they began.
        stopping: those of them that were told to make room already.
    """
    going_on = [ref for ref in running if ref not in stopping]
    held = Counter(ref.namespace for ref in going_on)
    places = len({ref.namespace for ref in waiting if not held[ref.namespace]}) - len(stopping)
    found: list[DatasetRef] = []
    for ref in reversed(going_on):
        if len(found) < places and held[ref.namespace] > 1:
            held[ref.namespace] -= 1
            found.append(ref)
    return found


class Turns:
    """So many fills at once. For one event loop.

    Args:
        most: at once.
        stop: ends a fill, which waits for its turn anew; it gives its place back when it has ended.
    """

    def __init__(self, most: int, stop: Callable[[DatasetRef], None]) -> None:
        self._most = most
        self._stop = stop
        self._waiting: dict[DatasetRef, asyncio.Future[None]] = {}
        self._running: list[DatasetRef] = []
        self._stopping: set[DatasetRef] = set()

    @asynccontextmanager
    async def taken(self, ref: DatasetRef) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the block runs. One fill of a dataset at a time."""
        turn = self._waiting[ref] = asyncio.get_running_loop().create_future()
        self._go_on()
        try:
            await turn
            yield
        finally:
            self._waiting.pop(ref, None)
            if ref in self._running:
                self._running.remove(ref)
            self._stopping.discard(ref)
            self._go_on()

    def _go_on(self) -> None:
        while len(self._running) < self._most and (ref := next_turn(list(self._waiting), self._running)) is not None:
            self._running.append(ref)
            turn = self._waiting.pop(ref)
            if not turn.done():
                turn.set_result(None)
        if len(self._running) < self._most:
            return
        for ref in to_stop(list(self._waiting), self._running, self._stopping):
            self._stopping.add(ref)
            self._stop(ref)
