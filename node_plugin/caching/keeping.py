"""The loop that keeps the cache: what may stay is asked, what may not goes, what is held is told. Level-triggered."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from moorage.errors import BrokerError
from moorage.serving import metrics
from node_plugin.caching import deciding
from node_plugin.caching.holding import Holding, VersionKey
from node_plugin.caching.reporting import Reporter
from node_plugin.caching.resuming import resume
from node_plugin.caching.serving import Cache
from node_plugin.caching.state import CacheState

_log = logging.getLogger(__name__)

_LEAST_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps one cache.

    Attributes:
        reporter: None where there is no API server to tell.
        every_seconds: between two looks, when nothing moves.
        beside: what the node holds besides, which is told as well.
    """

    cache: Cache
    reporter: Reporter | None
    every_seconds: float
    beside: Callable[[], Iterable[Holding]] = tuple

    async def run(self) -> None:
        """Look now, and again whenever something moved or the time is over."""
        await asyncio.to_thread(self.cache.state.store.empty_trash)
        resumed = asyncio.create_task(resume(self.cache.state, self.cache.fills), name="resume fills")
        try:
            while True:
                self.cache.state.moved.clear()
                try:
                    await self.look()
                except Exception:  # noqa: BLE001 - it is logged whole, and the next look begins anew
                    _log.exception("the cache was not looked after")
                await asyncio.sleep(_LEAST_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.every_seconds):
                        await self.cache.state.moved.wait()
        finally:
            resumed.cancel()
            await asyncio.gather(resumed, return_exceptions=True)

    async def look(self) -> None:
        """Ask, remove, make room, go on filling, tell."""
        cache, state = self.cache, self.cache.state
        refs = sorted({held.key.ref for held in state.store})
        try:
            state.standings = await state.watcher.ask_standing(refs) if refs else {}
            state.asked_at = time.monotonic()
        except BrokerError as error:
            # What is held stays, and nobody is given it: each publish asks the broker, too.
            _log.warning("the broker does not say what may stay", extra={"cause": str(error)})
        for departure in deciding.departures(state.store, state.standings, state.used(), time.time()):
            if departure.rule:
                await cache.withdraw(departure)
            elif departure.key not in state.used():
                state.evict(departure.key, departure.why, departure.message)
        _trim(state)
        state.tidy()
        cache.fills.go_on()
        metrics.CACHE_BYTES.set(state.store.disk_bytes)
        if self.reporter is not None:
            await self.reporter.tell([*state.store, *self.beside()], cache.fills.in_vain(), time.monotonic())


def _trim(state: CacheState) -> None:
    """Keep below the limit, which may have been lowered, and off a disk that others fill."""
    held = deciding.weigh(state.store, state.standings, state.used(), time.time())
    lacking = state.room().lacking(sum(version.size_bytes for version in held), 0)
    for version in deciding.evict_down(held, lacking) if lacking else ():
        key = VersionKey(version.ref, version.version)
        state.evict(key, "room", "the cache is larger than it may be, or the disk is nearly full")
