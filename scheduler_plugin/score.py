"""Where a pod may run, and how near its data is there: pure phases over one frozen snapshot.

    1. request_of      who reads what
    2. judge           may it be read at that place?                 once per place, not per node
    3. filter_nodes    the nodes that pass, and why each other one does not
    4. bring           seconds until the data is at a node           once per place, and per node that has a cache
    5. prioritize      0 to 10 for each node
       by_site         phases 2 to 5 for each Site instead of each node

Units: seconds.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

from moorage.locality import EMPTY_CACHES, CacheIndex, bring_seconds, scores
from moorage.model import Dataset, DatasetRef, Node, NodeCache, Pod, Reader, Site
from moorage.policy import ALLOWED, Decision, decide_all, effective_purpose
from moorage.sites import Inventory, Place
from scheduler_plugin.reasons import short_reason

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


# --- 1. who reads what ---


@dataclass(frozen=True, slots=True)
class Request:
    """A reader and the datasets that it reads together, sorted."""

    reader: Reader
    refs: tuple[DatasetRef, ...]

    def pairs(self, snapshot: Snapshot) -> tuple[tuple[DatasetRef, Dataset | None], ...]:
        """Each dataset, or None where there is none of that name."""
        return tuple((ref, snapshot.datasets.get(ref)) for ref in self.refs)


def request_of(pod: Pod, snapshot: Snapshot) -> Request:
    """What the pod's labels say that it reads, and what its volumes ask for whatever its labels say."""
    refs = {use.ref for use in pod.usage.reading} | set(pod.mounts)
    # A namespace that is not in the snapshot lists nothing: no purpose counts there.
    listed = snapshot.purposes.get(pod.namespace, frozenset())
    purpose = effective_purpose(pod.usage.stated_purpose, listed)
    return Request(Reader(pod.namespace, pod.service_account, purpose), tuple(sorted(refs)))


# --- 2. may it be read there? ---


def judge(request: Request, place: Place, snapshot: Snapshot) -> Decision:
    """The policy's decision on all the datasets together."""
    if not request.refs:
        return ALLOWED
    return decide_all(request.pairs(snapshot), request.reader, place, snapshot.inventory)


# --- 3. which nodes pass? ---


@dataclass(frozen=True, slots=True)
class Filtered:
    """The nodes that may run the pod, in the order given, and for each other one the reason."""

    passed: list[str]
    refused: dict[str, str]


def filter_nodes(request: Request, node_names: Sequence[str], snapshot: Snapshot) -> Filtered:
    """Sort the nodes into those that pass and those that don't."""
    if not request.refs:
        return Filtered(list(node_names), {})
    distinct, find_number = snapshot.places.distinct, snapshot.places.number_of.get
    reasons = snapshot.reasons.setdefault(request, [None] * len(distinct))
    passed: list[str] = []
    refused: dict[str, str] = {}
    for name in node_names:
        number = find_number(name, 0)
        reason = reasons[number]
        if reason is None:
            reason = reasons[number] = _reason(request, distinct[number], snapshot)
        if reason:
            refused[name] = reason
        else:
            passed.append(name)
    return Filtered(passed, refused)


def _reason(request: Request, place: Place, snapshot: Snapshot) -> str:
    """Why the request is refused at the place; empty where it is allowed."""
    decision = judge(request, place, snapshot)
    if decision.allowed:
        return ""
    return short_reason(decision, request.pairs(snapshot), request.reader, place, snapshot.unreadable)


# --- 4. how long until the data is there? ---


def bring(request: Request, node_names: Sequence[str], snapshot: Snapshot) -> dict[str, float]:
    """Seconds for each node; infinite where a dataset has no usable source."""
    numbers = snapshot.places.numbers(node_names)
    of_place, of_holder = _seconds(request, node_names, numbers, snapshot)
    return {name: of_holder.get(name, of_place[number]) for name, number in zip(node_names, numbers, strict=True)}


def _seconds(
    request: Request, node_names: Sequence[str], numbers: Sequence[int], snapshot: Snapshot
) -> tuple[dict[int, float], dict[str, float]]:
    """Seconds by the number of a place, for nodes that hold nothing themselves; and by name for those that do."""
    datasets = _known(request, snapshot)
    holders = frozenset().union(*(snapshot.holders.get(ref, frozenset()) for ref in request.refs))

    def ask(node_name: str, place: Place) -> float:
        return bring_seconds(node_name, place, datasets, snapshot.inventory, snapshot.caches)

    distinct = snapshot.places.distinct
    of_place = {number: ask("", distinct[number]) for number in set(numbers)}
    return of_place, {name: ask(name, snapshot.places[name]) for name in holders.intersection(node_names)}


def _known(request: Request, snapshot: Snapshot) -> tuple[Dataset, ...]:
    return tuple(dataset for _, dataset in request.pairs(snapshot) if dataset is not None)


# --- 5. the score ---


def prioritize(request: Request, node_names: Sequence[str], snapshot: Snapshot) -> dict[str, int]:
    """0 to 10 for each node, 10 for all where there is nothing to bring."""
    numbers = snapshot.places.numbers(node_names)
    of_place, of_holder = _seconds(request, node_names, numbers, snapshot)
    # The largest seconds count only where a candidate needs them: not a place all of whose candidates hold a copy.
    needed = set(of_place)
    if of_holder:
        needed = {number for name, number in zip(node_names, numbers, strict=True) if name not in of_holder}
    # A score depends on a node's own seconds and on the largest alone: it is asked once for each distinct place.
    asked = scores({f"place {number}": of_place[number] for number in needed} | of_holder)
    of_number = {number: asked[f"place {number}"] for number in needed}
    of_node = dict(zip(node_names, map(of_number.get, numbers, repeat(0)), strict=True))
    return of_node | {name: asked[name] for name in of_holder}


@dataclass(frozen=True, slots=True)
class SiteVerdict:
    """What holds at one site, for a node that has nothing cached of its own.

    `seconds` and `score` are None where the site refuses; `seconds` also where no source is usable.
    """

    site_name: str
    decision: Decision
    seconds: float | None = None
    score: int | None = None


def by_site(request: Request, snapshot: Snapshot) -> tuple[SiteVerdict, ...]:
    """The verdict of every Site, by name."""
    datasets = _known(request, snapshot)
    places = {name: snapshot.inventory.place(name) for name in sorted(snapshot.inventory.sites)}
    decisions = {name: judge(request, place, snapshot) for name, place in places.items()}
    seconds = {
        name: bring_seconds("", places[name], datasets, snapshot.inventory, snapshot.caches)
        for name, decision in decisions.items()
        if decision.allowed
    }
    of_site = scores(seconds)
    return tuple(
        SiteVerdict(
            name,
            decision,
            seconds[name] if name in seconds and math.isfinite(seconds[name]) else None,
            of_site.get(name),
        )
        for name, decision in decisions.items()
    )
