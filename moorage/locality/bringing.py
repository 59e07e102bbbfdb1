"""Which bytes are near, and the seconds that bringing the rest would take: the node score.

Pure. Assumes that a rule was asked before: a node that is refused is never scored.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from moorage.model import Dataset, DatasetRef, NodeCache, Source
from moorage.sites import Inventory, Place

OWN_SITE_BYTES_PER_SECOND = 1e9
UNKNOWN_DATASET_BYTES = 100 * 2**20
MAX_SCORE = 10


@dataclass(frozen=True, slots=True)
class Way:
    """How missing bytes would come: from which site's source (None: from a cache in the node's own site)."""

    source: Source | None
    site_name: str
    seconds: float
    local: bool


def best_way(
    dataset: Dataset, site_name: str, missing_bytes: float, inventory: Inventory, *, site_cache: bool = False
) -> Way | None:
    """The quickest way to bring `missing_bytes` to a node of the site; None where there is no usable source.

    A source, or another node's full cache (`site_cache`), in the own site: 1e9 bytes per second, no latency. Else the
    source with the least latency + bytes / bandwidth, ties by site name.
    """
    sources = sorted(inventory.sources(dataset), key=lambda source: source.site)
    own = next((source for source in sources if source.site == site_name), None)
    if own is not None or site_cache:
        return Way(own, site_name, missing_bytes / OWN_SITE_BYTES_PER_SECOND, local=True)
    ways = [
        Way(source, source.site, inventory.link(source.site, site_name).seconds(missing_bytes), local=False)
        for source in sources
    ]
    return min(ways, key=lambda way: way.seconds, default=None)


def dataset_bytes(dataset: Dataset) -> int:
    """The dataset's size, or what is assumed where it is not known: 100 MiB."""
    return UNKNOWN_DATASET_BYTES if dataset.status.size_bytes is None else dataset.status.size_bytes


@dataclass(frozen=True, slots=True)
class CacheIndex:
    """What nodes hold of current versions.

    Attributes:
        bytes_by_node: by (node, dataset).
        full_at_sites: the sites with a full copy.
        near_by_node: of these bytes, those that came from other nodes, where some did.
    """

    bytes_by_node: Mapping[tuple[str, DatasetRef], int]
    full_at_sites: frozenset[tuple[str, DatasetRef]]
    near_by_node: Mapping[tuple[str, DatasetRef], int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        caches: Iterable[NodeCache],
        datasets: Mapping[DatasetRef, Dataset],
        site_of_node: Mapping[str, str | None],
    ) -> "CacheIndex":
        """Counts only entries of the dataset's current version; of the memory of nodes, entries of its very Dataset.

        What pods put into the memory of a node is nowhere else, so all of it is there, however much that is.
        """
        held: dict[tuple[str, DatasetRef], int] = {}
        near: dict[tuple[str, DatasetRef], int] = {}
        full: set[tuple[str, DatasetRef]] = set()
        for cache in caches:
            for entry in cache.datasets:
                dataset = datasets.get(entry.ref)
                if dataset is not None and dataset.in_memory:
                    if entry.version == dataset.uid and entry.size_bytes:
                        held[cache.node, entry.ref] = dataset_bytes(dataset)
                    continue
                if dataset is None or dataset.status.version is None or entry.version != dataset.status.version:
                    continue
                if not entry.size_bytes:
                    continue  # it has just begun to copy it
                held[cache.node, entry.ref] = entry.size_bytes
                if entry.near_bytes:
                    near[cache.node, entry.ref] = entry.near_bytes
                site = site_of_node.get(cache.node)
                if site and entry.size_bytes >= dataset_bytes(dataset):
                    full.add((site, entry.ref))
        return cls(held, frozenset(full), near)


EMPTY_CACHES = CacheIndex({}, frozenset())


def bring_seconds(
    node_name: str,
    place: Place,
    datasets: Iterable[Dataset],
    inventory: Inventory,
    caches: CacheIndex = EMPTY_CACHES,
) -> float:
    """t(n): the seconds that bringing the bytes still missing at the node would take, summed over the datasets.

    Infinite where a dataset has no usable source.
    """
    total = 0.0
    for dataset in datasets:
        held = caches.bytes_by_node.get((node_name, dataset.ref), 0)
        missing = max(0, dataset_bytes(dataset) - held)
        if missing == 0:
            continue
        site_name = place.site_name or ""
        way = best_way(
            dataset, site_name, missing, inventory, site_cache=(site_name, dataset.ref) in caches.full_at_sites
        )
        total += math.inf if way is None else way.seconds
    return total


def scores(seconds: Mapping[str, float], most: int = MAX_SCORE) -> dict[str, int]:
    """The score of each candidate from its t: floor(10 * (T - t) / T + 1e-9), T the largest; 10 for all if T = 0.

    Whoever asks for finer scores gives another `most` in the place of 10.
    """
    largest = max(seconds.values(), default=0.0)
    if largest == 0:
        return dict.fromkeys(seconds, most)
    if math.isinf(largest):
        finite = scores({name: value for name, value in seconds.items() if not math.isinf(value)}, most)
        return {name: finite.get(name, 0) for name in seconds}
    return {name: math.floor(most * (largest - value) / largest + 1e-9) for name, value in seconds.items()}
