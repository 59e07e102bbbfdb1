"""The objects that every decision asks for, followed in the API server: Datasets, Sites, Namespaces, Nodes."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from moorage.errors import InputError
from moorage.kube import DATASETS, NAMESPACES, NODES, SITES, Change, Client, Key, RawObject, Reflector
from moorage.model import Dataset, DatasetRef, Node, Site
from moorage.sites import Inventory
from moorage.watching.bundle import Bundle
from moorage.watching.namespaces import NamespaceTerms
from moorage.watching.projections import read_for_deciding
from moorage.wire import read_node, read_site


class Catalogue:
    """The informers and indexes that every decision reads.

    Args:
        client: the API server.
        project: reads a Dataset, and may leave out what its room never asks for.
        on_dataset: told after each change of a Dataset; it must be quick.
        with_nodes: whether Nodes are followed, too.
        more: further reflectors that start, sync and age with these.
        optional: of those, what may be absent as a whole; see `Bundle`.
    """

    def __init__(  # noqa: PLR0913 - each but the first is a keyword
        self,
        client: Client,
        *,
        project: Callable[[RawObject], Dataset] = read_for_deciding,
        on_dataset: Callable[[Change[Dataset]], None] | None = None,
        with_nodes: bool = False,
        more: Mapping[str, Reflector[Any]] | None = None,
        optional: Mapping[str, Callable[[], bool]] | None = None,
    ) -> None:
        self.datasets: Reflector[Dataset] = Reflector(client, DATASETS, project=project, on_change=on_dataset)
        self.sites: Reflector[Site] = Reflector(client, SITES, project=read_site)
        self.namespaces: Reflector[NamespaceTerms] = Reflector(client, NAMESPACES, project=NamespaceTerms.read)
        # A Node's status is most of it (the images it has, among others) and changes with each heartbeat.
        self.nodes: Reflector[Node] = Reflector(client, NODES, project=read_node, metadata_only=True)
        followed: dict[str, Reflector[Any]] = {
            "datasets": self.datasets,
            "sites": self.sites,
            "namespaces": self.namespaces,
        }
        if with_nodes:
            followed["nodes"] = self.nodes
        self._bundle = Bundle(followed | dict(more or {}), optional)
        self._inventory: tuple[Mapping[Key, Site] | None, Inventory] = (None, Inventory())

    async def __aenter__(self) -> Self:
        await self._bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bundle.__aexit__(kind, error, trace)

    def missing(self) -> str | None:
        """Return the caches that are not complete yet, in words; None once all are."""
        return self._bundle.missing()

    def problem(self, blind_seconds: float) -> str | None:
        """Return why no decision is possible: a cache is incomplete, or older than `blind_seconds`; or None."""
        return self._bundle.problem(blind_seconds)

    def dataset(self, ref: DatasetRef) -> Dataset | None:
        """Return the dataset; None where no Dataset has the name, or its spec can't be read."""
        return self.datasets.snapshot().get((ref.namespace, ref.name))

    def unreadable(self, ref: DatasetRef) -> InputError | None:
        """Return the error in the dataset's spec; None where the spec is valid or not there."""
        problem = self.datasets.problems.get((ref.namespace, ref.name))
        return None if problem is None else problem.error

    def site(self, name: str) -> Site | None:
        """Return the Site of this name, or None."""
        return self.sites.snapshot().get(("", name))

    def node(self, name: str) -> Node | None:
        """Return the Node of this name, or None."""
        return self.nodes.snapshot().get(("", name))

    def namespace(self, name: str) -> NamespaceTerms | None:
        """Return the namespace's terms, or None where it is not in the cache."""
        return self.namespaces.snapshot().get(("", name))

    def inventory(self) -> Inventory:
        """Return the sites as they are now; the same object until one changes."""
        view = self.sites.snapshot()
        if self._inventory[0] is not view:
            self._inventory = view, Inventory.of(view.values())
        return self._inventory[1]
