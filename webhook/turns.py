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
    """Reviews of pods are answered by the same event loop, so searches never have more than a part of it."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._namespaces: KeyedLocks[str] = KeyedLocks()

    @asynccontextmanager
    async def turn(self, namespace: str) -> AsyncIterator[bool]:
        """Waits for the namespace's turn and holds it within the block; False at once where too many wait."""
        asking = self._namespaces
        if asking.users(namespace) >= MOST_ASKING_OF_A_NAMESPACE or asking.total_users >= MOST_ASKING:
            yield False
            return
        async with asking.hold(namespace), self._slots:
            yield True
