"""The admission of searches: one at a time for each namespace, few in all, and a short queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from moorage.queueing.keyed_locks import KeyedLocks

AT_ONCE: Final = 2
MOST_ASKING: Final = 16
"""Questions that are answered or wait."""
MOST_ASKING_OF_A_NAMESPACE: Final = 4


class Turns:
    """A limiter of searches, which never take more than a part of the event loop that answers reviews of pods."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._namespaces: KeyedLocks[str] = KeyedLocks()

    @asynccontextmanager
    async def turn(self, namespace: str) -> AsyncIterator[bool]:
        """Wait for the namespace's turn and hold it within the block; False at once where too many wait."""
        asking = self._namespaces
        if asking.users(namespace) >= MOST_ASKING_OF_A_NAMESPACE or asking.total_users >= MOST_ASKING:
            yield False
            return
        async with asking.hold(namespace), self._slots:
            yield True
