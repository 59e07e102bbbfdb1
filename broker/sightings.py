"""Cached snapshots of the copies at sites, taken at most once a second however many nodes ask."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from broker.neighbours import NodeCopies, Sighting, held_as, sight
from moorage.model import Dataset, DatasetRef, Node
from moorage.sites import Inventory

_LOOK_SECONDS: Final = 1.0


@dataclass(slots=True)
class Sightings:
    """The sightings of this second. For one event loop.

    Attributes:
        copies: what all nodes tell.
        clock: seconds, monotonic.
    """

    copies: Callable[[], Collection[NodeCopies]] = tuple
    clock: Callable[[], float] = time.monotonic
    _looked_at: float = float("-inf")
    _by_site: dict[str, list[NodeCopies]] = field(default_factory=dict)
    _seen: dict[tuple[DatasetRef, str], Sighting] = field(default_factory=dict)
    _sites: dict[str, tuple[Node, Inventory, str | None]] = field(default_factory=dict)

    def of(self, dataset: Dataset, site: str, find: Callable[[str], Node | None], inventory: Inventory) -> Sighting:
        """Return the snapshot of a dataset's copies at a site.

        Args:
            dataset: which.
            site: the site of the nodes.
            find: a node by its name; None where there is none.
            inventory: the sites.
        """
        now = self.clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            self._seen.clear()
            self._look(find, inventory)
        key = dataset.ref, site
        seen = self._seen.get(key)
        if seen is None or seen.version != held_as(dataset):
            seen = self._seen[key] = sight(dataset, self._by_site.get(site, ()))
        return seen

    def _look(self, find: Callable[[str], Node | None], inventory: Inventory) -> None:
        """Sort by site what all nodes tell."""
        self._by_site = {}
        known, self._sites = self._sites, {}
        for each in self.copies():
            node = find(each.node)
            if node is None:
                continue
            before = known.get(each.node)
            # A node moves seldom, and finding its site costs more than all the rest.
            same = before is not None and before[0] is node and before[1] is inventory
            place = (
                before if before is not None and same else (node, inventory, inventory.place_of_node(node).site_name)
            )
            self._sites[each.node] = place
            if place[2] is not None:
                self._by_site.setdefault(place[2], []).append(each)
