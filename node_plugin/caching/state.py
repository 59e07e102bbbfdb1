"""What serving, filling and keeping the node's cache share: what is held, by whom it is used, what goes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from moorage.grants.grant import Grant
from moorage.grants.question import PodIdentity
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from moorage.queueing.keyed_locks import KeyedLocks
from moorage.serving import metrics
from node_plugin.broker import Granting, Watching
from node_plugin.caching import deciding
from node_plugin.caching.holding import VersionKey
from node_plugin.caching.store import Store
from node_plugin.caching.usage import Usage
from node_plugin.filler.exchange import Sharing, View
from node_plugin.journal import Journal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """What an installation decides of the node's cache.

    Attributes:
        size_bytes: the most that it may take.
        kept_free_share: of the file system, that no fill takes.
        fills: at once.
        connections: of each fill.
        filler_user: as whom fillers run; None: as we are.
    """

    size_bytes: int
    kept_free_share: float = deciding.KEPT_FREE_SHARE
    fills: int = 2
    connections: int = 8
    filler_user: int | None = None


class Neighbours(Protocol):
    """Other nodes of the site, as fills want to know of them."""

    def sharing(self, key: VersionKey, grant: Grant) -> Sharing | None:
        """What a filler is to know of neighbours; None where it has none to ask."""

    def views(self, ref: DatasetRef, readers: Callable[[], Sequence[PodIdentity]]) -> AsyncIterator[View]:
        """Views of a fill's neighbours, as long as somebody wants them."""


@dataclass(slots=True, kw_only=True)
class CacheState:
    """One node's cache. All of it belongs to one event loop.

    Attributes:
        broker: grants what is filled.
        watcher: says what of it may stay.
        standings: what was said last of each dataset that is held.
        asked_at: when it was, by a clock that only goes forward; before it was, at no time.
        moved: set when something is held that was not, or the other way round.
        filling: versions that a fill writes, or takes over from.
        neighbours: fills are told of; None: the node asks none.
    """

    store: Store
    usage: Usage
    journal: Journal
    broker: Granting
    watcher: Watching
    locks: KeyedLocks[str]
    limits: CacheLimits
    standings: dict[DatasetRef, Standing] = field(default_factory=dict)
    asked_at: float = float("-inf")
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    filling: set[VersionKey] = field(default_factory=set)
    emptying: asyncio.Task[None] | None = None
    neighbours: Neighbours | None = None

    def used(self) -> set[VersionKey]:
        """Versions that a volume shows, or a fill writes or takes over from."""
        return self.shown() | self.filling

    def shown(self) -> set[VersionKey]:
        """Versions that a volume shows, all or a part of them."""
        return {
            VersionKey(volume.dataset, volume.version)
            for volume in self.journal
            if (volume.cached or volume.parted) and volume.version is not None
        }

    def room(self, besides: VersionKey | None = None, there_bytes: int = 0) -> deciding.Room:
        """The disk, as a fill finds it.

        Args:
            besides: the version that is to be filled.
            there_bytes: of it, on the disk already.
        """
        others = [held for held in self.store if not held.whole and held.key != besides]
        pending = sum(held.disk_bytes - held.size_bytes for held in others)
        return deciding.Room(
            limit_bytes=self.limits.size_bytes,
            free_bytes=self.store.free_bytes() - pending + there_bytes,
            total_bytes=self.store.total_bytes(),
            kept_free_share=self.limits.kept_free_share,
        )

    def evict(self, key: VersionKey, why: str, message: str) -> None:
        """Remove a version that nobody uses."""
        held = self.store.get(key)
        self.remove(key)
        metrics.CACHE_EVICTIONS.labels(why).inc()
        facts = {"dataset": str(key.ref), "version": key.version, "reason": message}
        _log.info("a version was evicted", extra={**facts, "bytes": 0 if held is None else held.size_bytes})

    def remove(self, key: VersionKey) -> None:
        """Take a version out of its place; its room comes back in a moment."""
        self.store.drop(key)
        self.moved.set()
        self.tidy()

    def tidy(self) -> None:
        """Remove what was dropped, in a thread; what is dropped meanwhile waits for the next look."""
        if self.store.has_trash and (self.emptying is None or self.emptying.done()):
            self.emptying = asyncio.create_task(asyncio.to_thread(self.store.empty_trash), name="empty the trash")
