"""A plan for the day by somebody who knows it: which datasets leave their site, and where to. No proof that it is best.

Where the pods of a site's datasets want more slots than it has at some time of the day, whole datasets leave it: those
first that cost least bytes for the slot-seconds that they free. Each goes to the site with most slots to spare. There
each crosses the line once, as long as the nodes of that site have room for copies; what is read furthest ahead leaves
first.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np

from bench.day.cluster import Cluster
from bench.day.copies import Copies
from bench.day.worlds import DAY_SECONDS, SLOTS, World
from moorage.locality.bringing import dataset_bytes
from moorage.locality.evicting import HeldVersion
from moorage.model import Dataset, DatasetRef

_BINS = 288
_TAKEN_SHARE = 0.95


class Foresight:
    """The plan, and what it takes to follow it.

    Args:
        sites_of: for each dataset the sites to try, in turn.
        arrivals: of each dataset's jobs, in order.
    """

    def __init__(self, sites_of: Mapping[DatasetRef, list[str]], arrivals: Mapping[DatasetRef, list[float]]) -> None:
        self._sites_of = sites_of
        self._arrivals = arrivals
        self.now = 0.0

    @classmethod
    def of(cls, world: World) -> "Foresight":
        """Return the plan for a day."""
        wanted: dict[DatasetRef, np.ndarray] = defaultdict(lambda: np.zeros(_BINS))
        arrivals: dict[DatasetRef, list[float]] = defaultdict(list)
        for job in world.jobs:
            first = int(job.at_seconds / DAY_SECONDS * _BINS)
            last = int((job.at_seconds + job.compute_seconds) / DAY_SECONDS * _BINS)
            wanted[job.dataset][first : last + 1] += job.pods
            arrivals[job.dataset].append(job.at_seconds)
        room = {site: np.full(_BINS, _TAKEN_SHARE * SLOTS * len(nodes)) for site, nodes in world.nodes_of.items()}
        homes = {ref: [source.site for source in world.datasets[ref].sources] for ref in wanted}
        leaving = []
        # Those that are costly to move come first, and stay.
        for ref in sorted(wanted, key=lambda ref: -dataset_bytes(world.datasets[ref]) / wanted[ref].sum()):
            staying = next((site for site in homes[ref] if (room[site] >= wanted[ref]).all()), None)
            if staying is None:
                leaving.append(ref)
                continue
            room[staying] -= wanted[ref]
            homes[ref] = [staying, *(site for site in homes[ref] if site != staying)]
        sites_of = dict(homes)
        for ref in sorted(leaving, key=lambda ref: -float(wanted[ref].max())):
            target = max(room, key=lambda site: float((room[site] - wanted[ref]).min()))
            room[target] -= wanted[ref]
            sites_of[ref] = [target, *(site for site in homes[ref] if site != target)]
        return cls(sites_of, arrivals)

    def place(self, dataset: Dataset, cluster: Cluster, copies: Copies, now: float) -> str | None:
        """Place at the planned site, on a node that has or makes a copy; else where most room is."""
        self.now = now
        copies.index(dataset.ref, now)
        holders = list(copies.holders(dataset.ref))
        for site in self._sites_of[dataset.ref]:
            if not cluster.most_free(site):
                continue
            held = [node for node in holders if cluster.site_of[node] == site and cluster.free[node]]
            return min(held) if held else cluster.pick([site])
        held = [node for node in holders if cluster.free[node]]
        near = sorted({cluster.site_of[node] for node in holders if cluster.most_free(cluster.site_of[node])})
        return min(held) if held else cluster.pick(near or cluster.sites)

    def evict(self, held: Collection[HeldVersion], free_bytes: int) -> list[HeldVersion] | None:
        """Evict first the copy whose next read is furthest ahead."""
        chosen, freed = [], 0
        for version in sorted(
            (each for each in held if not each.in_use), key=lambda each: self._next_read(each.ref), reverse=True
        ):
            if freed >= free_bytes:
                break
            chosen.append(version)
            freed += version.size_bytes
        return chosen if freed >= free_bytes else None

    def _next_read(self, ref: DatasetRef) -> float:
        ahead = self._arrivals[ref]
        place = bisect_right(ahead, self.now)
        return ahead[place] if place < len(ahead) else float("inf")
