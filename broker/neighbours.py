"""Index of the nodes of a site that hold a dataset's version or are fetching it. Pure."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from moorage.grants.neighbours import MOST_BRINGING, MOST_IN_MEMORY, MOST_WHOLE, Neighbour, Neighbourhood
from moorage.kube import RawObject
from moorage.model import Dataset, DatasetRef
from moorage.wire import read_node_cache


@dataclass(frozen=True, slots=True)
class NodeCopies:
    """The copies that one node reports.

    Attributes:
        node: its name.
        address: where it serves neighbours; "": it does not.
        held_bytes: by dataset and version.
    """

    node: str
    address: str = ""
    held_bytes: Mapping[tuple[DatasetRef, str], int] = field(default_factory=dict)

    @classmethod
    def read(cls, raw: RawObject) -> Self:
        """Read the copies from a raw NodeCache.

        Raises:
            InputError: naming the object, the field and the remedy.
        """
        told = read_node_cache(raw)
        held = {(each.ref, each.version): each.size_bytes for each in told.datasets}
        return cls(told.node, told.address, held)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A snapshot of one version's copies at one site, the same for all nodes that ask.

    Attributes:
        holding: by node, those that have it or bring it.
        serving: the nodes that serve neighbours, whatever they hold.
        whole: those of them that have all of it, in the order of a ring.
        bringing: those that share the bringing; of memory, all that have any of it.
        version: the version of the dataset; of memory, the Dataset's uid.
    """

    version: str = ""
    holding: Mapping[str, Neighbour] = field(default_factory=dict)
    serving: frozenset[str] = frozenset()
    whole: tuple[tuple[bytes, str], ...] = ()
    bringing: tuple[tuple[bytes, str], ...] = ()


def sight(dataset: Dataset, copies: Iterable[NodeCopies]) -> Sighting:
    """Take a snapshot of the copies of a dataset's current version; of memory, of the nodes that have any of it.

    Args:
        dataset: nothing is seen of one without a version.
        copies: of all nodes of one site.
    """
    version = held_as(dataset)
    if not version:
        return Sighting()
    size_bytes, place = dataset.status.size_bytes or 0, (dataset.ref, version)
    copies, in_memory = list(copies), dataset.in_memory
    # What has no bytes at all is whole at once, and nothing of it is to be brought.
    holding = {
        each.node: Neighbour(each.node, each.address, not in_memory and each.held_bytes[place] >= size_bytes)
        for each in copies
        if place in each.held_bytes
    }
    told = [each for each in holding.values() if each.address]
    return Sighting(
        version,
        holding,
        frozenset(each.node for each in copies if each.address),
        _ring((each.node for each in told if each.whole), version),
        _ring((each.node for each in told if not each.whole), version)[
            : MOST_IN_MEMORY if in_memory else MOST_BRINGING
        ],
    )


def held_as(dataset: Dataset) -> str:
    """Return what nodes report as a dataset's version; "" as long as it has none."""
    return dataset.uid if dataset.in_memory else dataset.status.version or ""


def neighbourhood(seen: Sighting, node: str) -> Neighbourhood:
    """Return the answer to one node. All nodes of a site get the same answer about who shares the fetching."""
    own, bringing = seen.holding.get(node), seen.bringing
    if own is not None and not own.whole and not own.address:
        # Nobody is told of it, and it does its share all the same.
        bringing = tuple(sorted([*bringing, (_place(node, seen.version), node)])[: max(len(bringing), MOST_BRINGING)])
    sharing = {name for _, name in bringing}
    begin = bisect_left(seen.whole, (_place(node, seen.version), ""))
    # One more than the answer has, as the node itself may be among them.
    nearest = [name for _, name in (*seen.whole[begin:], *seen.whole[:begin])[: MOST_WHOLE + 1] if name != node]
    others = {*nearest[:MOST_WHOLE], *sharing} - {node}
    return Neighbourhood(
        neighbours=tuple(sorted(seen.holding[name] for name in others)),
        shares=node in sharing,
        seen=own is not None,
        others=len(seen.serving) - (node in seen.serving),
    )


def _ring(names: Iterable[str], salt: str) -> tuple[tuple[bytes, str], ...]:
    """Order names by salted hash, so that the order of the rest stays when a name comes or goes."""
    return tuple(sorted((_place(name, salt), name) for name in names))


def _place(name: str, salt: str) -> bytes:
    return hashlib.sha256(f"{salt}\0{name}".encode()).digest()
