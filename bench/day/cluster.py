"""Free slots of nodes: who has most, at each site."""

import random
from collections.abc import Mapping, Sequence

from bench.day.worlds import SLOTS


class Cluster:
    """All nodes of the simulated cluster.

    Args:
        nodes_of: by site.
        chance: between nodes that are alike.
    """

    def __init__(self, nodes_of: Mapping[str, Sequence[str]], chance: random.Random) -> None:
        self._chance = chance
        self.sites = list(nodes_of)
        self.site_of = {node: site for site, nodes in nodes_of.items() for node in nodes}
        self.free = dict.fromkeys(self.site_of, SLOTS)
        # At each site the nodes with so many free slots, and where each of them is in that list.
        self._alike = {site: [*([] for _ in range(SLOTS)), list(nodes)] for site, nodes in nodes_of.items()}
        self._index = {node: number for nodes in nodes_of.values() for number, node in enumerate(nodes)}

    def most_free(self, site: str) -> int:
        """Return the most free slots of any node of the site."""
        alike = self._alike[site]
        return next((count for count in range(SLOTS, 0, -1) if alike[count]), 0)

    def roomy(self, site: str) -> int:
        """Return the number of the site's nodes with a free slot."""
        return sum(map(len, self._alike[site][1:]))

    def pick(self, sites: Sequence[str]) -> str | None:
        """Pick a node with most free slots at any of the sites, by chance among equals; None: all are full."""
        most = max(map(self.most_free, sites), default=0)
        if not most:
            return None
        widest = [self._alike[site][most] for site in sites]
        chosen = self._chance.randrange(sum(map(len, widest)))
        for nodes in widest:
            if chosen < len(nodes):
                return nodes[chosen]
            chosen -= len(nodes)
        raise AssertionError

    def take(self, node: str) -> None:
        """Take a slot of the node."""
        self._move(node, self.free[node] - 1)

    def give_back(self, node: str) -> None:
        """Give a slot of the node back."""
        self._move(node, self.free[node] + 1)

    def _move(self, node: str, count: int) -> None:
        alike = self._alike[self.site_of[node]]
        before, place = alike[self.free[node]], self._index[node]
        last = before.pop()
        if last != node:
            before[place] = last
            self._index[last] = place
        self.free[node] = count
        self._index[node] = len(alike[count])
        alike[count].append(node)
