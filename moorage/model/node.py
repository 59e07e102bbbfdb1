"""A Node, and what its cache holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.model.dataset import DatasetRef


@dataclass(frozen=True, slots=True)
class Node:
    """A node as far as placement asks: its name and labels."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CachedDataset:
    """Bytes of one version of a dataset that a node holds; none yet where it has just begun to bring it.

    Attributes:
        near_bytes: of these, what came from other nodes of its site.
    """

    ref: DatasetRef
    version: str
    size_bytes: int
    near_bytes: int = 0


@dataclass(frozen=True, slots=True, order=True)
class UnfilledDataset:
    """A dataset that a pod on a node asks to be copied and that is not, with the reason, as `NoRoom`."""

    ref: DatasetRef
    reason: str


@dataclass(frozen=True, slots=True)
class NodeCache:
    """The copies in one node's cache, and the ones that it was asked for in vain.

    Attributes:
        address: where its node plugin serves copies to other nodes of its site; "": it does not.
    """

    node: str
    datasets: tuple[CachedDataset, ...] = ()
    unfilled: tuple[UnfilledDataset, ...] = ()
    address: str = ""
