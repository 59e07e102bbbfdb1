"""A budget of bytes: whoever wants a buffer waits until there is room. First come, first served."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """A budget of `most_bytes` bytes, shared by waiting takers.

    Args:
        most_bytes: more than any single buffer.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int) -> None:
        """Wait for room, and take it.

        Raises:
            ValueError: it is more than there will ever be.
        """
        if size_bytes > self.most_bytes:
            message = f"a buffer of {size_bytes} bytes is larger than the budget of {self.most_bytes}"
            raise ValueError(message)
        if not self._waiting and self._taken + size_bytes <= self.most_bytes:
            self._taken += size_bytes
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(size_bytes)
            else:
                self._waiting.remove((size_bytes, turn))
                self._admit()
            raise

    def give_back(self, size_bytes: int) -> None:
        """Give the room back."""
        self._taken -= size_bytes
        self._admit()

    @asynccontextmanager
    async def taken(self, size_bytes: int) -> AsyncIterator[None]:
        """Take room for as long as the block runs."""
        await self.take(size_bytes)
        try:
            yield
        finally:
            self.give_back(size_bytes)

    def _admit(self) -> None:
        while self._waiting and self._taken + self._waiting[0][0] <= self.most_bytes:
            size_bytes, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._taken += size_bytes
                turn.set_result(None)
