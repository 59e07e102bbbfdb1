"""One lock for each target, kept only while somebody holds it or waits for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TargetLocks:
    """What the kubelet wants of a target and what its sidecar wants of it are done one after the other."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._interested: Counter[str] = Counter()

    @asynccontextmanager
    async def hold(self, target: str) -> AsyncIterator[None]:
        """Wait for the target and keep it while the block runs."""
        lock = self._locks.setdefault(target, asyncio.Lock())
        self._interested[target] += 1
        try:
            async with lock:
                yield
        finally:
            self._interested[target] -= 1
            if not self._interested[target]:
                del self._interested[target], self._locks[target]
