"""The watch caches, and the snapshot made of them.

A snapshot costs next to nothing while nothing changed: each part is made again only when what it is made of did.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from moorage import wire
from moorage.errors import NotFoundError
from moorage.kube import DATASETS, NAMESPACES, NODE_CACHES, NODES, SITES, Client, Key, RawObject, Reflector
from moorage.locality import EMPTY_CACHES, CacheIndex
from moorage.model import Dataset, DatasetRef, Node, NodeCache, Site
from moorage.sites import Inventory, Place
from scheduler_plugin.score import Places, Request, Snapshot, holders_of

MOST_REMEMBERED = 4096
"""Distinct requests whose verdicts are kept until something changes."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """The purposes of a namespace; a record, because a reflector leaves out what is None."""

    purposes: frozenset[str] | None


def _read_listed(raw: RawObject) -> _Listed:
    return _Listed(wire.read_namespace_purposes(raw))


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
        self._datasets: Reflector[Dataset] = Reflector(client, DATASETS, project=wire.read_dataset)
        self._sites: Reflector[Site] = Reflector(client, SITES, project=wire.read_site)
        self._nodes: Reflector[Node] = Reflector(client, NODES, project=wire.read_node)
        self._namespaces: Reflector[_Listed] = Reflector(client, NAMESPACES, project=_read_listed)
        self._caches: Reflector[NodeCache] = Reflector(client, NODE_CACHES, project=wire.read_node_cache)
        self._made: dict[str, tuple[tuple[object, ...], Any]] = {}
        self._of_node: dict[str, tuple[Node, Place]] = {}
        self._placed_in: Inventory | None = None
        self._running = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        for reflector in (self._datasets, self._sites, self._nodes, self._namespaces, self._caches):
            await self._running.enter_async_context(reflector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    def missing(self) -> str | None:
        """The caches that are not complete yet, in words; None once all are.

        NodeCaches may be absent as a whole: a cluster without the node plugin has no such resource.
        """
        followed: dict[str, Reflector[Any]] = {
            "datasets": self._datasets,
            "sites": self._sites,
            "nodes": self._nodes,
            "namespaces": self._namespaces,
        }
        if not isinstance(self._caches.last_error, NotFoundError):
            followed["nodecaches"] = self._caches
        behind = [name for name, reflector in followed.items() if not reflector.synced.is_set()]
        return f"{', '.join(behind)} not in the cache yet" if behind else None

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        datasets, sites, nodes = self._datasets.snapshot(), self._sites.snapshot(), self._nodes.snapshot()
        namespaces, caches = self._namespaces.snapshot(), self._caches.snapshot()
        inventory: Inventory = self._again("inventory", (sites,), lambda: Inventory.of(sites.values()))
        places: Places = self._again("places", (inventory, nodes), lambda: self._place(inventory, nodes))
        by_ref = _ByRef(datasets)
        index: CacheIndex = self._again("caches", (caches, datasets, places), lambda: _index(caches, by_ref, places))
        unreadable = {DatasetRef(*key): str(problem.error) for key, problem in self._datasets.problems.items()}
        reasons: dict[Request, list[str | None]] = self._again(
            "reasons", (datasets, inventory, places, namespaces), dict
        )
        if unreadable or len(reasons) > MOST_REMEMBERED:
            reasons.clear()
        return Snapshot(
            datasets=by_ref,
            unreadable=unreadable,
            inventory=inventory,
            places=places,
            caches=index,
            holders=self._again("holders", (index,), lambda: holders_of(index)),
            purposes=self._again(
                "purposes", (namespaces,), lambda: {name: listed.purposes for (_, name), listed in namespaces.items()}
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
