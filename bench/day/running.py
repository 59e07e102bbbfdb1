"""The day, event by event: pods come, read, compute and go; nodes make copies beside what streams.

A pod on a node with a whole copy reads that. Any other streams, and goes on from the copy once one is whole there. A
link gives each reader its whole bandwidth. Pods that find no slot wait for one, in turn.
"""

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count

from bench.day.cluster import Cluster
from bench.day.copies import Copies, Copy
from bench.day.foresight import Foresight
from bench.day.placing import Placing
from bench.day.worlds import Job, World
from moorage.caching import CacheMode
from moorage.locality.bringing import best_way, dataset_bytes
from moorage.locality.filling import NODE_DISK_BYTES_PER_SECOND, Readers, bringing, decide_fill
from moorage.model import Dataset, DatasetRef


class Caching(Enum):
    """The policy by which nodes make copies."""

    NONE = auto()
    ALONE = auto()
    """Copies by `spec.cache.mode: auto`, where a node knows only of its own reads."""
    AUTO = auto()
    """Copies by `auto`, where the broker tells the node of all reads at its site."""
    ASKED = auto()
    """Copies as for pods that say `useas: cache`."""
    FORESEEN = auto()
    """Copies from the first read of another site's dataset on, which streams from the copy that comes."""


@dataclass(slots=True)
class Moved:
    """The totals of a simulated day.

    Attributes:
        far_bytes: between sites.
        near_bytes: within them.
        read_seconds: of all pods together, in which they read.
    """

    far_bytes: int = 0
    near_bytes: int = 0
    read_seconds: float = 0.0
    pods: int = 0
    copies: int = 0
    waited_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Pod:
    job: Job
    dataset: Dataset


class _Day:
    def __init__(self, world: World, placing: Placing, caching: Caching) -> None:
        self.world = world
        self.placing = placing
        self.caching = caching
        self.cluster = Cluster(world.nodes_of, random.Random(world.seed))  # noqa: S311 - the same day each time
        if isinstance(placing, Foresight):
            self.copies = Copies(world, self.cluster.site_of, placing.evict)
        else:
            self.copies = Copies(world, self.cluster.site_of)
        self.moved = Moved()
        self.reads: Counter[tuple[str, DatasetRef]] = Counter()
        self.waiting: deque[_Pod] = deque()
        self.ends: list[tuple[float, int, str, Copy | None]] = []
        self.number = count()

    def come(self, job: Job) -> None:
        self.end_until(job.at_seconds)
        pod = _Pod(job, self.world.datasets[job.dataset])
        for _ in range(job.pods):
            if self.waiting or not self.start(pod, job.at_seconds):
                self.waiting.append(pod)

    def end_until(self, now: float) -> None:
        while self.ends and self.ends[0][0] <= now:
            at, _, node, copy = heapq.heappop(self.ends)
            self.cluster.give_back(node)
            if copy is not None:
                copy.readers -= 1
                copy.read_at = at
            while self.waiting and self.start(self.waiting[0], at):
                self.waiting.popleft()

    def start(self, pod: _Pod, now: float) -> bool:
        node = self.placing.place(pod.dataset, self.cluster, self.copies, now)
        if node is None:
            return False
        self.cluster.take(node)
        seconds = self.read(pod, node, now)
        copy = self.copies.get(node, pod.dataset.ref)
        if copy is not None:
            copy.readers += 1
            copy.read_at = now
        heapq.heappush(self.ends, (now + seconds + pod.job.compute_seconds, next(self.number), node, copy))
        self.moved.pods += 1
        self.moved.read_seconds += seconds
        self.moved.waited_seconds += now - pod.job.at_seconds
        return True

    def read(self, pod: _Pod, node: str, now: float) -> float:
        """Read the seconds that all reads of a pod take; counts what moves for them."""
        dataset, site = pod.dataset, self.cluster.site_of[node]
        size_bytes = dataset_bytes(dataset)
        whole = pod.job.reads * size_bytes
        copy = self.copies.get(node, dataset.ref)
        if copy is None:
            copy = self.fill(dataset, node, now)
        self.reads[node, dataset.ref] += 1
        self.reads[site, dataset.ref] += 1
        way = best_way(dataset, site, size_bytes, self.world.inventory)
        assert way is not None
        streamed_seconds = pod.job.reads * way.seconds
        if copy is not None:
            streamed_seconds = min(streamed_seconds, max(0.0, copy.ends - now))
        streamed = round(whole * (streamed_seconds / (pod.job.reads * way.seconds)))
        if self.caching is Caching.FORESEEN and copy is not None:
            streamed = 0  # it reads what comes for the copy
        if way.local:
            self.moved.near_bytes += streamed
        else:
            self.moved.far_bytes += streamed
        return streamed_seconds + (whole - streamed) / NODE_DISK_BYTES_PER_SECOND

    def fill(self, dataset: Dataset, node: str, now: float) -> Copy | None:
        if not self.wants_copy(dataset, node):
            return None
        fill = self.copies.begin(node, dataset, now)
        if fill is None:
            return None
        self.moved.far_bytes += fill.far_bytes
        self.moved.near_bytes += fill.near_bytes
        self.moved.copies += 1
        return self.copies.get(node, dataset.ref)

    def wants_copy(self, dataset: Dataset, node: str) -> bool:
        if self.caching is Caching.NONE:
            return False
        brought = bringing(dataset, self.cluster.site_of[node], 0, self.world.inventory)
        if self.caching is Caching.FORESEEN:
            return brought.far_seconds is not None and brought.far_seconds > brought.disk_seconds
        readers = Readers(
            seen_reads=self.reads[node, dataset.ref],
            expected_reads=0 if self.caching is Caching.ALONE else self.reads[self.cluster.site_of[node], dataset.ref],
            asked=self.caching is Caching.ASKED,
        )
        return decide_fill(CacheMode.AUTO, brought, readers).fill


def run(world: World, placing: Placing, caching: Caching) -> Moved:
    """Simulate one day."""
    day = _Day(world, placing, caching)
    for job in world.jobs:
        day.come(job)
    day.end_until(float("inf"))
    return day.moved
