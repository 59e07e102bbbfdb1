"""Datasets, Sites, Nodes and Namespaces, followed: what a ruling needs besides the pod itself."""

import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from dataset_operator.namespaces import NamespacePurposes
from moorage.kube import DATASETS, NAMESPACES, NODES, SITES, Client, Key, Reflector
from moorage.model import Dataset, DatasetRef, Node, Site
from moorage.sites import Inventory
from moorage.wire import read_dataset, read_node, read_site


class Catalogue:
    """What the API server said last.

    Args:
        client: the API server.
        blind_seconds: how long it may be out of sight before nothing is decided any more.
    """

    def __init__(self, client: Client, blind_seconds: float) -> None:
        self._blind_seconds = blind_seconds
        self._datasets = Reflector(client, DATASETS, project=read_dataset)
        self._sites = Reflector(client, SITES, project=read_site)
        self._nodes = Reflector(client, NODES, project=read_node)
        self._namespaces = Reflector(client, NAMESPACES, project=NamespacePurposes.read)
        self._stack = contextlib.AsyncExitStack()
        self._inventory: tuple[Mapping[Key, Site], Inventory] | None = None

    async def __aenter__(self) -> Self:
        for reflector in (self._datasets, self._sites, self._nodes, self._namespaces):
            await self._stack.enter_async_context(reflector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def problem(self) -> str | None:
        """Why nothing can be decided now; None where it can."""
        for name, reflector in self._following().items():
            if not reflector.synced.is_set():
                return f"{name} are not in the cache yet"
            if reflector.age_seconds > self._blind_seconds:
                return f"{name} were out of sight for {reflector.age_seconds:.0f} s"
        return None

    def _following(self) -> Mapping[str, Reflector[Any]]:
        return {
            "datasets": self._datasets,
            "sites": self._sites,
            "nodes": self._nodes,
            "namespaces": self._namespaces,
        }

    def dataset(self, ref: DatasetRef) -> Dataset | None:
        """The dataset; None where none bears the name, or its spec can't be read."""
        return self._datasets.snapshot().get((ref.namespace, ref.name))

    def unreadable(self, ref: DatasetRef) -> bool:
        """Whether the dataset is there, but its spec can't be read."""
        return (ref.namespace, ref.name) in self._datasets.problems

    def node(self, name: str) -> Node | None:
        """The node."""
        return self._nodes.snapshot().get(("", name))

    def purposes(self, namespace: str) -> NamespacePurposes | None:
        """What a namespace says of purposes; None where it is not known."""
        return self._namespaces.snapshot().get(("", namespace))

    def inventory(self) -> Inventory:
        """The sites."""
        view = self._sites.snapshot()
        if self._inventory is None or self._inventory[0] is not view:
            self._inventory = view, Inventory.of(view.values())
        return self._inventory[1]
