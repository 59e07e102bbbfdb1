"""The loop that frees memory: what may stay is asked, what may not or is of no use goes. Level-triggered."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from moorage.errors import BrokerError, MountError
from moorage.serving import metrics
from node_plugin.broker import Watching
from node_plugin.memory import deciding
from node_plugin.memory.shared import SharedMemory

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryKeeper:
    """Keeps one node's memory.

    Attributes:
        idle_seconds: how long it stays after the last pod.
        every_seconds: between two looks.
    """

    memory: SharedMemory
    watcher: Watching
    idle_seconds: float
    every_seconds: float

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - it is logged whole, and the next look begins anew
                _log.exception("the node's memory was not looked after")
            await asyncio.sleep(self.every_seconds)

    async def look(self) -> None:
        """Ask about what no pod has, and free what may not stay or is of no use."""
        used = self.memory.used()
        unused = sorted({each.key.ref for each in self.memory if each.key not in used})
        try:
            standings = await self.watcher.ask_standing(unused) if unused else {}
        except BrokerError as error:
            # It stays until the broker says that it may not, or it was idle for long.
            _log.warning("the broker does not say what may stay in memory", extra={"cause": str(error)})
            standings = {}
        # Nothing is awaited from here on: what a pod was given meanwhile is used now.
        going = deciding.departures(self.memory, standings, self.memory.used(), time.time(), self.idle_seconds)
        for departure in going:
            try:
                self.memory.free(departure)
            except (MountError, OSError) as error:
                facts = {"dataset": str(departure.key.ref), "cause": str(error)}
                _log.error("memory is held that should be freed", extra=facts)
        self.memory.tidy()
        metrics.MEMORY_BYTES.set(sum(each.used_bytes for each in self.memory))


@asynccontextmanager
async def keeping_memory(keeper: MemoryKeeper) -> AsyncIterator[None]:
    """Look after the memory while the block runs."""
    task = asyncio.create_task(keeper.run(), name="keep the node's memory")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
