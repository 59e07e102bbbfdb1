"""The watch caches, and the snapshot made of them.

A snapshot costs next to nothing while nothing changed: each part is made again only when what it is made of did.
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from moorage import wire
from moorage.errors import NotFoundError
from moorage.kube import NODE_CACHES, Client, Key, Reflector
from moorage.locality import EMPTY_CACHES, CacheIndex
from moorage.locality.snapshot import Places, Request, Snapshot, holders_of
from moorage.model import Dataset, DatasetRef, Node, NodeCache
from moorage.sites import Inventory, Place
from moorage.watching import Catalogue

MOST_REMEMBERED = 4096
"""Distinct requests whose verdicts are kept until something changes."""


class _ByRef(Mapping[DatasetRef, Dataset]):
    """A reflector's snapshot, asked by reference, without a copy."""

    def __init__(self, view: Mapping[Key, Dataset]) -> None:
        self._view = view

    def __getitem__(self, ref: DatasetRef) -> Dataset:
        return self._view[ref.namespace, ref.name]

    def __iter__(self) -> Iterator[DatasetRef]:
        return (DatasetRef(*key) for key in self._view)

    def __len__(self) -> int:
        return len(self._view)


class Gatherer:
    """Follows everything that a verdict depends on, while its `async with` block runs."""

    def __init__(self, client: Client) -> None:
        self._caches: Reflector[NodeCache] = Reflector(client, NODE_CACHES, project=wire.read_node_cache)
        self._catalogue = Catalogue(
            client,
            with_nodes=True,
            more={"nodecaches": self._caches},
            # A cluster without the node plugin has no such resource.
            optional={"nodecaches": lambda: isinstance(self._caches.last_error, NotFoundError)},
        )
        self._made: dict[str, tuple[tuple[object, ...], Any]] = {}
        self._of_node: dict[str, tuple[Node, Place]] = {}
        self._placed_in: Inventory | None = None

    async def __aenter__(self) -> Self:
        await self._catalogue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._catalogue.__aexit__(kind, error, trace)

    def missing(self) -> str | None:
        """The caches that are not complete yet, in words; None once all are."""
        return self._catalogue.missing()

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        known = self._catalogue
        datasets, nodes, namespaces = known.datasets.snapshot(), known.nodes.snapshot(), known.namespaces.snapshot()
        caches, problems, inventory = self._caches.snapshot(), known.datasets.problems, known.inventory()
        places: Places = self._again("places", (inventory, nodes), lambda: self._place(inventory, nodes))
        by_ref = _ByRef(datasets)
        index: CacheIndex = self._again("caches", (caches, datasets, places), lambda: _index(caches, by_ref, places))
        unreadable: dict[DatasetRef, str] = self._again(
            "unreadable",
            (problems,),
            lambda: {DatasetRef(*key): str(problem.error) for key, problem in problems.items()},
        )
        reasons: dict[Request, list[str | None]] = self._again(
            "reasons", (datasets, problems, inventory, places, namespaces), dict
        )
        if len(reasons) > MOST_REMEMBERED:
            reasons.clear()
        return Snapshot(
            datasets=by_ref,
            unreadable=unreadable,
            inventory=inventory,
            places=places,
            caches=index,
            holders=self._again("holders", (index,), lambda: holders_of(index)),
            purposes=self._again(
                "purposes", (namespaces,), lambda: {name: terms.purposes for (_, name), terms in namespaces.items()}
            ),
            reasons=reasons,
        )

    def _again(self, part: str, ingredients: tuple[object, ...], make: Any) -> Any:  # noqa: ANN401 - each part its own
        """The part as it was made before, unless an ingredient is another object now."""
        before, made = self._made.get(part, ((), None))
        if len(before) != len(ingredients) or any(old is not new for old, new in zip(before, ingredients, strict=True)):
            made = make()
            self._made[part] = (ingredients, made)
        return made

    def _place(self, inventory: Inventory, nodes: Mapping[Key, Node]) -> Places:
        """The place of each node; only for nodes that changed is it asked anew, unless the sites did."""
        known = self._of_node if self._placed_in is inventory else {}
        of_node: dict[str, tuple[Node, Place]] = {}
        for (_, name), node in nodes.items():
            before = known.get(name)
            if before is None or before[0] is not node:
                before = (node, inventory.place_of_node(node))
            of_node[name] = before
        self._of_node, self._placed_in = of_node, inventory
        return Places.of({name: place for name, (_, place) in of_node.items()})


def _index(caches: Mapping[Key, NodeCache], datasets: _ByRef, places: Places) -> CacheIndex:
    return CacheIndex.of(caches.values(), datasets, places.site_names()) if caches else EMPTY_CACHES
