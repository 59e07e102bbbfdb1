"""The snapshot that a verdict is computed from, and the request that it answers. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat

from moorage.locality.bringing import EMPTY_CACHES, CacheIndex
from moorage.model import Dataset, DatasetRef, Node, NodeCache, Pod, Reader, Site
from moorage.policy import effective_purpose
from moorage.sites import Inventory, Place

UNKNOWN_NODE = Place(None, None, "the node is not known to the extender yet")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a verdict depends on, at one moment.

    Attributes:
        datasets: by identity.
        unreadable: Datasets that exist and can't be understood, with the sentence that says why.
        inventory: the sites.
        places: where each node is.
        caches: what nodes hold.
        holders: the nodes that hold some of a dataset's current version.
        purposes: the purposes that each namespace lists (None: it does not limit them), by its name.
        reasons: what was found already: why each place refuses a request, "" where it does not; a memo, good as long as
            nothing above changes, for the many pods of a Job ask the same.
    """

    datasets: Mapping[DatasetRef, Dataset] = field(default_factory=dict)
    unreadable: Mapping[DatasetRef, str] = field(default_factory=dict)
    inventory: Inventory = field(default_factory=Inventory)
    places: "Places" = field(default_factory=lambda: Places.of({}))
    caches: CacheIndex = EMPTY_CACHES
    holders: Mapping[DatasetRef, frozenset[str]] = field(default_factory=dict)
    purposes: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    reasons: dict["Request", list[str | None]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(  # noqa: PLR0913 - each is a keyword, and what a verdict depends on is that much
        cls,
        *,
        datasets: Iterable[Dataset] = (),
        sites: Iterable[Site] = (),
        nodes: Iterable[Node] = (),
        caches: Iterable[NodeCache] = (),
        purposes: Mapping[str, frozenset[str] | None] | None = None,
        unreadable: Mapping[DatasetRef, str] | None = None,
    ) -> "Snapshot":
        """The snapshot of these objects."""
        by_ref = {dataset.ref: dataset for dataset in datasets}
        inventory = Inventory.of(sites)
        places = Places.of({node.name: inventory.place_of_node(node) for node in nodes})
        index = CacheIndex.of(caches, by_ref, places.site_names())
        return cls(
            datasets=by_ref,
            unreadable=unreadable or {},
            inventory=inventory,
            places=places,
            caches=index,
            holders=holders_of(index),
            purposes=purposes or {},
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Where each node is. Nodes that are alike share a number, so that a verdict is asked once for all of them.

    Attributes:
        distinct: the places that differ, by number; 0 is that of nodes that are not known.
        number_of: by the node's name.
    """

    distinct: tuple[Place, ...]
    number_of: Mapping[str, int]

    @classmethod
    def of(cls, places: Mapping[str, Place]) -> "Places":
        """The places of these nodes, by name."""
        distinct = [UNKNOWN_NODE]
        numbers: dict[tuple[str | None, str, bool | None], int] = {}
        number_of: dict[str, int] = {}
        for name, place in places.items():
            alike = (place.site_name, place.problem, place.confidential_node)
            number = numbers.get(alike)
            if number is None:
                number = numbers[alike] = len(distinct)
                distinct.append(place)
            number_of[name] = number
        return cls(tuple(distinct), number_of)

    def __getitem__(self, node_name: str) -> Place:
        return self.distinct[self.number_of.get(node_name, 0)]

    def numbers(self, node_names: Iterable[str]) -> list[int]:
        """The number of each node's place; there are thousands for each pod, so no loop of Python's own."""
        return list(map(self.number_of.get, node_names, repeat(0)))

    def items(self) -> Iterable[tuple[str, Place]]:
        """Each known node's name and place."""
        return ((name, self.distinct[number]) for name, number in self.number_of.items())

    def site_names(self) -> dict[str, str | None]:
        """The site of each known node."""
        return {name: place.site_name for name, place in self.items()}


def holders_of(caches: CacheIndex) -> dict[DatasetRef, frozenset[str]]:
    """The nodes that hold some of each dataset's current version."""
    found: dict[DatasetRef, set[str]] = {}
    for node, ref in caches.bytes_by_node:
        found.setdefault(ref, set()).add(node)
    return {ref: frozenset(nodes) for ref, nodes in found.items()}


@dataclass(frozen=True, slots=True)
class Request:
    """A reader and the datasets that it reads together, sorted."""

    reader: Reader
    refs: tuple[DatasetRef, ...]

    def pairs(self, snapshot: Snapshot) -> tuple[tuple[DatasetRef, Dataset | None], ...]:
        """Each dataset, or None where there is none of that name."""
        return tuple((ref, snapshot.datasets.get(ref)) for ref in self.refs)

    def known(self, snapshot: Snapshot) -> tuple[Dataset, ...]:
        """The datasets that exist."""
        return tuple(dataset for _, dataset in self.pairs(snapshot) if dataset is not None)


def request_of(pod: Pod, snapshot: Snapshot) -> Request:
    """What the pod's labels say that it reads, and what its volumes ask for whatever its labels say."""
    stated = pod.usage.stated_purpose
    return request_for(pod.namespace, pod.service_account, stated, pod.datasets, snapshot)


def request_for(
    namespace: str, service_account: str, stated_purpose: str | None, refs: Iterable[DatasetRef], snapshot: Snapshot
) -> Request:
    """The same for an account that would read these datasets together."""
    # A namespace that is not in the snapshot lists nothing: no purpose counts there.
    purpose = effective_purpose(stated_purpose, snapshot.purposes.get(namespace, frozenset()))
    return Request(Reader(namespace, service_account, purpose), tuple(sorted(refs)))
