"""Which nodes of a site hold a dataset's version, or are bringing it. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from moorage.grants.neighbours import MOST_BRINGING, MOST_WHOLE, Neighbour, Neighbourhood
from moorage.kube import RawObject
from moorage.model import Dataset, DatasetRef
from moorage.wire import read_node_cache


@dataclass(frozen=True, slots=True)
class NodeCopies:
    """What a node tells of its copies.

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
        """Of a NodeCache.

        Raises:
            InputError: naming the object, the field and the remedy.
        """
        told = read_node_cache(raw)
        held = {(each.ref, each.version): each.size_bytes for each in told.datasets}
        return cls(told.node, told.address, held)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a node tells of the version."""

    neighbour: Neighbour
    holds: bool


def neighbourhood(
    dataset: Dataset, node: str, copies: Iterable[NodeCopies], site_of: Callable[[str], str | None]
) -> Neighbourhood:
    """What a node is told. All nodes of a site are told the same of who shares the bringing.

    Args:
        dataset: that the node may hold; nothing is told of one without a version.
        node: that asks.
        copies: of all nodes.
        site_of: the site of a node; None where it has none.
    """
    site = site_of(node)
    if site is None or dataset.status.version is None:
        return Neighbourhood()
    told = {
        each.node: _told(each, dataset)
        for each in copies
        if (each.address or each.node == node) and site_of(each.node) == site
    }
    own = told.pop(node, None)
    whole = [each.neighbour for each in told.values() if each.holds and each.neighbour.whole]
    bringing = {name for name, each in told.items() if each.holds and not each.neighbour.whole}
    is_bringing = own is not None and own.holds and not own.neighbour.whole
    sharing = _first(bringing | ({node} if is_bringing else set()), str(dataset.status.version), MOST_BRINGING)
    nearest = _first([each.node for each in whole], node, MOST_WHOLE)
    return Neighbourhood(
        neighbours=tuple(sorted(told[name].neighbour for name in {*nearest, *sharing} - {node})),
        shares=node in sharing,
        seen=own is not None and own.holds,
        others=len(told),
    )


def _told(copies: NodeCopies, dataset: Dataset) -> _Told:
    size_bytes = copies.held_bytes.get((dataset.ref, dataset.status.version or ""))
    # What has no bytes at all is whole at once, and nothing of it is to be brought.
    whole = size_bytes is not None and size_bytes >= (dataset.status.size_bytes or 0)
    return _Told(Neighbour(copies.node, copies.address, whole), size_bytes is not None)


def _first(names: Iterable[str], salt: str, most: int) -> list[str]:
    """So many of them, the same ones for the same salt, whoever else comes or goes."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}\0{name}".encode()).digest())[:most]
