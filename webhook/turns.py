"""Who may search at once: one question of a namespace, few in all, and a short queue for the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

AT_ONCE: Final = 2
MOST_ASKING: Final = 16
"""Questions that are answered or wait."""
MOST_ASKING_OF_A_NAMESPACE: Final = 4


class Turns:
    """Reviews of pods are answered by the same event loop, so searches never have more than a part of it."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._asking: Counter[str] = Counter()
        self._one_each: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, namespace: str) -> AsyncIterator[bool]:
        """Waits for the namespace's turn and holds it within the block; False at once where too many wait."""
        if self._asking[namespace] >= MOST_ASKING_OF_A_NAMESPACE or self._asking.total() >= MOST_ASKING:
            yield False
            return
        self._asking[namespace] += 1
        one = self._one_each.setdefault(namespace, asyncio.Lock())
        try:
            async with one, self._slots:
                yield True
        finally:
            self._asking[namespace] -= 1
            if not self._asking[namespace]:
                del self._asking[namespace], self._one_each[namespace]
