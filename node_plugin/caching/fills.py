"""The fills that were decided on: one a dataset, a few at once, tried again when they failed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from moorage.errors import BrokerError
from moorage.grants.grant import Grant
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.locality.filling import FillRule
from moorage.model import DatasetRef
from moorage.serving import metrics
from node_plugin.caching import deciding
from node_plugin.caching.deciding import Unfillable
from node_plugin.caching.fillers import Filled, run_filler
from node_plugin.caching.holding import VersionKey, disk_bytes
from node_plugin.caching.state import CacheState
from node_plugin.caching.turns import Turns
from node_plugin.caching.wishes import Wish
from node_plugin.filler.exchange import Ending, Job
from node_plugin.filler.manifest import MOST_OBJECTS
from node_plugin.journal import Volume

_log = logging.getLogger(__name__)

_MOST_READERS_ASKED: Final = 8
_GROWS_BY: Final = 1.05
_AWAITED_SECONDS: Final = 600.0
_WORDS: Final = {
    Unfillable.UNLISTED: "nobody has listed it",
    Unfillable.TOO_LARGE: "it is larger than a copy may be: raise spec.cache.sizeLimit, or nodePlugin.cache.sizeLimit",
    Unfillable.NO_ROOM: "other pods use all that nodePlugin.cache.sizeLimit permits, or the disk is nearly full",
}


class Fills:
    """What is being filled, and what will be.

    Args:
        state: of the cache.
        show: called with a version that became whole.
    """

    def __init__(self, state: CacheState, show: Callable[[VersionKey], Awaitable[None]]) -> None:
        self._state = state
        self._show = show
        self._wishes: dict[DatasetRef, Wish] = {}
        # The last such version of each dataset, and why: an older one is not asked for again.
        self._unkeepable: dict[DatasetRef, tuple[VersionKey, str]] = {}
        # What parts were given of the disk when they were made.
        self._parts: dict[VersionKey, int] = {}
        # How the last fill of a dataset ended, and when a pod last waited for one: kubelets ask again within minutes.
        self._last: dict[DatasetRef, str] = {}
        self._awaited: dict[DatasetRef, float] = {}
        self._running: dict[DatasetRef, asyncio.Task[None]] = {}
        self._in_vain: dict[DatasetRef, str] = {}
        self._turns = Turns(state.limits.fills, self._make_way)

    def consider(self, volume: Volume, grant: Grant, seen_reads: int) -> None:
        """Decide on a fill for a reader that streams, and begin it."""
        key = deciding.key_of(volume.dataset, grant)
        if key is None:
            return
        if self._is_unkeepable(key):
            self._in_vain[key.ref] = Ending.UNKEEPABLE.value
            return
        held = self._state.store.get(key)
        decision = deciding.worth_filling(grant, 0 if held is None else held.size_bytes, seen_reads)
        if decision is None:
            return
        facts = {"dataset": str(volume.dataset), "fill": decision.fill, "why": decision.message}
        _log.info("decided on a fill", extra=facts)
        # One that was interrupted when all had come is not whole yet, and costs nothing more.
        lacks_its_end = decision.rule is FillRule.NOTHING_MISSING and held is not None and not held.whole
        if decision.fill or (lacks_its_end and deciding.may_serve(grant)):
            self._wishes.setdefault(volume.dataset, Wish(volume.pod)).hurry()
            self.go_on()
        elif grant.fill is not None and grant.fill.asked and decision.rule is not FillRule.NOTHING_MISSING:
            self._in_vain[volume.dataset] = decision.rule.value

    def want(self, ref: DatasetRef, pod: PodIdentity) -> None:
        """Begin a fill for a pod that waits for it, if none is under way; what failed is tried again in its time."""
        self._awaited[ref] = time.monotonic()
        self._wishes.setdefault(ref, Wish(pod)).hurry()
        self.go_on()

    async def wait(self, ref: DatasetRef, seconds: float) -> None:
        """Wait until the fill of a dataset ends, whatever its end, but not for ever."""
        if (task := self._running.get(ref)) is not None:
            await asyncio.wait({task}, timeout=seconds)

    def unkeepable(self, key: VersionKey) -> str | None:
        """Why a version is not to be had; None where it may be."""
        known, why = self._unkeepable.get(key.ref, (None, ""))
        return why if known == key else None

    def last(self, ref: DatasetRef) -> str:
        """How the last fill ended that did not succeed; "": there was none."""
        return self._last.get(ref, "")

    def in_vain(self) -> dict[DatasetRef, str]:
        """Datasets of which a pod asks for a copy and streams, or waits for one, and why there is none."""
        latest = time.monotonic() - _AWAITED_SECONDS
        self._awaited = {ref: at for ref, at in self._awaited.items() if at > latest}
        wanted = {volume.dataset for volume in self._state.journal if volume.needs_server} | self._awaited.keys()
        self._last = {ref: said for ref, said in self._last.items() if ref in wanted or ref in self._wishes}
        self._in_vain = {ref: why for ref, why in self._in_vain.items() if ref in wanted}
        return self._in_vain

    def go_on(self) -> None:
        """Begin the fills that were decided on, and try those again that failed a while ago."""
        now = time.monotonic()
        for ref, wish in self._wishes.items():
            if ref not in self._running and now >= wish.not_before:
                task = asyncio.create_task(self._fill(ref, wish), name=f"fill {ref}")
                self._running[ref] = task
                task.add_done_callback(partial(self._forget, ref))

    def _forget(self, ref: DatasetRef, task: asyncio.Task[None]) -> None:
        self._running.pop(ref, None)
        if task.cancelled():
            self.go_on()  # where it made way for another, it waits for its turn anew

    def _make_way(self, ref: DatasetRef) -> None:
        """End a fill that others wait for; it is wanted still, and what is whole of it stays."""
        if (task := self._running.get(ref)) is not None:
            _log.info("a fill makes way for one of another namespace", extra={"dataset": str(ref)})
            task.cancel()

    async def end(self, ref: DatasetRef) -> None:
        """End the fill of a dataset; nobody wants it any more."""
        self._wishes.pop(ref, None)
        task = self._running.get(ref)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """End all fills; what is whole of them stays."""
        for ref in list(self._running):
            await self.end(ref)

    async def _fill(self, ref: DatasetRef, wish: Wish) -> None:
        async with self._turns.taken(ref):
            try:
                ending = await self._fill_once(ref, wish)
            except (BrokerError, OSError) as error:
                self._last[ref] = str(error)
                _log.warning("a fill failed", extra={"dataset": str(ref), "cause": str(error)})
                ending = Ending.FAILED
        if isinstance(ending, Unfillable):
            self._last[ref] = _WORDS[ending]
        if ending is None or ending is Ending.WHOLE:
            self._in_vain.pop(ref, None)
            self._last.pop(ref, None)
        else:
            # Who asked for a copy is told why it is a part.
            self._in_vain[ref] = (Unfillable.TOO_LARGE if ending is Ending.PART else ending).value
        if not wish.goes_on(ending, time.monotonic()):
            self._wishes.pop(ref, None)
        self._state.moved.set()

    async def _fill_once(self, ref: DatasetRef, wish: Wish) -> Ending | Unfillable | None:
        """Ask anew, make room, fill, publish; None where there is nothing to do any more.

        Raises:
            BrokerError: it can't be asked now.
            OSError: the disk refuses.
        """
        state = self._state
        grant = await self._granted(ref, wish)
        if grant is None or not deciding.may_serve(grant):
            return None
        key = deciding.key_of(ref, grant)
        if key is None or self._is_unkeepable(key) or state.store.is_whole(key):
            return None
        plan = self._plan(key, grant, wish)
        if isinstance(plan, Unfillable):
            return plan
        if plan.part_bytes is not None and self._is_parted(key, plan.part_bytes):
            return Ending.PART
        for version in plan.evictions:
            state.evict(VersionKey(version.ref, version.version), "room", "another version needs the room")
        before = next((held.key for held in state.store.of(ref) if held.whole and held.key != key), None)
        if grant.location.needs_copy:
            before = None  # its files have no etags
        writing = {key} | ({before} if before is not None else set())
        state.filling |= writing
        try:
            return await self._ended(key, await self._run(key, grant, before, plan.part_bytes, wish), plan.part_bytes)
        finally:
            state.filling -= writing

    async def _granted(self, ref: DatasetRef, wish: Wish) -> Grant | None:
        """For the first pod that may read it still: one that has finished may lie in the journal for a while.

        Those that write are not asked for: their keys are for their own mounts.

        Raises:
            BrokerError: it can't be asked now.
        """
        for pod in self._readers(ref, wish):
            answer = await self._state.broker.ask(GrantQuestion(pod, ref))
            if isinstance(answer, Grant) and not answer.writes:
                return answer
        return None

    def _readers(self, ref: DatasetRef, wish: Wish) -> list[PodIdentity]:
        """The pods for which a dataset is filled."""
        readers = [each.pod for each in self._state.journal if each.dataset == ref and not each.writable]
        return list(dict.fromkeys([*readers, wish.pod]))[:_MOST_READERS_ASKED]

    def _is_parted(self, key: VersionKey, part_bytes: int) -> bool:
        """Whether the node has all that it has room for, or nearly."""
        self._parts = {known: given for known, given in self._parts.items() if self._state.store.get(known)}
        return part_bytes <= self._parts.get(key, 0) * _GROWS_BY

    async def _run(
        self, key: VersionKey, grant: Grant, before: VersionKey | None, part_bytes: int | None, wish: Wish
    ) -> Filled:
        state, neighbours = self._state, self._state.neighbours
        store, limits = state.store, state.limits
        size_bytes = 0 if grant.fill is None else grant.fill.size_bytes
        folder = store.begin(key, size_bytes, 0, limits.filler_user, part_bytes)
        job = Job(
            grant=grant,
            connections=limits.connections,
            most_objects=MOST_OBJECTS,
            most_bytes=deciding.most_bytes(grant, limits.size_bytes),
            spare_bytes=int(store.total_bytes() * limits.kept_free_share),
            sharing=None if neighbours is None else neighbours.sharing(key, grant),
            part_bytes=part_bytes,
        )
        state.moved.set()  # neighbours that begin now are to see it
        _log.info("a fill begins", extra={"dataset": str(key.ref), "version": key.version, "bytes": size_bytes})
        try:
            return await run_filler(
                folder,
                job,
                user=limits.filler_user,
                reused=None if before is None else store.folder(before),
                tell=lambda done, on_disk, near: store.progress(key, done, on_disk, near),
                views=(
                    None
                    if neighbours is None or job.sharing is None
                    else neighbours.views(key.ref, lambda: self._readers(key.ref, wish))
                ),
            )
        finally:
            store.ended(key)

    async def _ended(self, key: VersionKey, filled: Filled, part_bytes: int | None) -> Ending:
        ending = filled.ended.ending
        facts = {"dataset": str(key.ref), "version": key.version, "ending": ending.value, "bytes": filled.size_bytes}
        metrics.CACHE_FILLS.labels(ending.value).inc()
        standing = self._state.standings.get(key.ref)
        may_stay = standing is None or standing.permitted
        if ending in {Ending.WHOLE, Ending.PART} and may_stay:
            metrics.CACHE_FILLED_BYTES.inc(filled.size_bytes)
            metrics.CACHE_ORIGIN_BYTES.labels("neighbour").inc(filled.near_bytes)
            metrics.CACHE_ORIGIN_BYTES.labels("source").inc(filled.far_bytes)
            facts |= {"near": filled.near_bytes, "far": filled.far_bytes}
            if ending is Ending.PART:
                self._state.store.parted(key, filled.size_bytes, filled.objects)
                self._parts[key] = part_bytes or 0
                _log.info("a fill has brought what there is room for", extra=facts)
                return ending
            self._publish(key, filled)
            _log.info("a fill is whole", extra=facts)
            await self._show(key)
            return ending
        self._last[key.ref] = filled.ended.message
        _log.warning("a fill ended", extra={**facts, "cause": filled.ended.message})
        # Of a part, what did not change at the source is worth as much to those who read that version as before.
        if ending is not Ending.FAILED and not (ending is Ending.CHANGED and key in self._state.shown()):
            self._state.remove(key)
        if ending is Ending.UNKEEPABLE:
            self._unkeepable[key.ref] = (key, filled.ended.message)
        return ending

    def _publish(self, key: VersionKey, filled: Filled) -> None:
        unpacked = filled.unpacked
        if unpacked is None:
            self._state.store.publish(key, filled.size_bytes, filled.objects)
        else:
            self._state.store.publish(key, filled.size_bytes, unpacked.objects, unpacked.size_bytes)

    def _is_unkeepable(self, key: VersionKey) -> bool:
        return self.unkeepable(key) is not None

    def _plan(self, key: VersionKey, grant: Grant, wish: Wish) -> deciding.Plan | Unfillable:
        state = self._state
        wanted = disk_bytes(deciding.wanted_bytes(grant), 0)
        others = [held for held in state.store if held.key != key]
        own = state.store.get(key)
        plan = deciding.make_room(
            wanted,
            grant,
            deciding.weigh(others, state.standings, state.used(), time.time()),
            state.room(besides=key, there_bytes=0 if own is None else own.size_bytes),
        )
        if isinstance(plan, Unfillable) and not wish.lacks_room:  # else it was said before
            _log.warning("a fill has no room", extra={"dataset": str(key.ref), "why": plan.value, "bytes": wanted})
            metrics.CACHE_FILLS.labels(plan.value).inc()
        return plan
