"""Copies that nodes hold or fetch, with the product's index and its choice of evictions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from bench.day.worlds import CACHE_BYTES, World
from moorage.locality.bringing import OWN_SITE_BYTES_PER_SECOND, CacheIndex, best_way, dataset_bytes
from moorage.locality.evicting import HeldVersion, choose_evictions
from moorage.model import Dataset, DatasetRef

_PUBLISHED_STEPS = 20
"""A NodeCache is written for each twentieth of a copy."""

Evict = Callable[[Collection[HeldVersion], int], Collection[HeldVersion] | None]


@dataclass(slots=True)
class Copy:
    """A dataset on a node, once it is whole, or while it comes."""

    dataset: Dataset
    began: float
    ends: float
    read_at: float
    readers: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """A copy that begins: what crosses for it, and when it is whole."""

    ends: float
    far_bytes: int = 0
    near_bytes: int = 0


@dataclass(slots=True)
class _Known:
    """The scheduler's view of one dataset's copies; `coming` are those that were incomplete at its last look."""

    bytes_by_node: dict[tuple[str, DatasetRef], int] = field(default_factory=dict)
    whole: dict[str, Copy] = field(default_factory=dict)
    coming: dict[str, Copy] = field(default_factory=dict)
    whole_at: Counter[str] = field(default_factory=Counter)


class Copies:
    """The copies on all nodes.

    Args:
        world: the day.
        site_of: of each node.
        evict: what leaves a node, so that so many bytes come free.
    """

    def __init__(self, world: World, site_of: dict[str, str], evict: Evict = choose_evictions) -> None:
        self._world = world
        self._site_of = site_of
        self._evict = evict
        self._of_node: dict[str, dict[DatasetRef, Copy]] = defaultdict(dict)
        self._known: dict[DatasetRef, _Known] = defaultdict(_Known)

    def get(self, node: str, ref: DatasetRef) -> Copy | None:
        """Return the copy there, whole or not."""
        return self._of_node[node].get(ref)

    def holders(self, ref: DatasetRef) -> Iterator[str]:
        """Yield the nodes that have a copy, or make one."""
        known = self._known[ref]
        return chain(known.whole, known.coming)

    def coming(self, ref: DatasetRef) -> Mapping[str, Copy]:
        """Return the nodes that make a copy."""
        return self._known[ref].coming

    def whole(self, ref: DatasetRef) -> Mapping[str, Copy]:
        """Return the nodes that had a whole copy when the index was last asked for."""
        return self._known[ref].whole

    def index(self, ref: DatasetRef, now: float) -> CacheIndex:
        """Return the scheduler's index of one dataset's copies, which the next call changes."""
        known = self._known[ref]
        for node, copy in list(known.coming.items()):
            size_bytes = dataset_bytes(copy.dataset)
            if copy.ends <= now:
                known.bytes_by_node[node, ref] = size_bytes
                known.whole[node] = known.coming.pop(node)
                known.whole_at[self._site_of[node]] += 1
                continue
            steps = int(_PUBLISHED_STEPS * (now - copy.began) / (copy.ends - copy.began))
            if steps:
                known.bytes_by_node[node, ref] = size_bytes * steps // _PUBLISHED_STEPS
        full = frozenset((site, ref) for site, count in known.whole_at.items() if count)
        return CacheIndex(known.bytes_by_node, full)

    def begin(self, node: str, dataset: Dataset, now: float) -> Fill | None:
        """Copy a dataset, from a neighbour where one has it or brings it; None where there is no room."""
        size_bytes = dataset_bytes(dataset)
        if not self._make_room(node, size_bytes, now):
            return None
        site = self._site_of[node]
        known = self._known[dataset.ref]
        near = [copy.ends for other, copy in known.coming.items() if self._site_of[other] == site]
        near += [now] if known.whole_at[site] else []
        way = best_way(dataset, site, size_bytes, self._world.inventory)
        if way is None:
            return None
        if near:
            # Nodes that bring it together send each other what they have, and end together.
            fill = Fill(max(min(near), now + size_bytes / OWN_SITE_BYTES_PER_SECOND), near_bytes=size_bytes)
        elif way.local:
            fill = Fill(now + way.seconds, near_bytes=size_bytes)
        else:
            fill = Fill(now + way.seconds, far_bytes=size_bytes)
        copy = Copy(dataset, now, fill.ends, now)
        self._of_node[node][dataset.ref] = known.coming[node] = copy
        return fill

    def _make_room(self, node: str, size_bytes: int, now: float) -> bool:
        if size_bytes > CACHE_BYTES:
            return False
        lacking = sum(dataset_bytes(copy.dataset) for copy in self._of_node[node].values()) + size_bytes - CACHE_BYTES
        if lacking <= 0:
            return True
        chosen = self._evict(self._weighed(node, now), lacking)
        for version in chosen or ():
            self._forget(node, version.ref)
        return chosen is not None

    def _forget(self, node: str, ref: DatasetRef) -> None:
        del self._of_node[node][ref]
        known = self._known[ref]
        known.bytes_by_node.pop((node, ref), None)
        if known.coming.pop(node, None) is None:
            del known.whole[node]
            known.whole_at[self._site_of[node]] -= 1

    def _weighed(self, node: str, now: float) -> list[HeldVersion]:
        weighed = []
        for ref, copy in self._of_node[node].items():
            size_bytes = dataset_bytes(copy.dataset)
            way = best_way(copy.dataset, self._site_of[node], size_bytes, self._world.inventory)
            weighed.append(
                HeldVersion(
                    ref=ref,
                    version="v1",
                    size_bytes=size_bytes,
                    bring_seconds=0.0 if way is None else way.seconds,
                    hours_since_read=(now - copy.read_at) / 3600,
                    in_use=copy.readers > 0 or copy.ends > now,
                )
            )
        return weighed
