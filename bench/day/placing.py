"""Placements of pods: as kube-scheduler weighs free room, alone, and with the extender's score."""

from collections import Counter
from typing import Protocol

from bench.day.cluster import Cluster
from bench.day.copies import Copies
from bench.day.worlds import SLOTS, World
from moorage.locality.bringing import MAX_SCORE, bring_seconds, scores
from moorage.model import Dataset

WEIGHT = 10
"""The weight of the extender's score, as in the chart; 0 to 10 count as 0 to 100 of kube-scheduler's own."""
_FULL_SCORE = 100


class Placing(Protocol):
    """A strategy that chooses nodes."""

    def place(self, dataset: Dataset, cluster: Cluster, copies: Copies, now: float) -> str | None:
        """Return the node for a pod that reads it; None where all are full."""


class SpreadingPlacing:
    """kube-scheduler without us: the node with most room, by chance among those that are alike."""

    def place(self, dataset: Dataset, cluster: Cluster, copies: Copies, now: float) -> str | None:
        """Place as `Placing.place` does."""
        del dataset, copies, now
        return cluster.pick(cluster.sites)


class LocalityPlacing:
    """kube-scheduler with the extender's score.

    A node's score depends on its site, its copy and its free slots alone: so of the nodes without a copy the widest of
    each site stands for all, and the choice is the same as over all nodes.
    """

    def __init__(self, world: World) -> None:
        self._inventory = world.inventory
        self._places = {site: world.inventory.place(site) for site in world.nodes_of}

    def place(self, dataset: Dataset, cluster: Cluster, copies: Copies, now: float) -> str | None:
        """Place as `Placing.place` does."""
        index, free = copies.index(dataset.ref, now), cluster.free
        whole = [node for node in copies.whole(dataset.ref) if free[node]]
        held = {
            node for node in copies.coming(dataset.ref) if free[node] and (node, dataset.ref) in index.bytes_by_node
        }
        if whole:
            # They have nothing to bring, wherever they are: the widest stands for them.
            held.add(max(whole, key=free.__getitem__))
        with_copy = Counter(cluster.site_of[node] for node in {*whole, *held})
        seconds = {
            site: bring_seconds("", self._places[site], [dataset], self._inventory, index)
            for site in cluster.sites
            if cluster.roomy(site) > with_copy[site]
        }
        for node in held:
            place = self._places[cluster.site_of[node]]
            seconds[node] = bring_seconds(node, place, [dataset], self._inventory, index)
        points = scores(seconds)
        totals = {
            name: _total(points[name], free[name] if name in held else cluster.most_free(name)) for name in seconds
        }
        best = max(totals.values(), default=0.0)
        chosen = sorted(name for name, total in totals.items() if total == best)
        holders = [name for name in chosen if name in held]
        return holders[0] if holders else cluster.pick(chosen)


def _total(points: int, free: int) -> float:
    """Return the extender's score, and NodeResourcesFit's, which prefers the least allocated; the others are alike."""
    return points * WEIGHT * _FULL_SCORE / MAX_SCORE + _FULL_SCORE * (free - 1) / SLOTS
