"""The node's cache as publishing sees it: a copy to bind, a fill to begin, and what to do when that ends.

Between looking at the store and writing the journal nothing is awaited, so no version is evicted that was just chosen
for a volume: what the journal names is in use, whoever asks.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from moorage.errors import BrokerError, MountError
from moorage.grants.grant import Grant
from moorage.grants.question import GrantQuestion
from moorage.model import DatasetRef
from moorage.serving import metrics
from node_plugin import binding, mounts
from node_plugin.caching import deciding
from node_plugin.caching.fills import Fills
from node_plugin.caching.holding import VersionKey, is_version
from node_plugin.caching.state import CacheState
from node_plugin.filler import manifest
from node_plugin.journal import Volume
from node_plugin.mounting import needs_sidecar

_log = logging.getLogger(__name__)
_audit = logging.getLogger("moorage.audit")
_audit.setLevel(logging.INFO)  # whatever the rest of the process is told to keep quiet about


@dataclass(frozen=True, slots=True)
class Part:
    """What the node has of a version that it has no room for.

    Attributes:
        manifest: the file; it may not be there yet.
        objects: the folder with those that are there.
        is_coming: a fill brings more.
    """

    manifest: Path
    objects: Path
    is_coming: bool


class Cache:
    """One node's cache.

    Attributes:
        state: what is held.
        fills: what will be.
    """

    def __init__(self, state: CacheState) -> None:
        self.state = state
        self.fills = Fills(state, self._show)

    # --- publishing ---

    def copy_for(self, ref: DatasetRef, grant: Grant) -> VersionKey | None:
        """The version to bind instead of a stream; None where the node has not all of it, or the pod writes."""
        key = deciding.key_of(ref, grant)
        return key if key is not None and deciding.may_serve(grant) and self.state.store.is_whole(key) else None

    def bind(self, key: VersionKey, target: Path) -> None:
        """Show a whole version on top of what lies at the target.

        Raises:
            MountError: the kernel refused.
        """
        binding.bind(self.state.store.objects(key), target)

    def published(self, volume: Volume, grant: Grant) -> None:
        """A volume was published: count the read, and fill where that is worth it for those who follow."""
        if volume.memory_folder:
            self.state.moved.set()  # other nodes should know where something may lie before it does
        if not needs_sidecar(grant.location) or grant.writes:
            return
        metrics.CACHE_READS.labels("node" if volume.cached else "source").inc()
        seen = self.state.usage.seen(volume.dataset)
        self.state.usage.record(volume.dataset)
        if volume.cached:
            self._touch(volume)
        else:
            self.fills.consider(volume, grant, seen)

    def released(self, volume: Volume) -> None:
        """A volume went."""
        if volume.cached or volume.parted:
            self._touch(volume)
        if volume.cached or volume.parted or volume.memory_folder:
            # What it used may be of no use any more, and what it left in memory is worth telling.
            self.state.moved.set()

    def _touch(self, volume: Volume) -> None:
        if volume.version is not None:
            self.state.store.touch(VersionKey(volume.dataset, volume.version))

    # --- a part ---

    def part_of(self, volume: Volume) -> Part | None:
        """What the node has of a volume's version, where it is not to become whole.

        Args:
            volume: that is streamed.
        """
        if volume.version is None or not is_version(volume.version) or volume.writable:
            return None
        key = VersionKey(volume.dataset, volume.version)
        held = self.state.store.get(key)
        if held is None or held.whole or (held.begun and held.part_bytes is None):
            return None
        folder = self.state.store.unfinished(key)
        return Part(folder / manifest.NAME, folder / manifest.OBJECTS, is_coming=held.begun)

    # --- a copy that became whole ---

    async def _show(self, key: VersionKey) -> None:
        """Let the pods that stream this very version read the node's copy from their next open on."""
        state = self.state
        for volume in state.journal:
            if volume.dataset != key.ref or volume.version != key.version or not volume.needs_server:
                continue
            if volume.writable:
                continue  # a copy is of one version, and a writer makes the next one
            async with state.locks.hold(volume.target):
                try:
                    answer = await state.broker.ask(GrantQuestion(volume.pod, volume.dataset))
                except BrokerError:
                    continue
                if not isinstance(answer, Grant) or state.journal.get(volume.target) is not volume:
                    continue
                if state.store.is_whole(key):
                    self._show_on_top(key, volume)

    def _show_on_top(self, key: VersionKey, volume: Volume) -> None:
        self.state.journal.add(replace(volume, cached=True, parted=False))
        try:
            self.bind(key, Path(volume.target))
        except MountError as error:
            self.state.journal.add(volume)
            _log.warning("a volume keeps streaming", extra={"volume": volume.target, "cause": str(error)})
            return
        _log.info("a volume reads the node's copy now", extra={"volume": volume.target, "dataset": str(key.ref)})

    # --- a copy that may not be here ---

    async def withdraw(self, departure: deciding.Departure) -> None:
        """Remove a version that may not be here: readers get errors from now on, and its files go."""
        key, state = departure.key, self.state
        await self.fills.end(key.ref)
        for volume in state.journal:
            if volume.dataset == key.ref and volume.version == key.version and (volume.cached or volume.parted):
                async with state.locks.hold(volume.target):
                    if state.journal.get(volume.target) is volume:
                        self._take_away(volume)
        state.remove(key)
        metrics.CACHE_EVICTIONS.labels("rule").inc()
        facts = {
            "dataset": str(key.ref),
            "version": key.version,
            "decision": "removed",
            "rule": departure.rule,
            "reason": departure.message,
        }
        _audit.info("removed dataset %s from the node's cache", key.ref, extra={"audit": facts})

    def _take_away(self, volume: Volume) -> None:
        """Let every later open fail, and none see an empty folder."""
        target = Path(volume.target)
        try:
            if volume.cached:
                mounts.mount_dead_fuse(target)
            else:
                # Its sidecar asks for another mount then, and gets one where it may read the source still.
                self.state.journal.add(replace(volume, parted=False))
                mounts.abort_fuse(target)
        except (MountError, OSError) as error:
            _log.warning("a volume shows what was removed", extra={"volume": volume.target, "cause": str(error)})
