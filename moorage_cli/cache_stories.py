"""What `why` tells of caches: what nodes hold, and when a node of each site would make a copy. Pure.

How often a dataset was read at a site the broker and its nodes know; so what is told is from how many pods on a copy
pays.
"""

from dataclasses import dataclass

from moorage.caching import CacheMode
from moorage.locality.bringing import dataset_bytes
from moorage.locality.filling import Readers, bringing, decide_fill, reads_that_pay
from moorage.locality.snapshot import Request, Snapshot
from moorage.model import Dataset, DatasetRef
from moorage.objectives import format_bytes
from moorage_cli.sentences import seconds_words


@dataclass(frozen=True, slots=True)
class Held:
    """What a node holds of a dataset's current version.

    Attributes:
        site: the node's; None: it belongs to none.
        total_bytes: of the dataset.
        near_bytes: of these bytes, those that came from other nodes of the site.
    """

    node: str
    site: str | None
    ref: DatasetRef
    size_bytes: int
    total_bytes: int
    near_bytes: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is all of it."""
        return self.size_bytes >= self.total_bytes


def held(request: Request, snapshot: Snapshot) -> list[Held]:
    """By dataset and node."""
    found = []
    for dataset in request.known(snapshot):
        for node in sorted(snapshot.holders.get(dataset.ref, ())):
            size_bytes = snapshot.caches.bytes_by_node[node, dataset.ref]
            total_bytes = dataset_bytes(dataset)
            near_bytes = snapshot.caches.near_by_node.get((node, dataset.ref), 0)
            found.append(Held(node, snapshot.places[node].site_name, dataset.ref, size_bytes, total_bytes, near_bytes))
    return found


def amount(each: Held) -> str:
    """How much that is, in words."""
    size = format_bytes(each.size_bytes)
    told = f"all, {size}" if each.whole else f"{size} of {format_bytes(each.total_bytes)}"
    return f"{told}; {format_bytes(each.near_bytes)} of it from other nodes" if each.near_bytes else told


def as_document(request: Request, snapshot: Snapshot) -> list[dict[str, object]]:
    """What nodes hold, as `-o json` has it."""
    return [
        {
            "node": each.node,
            "site": each.site,
            "dataset": str(each.ref),
            "bytes": each.size_bytes,
            "whole": each.whole,
            "neighbourBytes": each.near_bytes,
        }
        for each in held(request, snapshot)
    ]


def sentences(request: Request, snapshot: Snapshot, sites: list[str]) -> list[str]:
    """When a node of each of these sites makes a copy of each dataset; equal sentences once."""
    told: dict[str, list[str]] = {}
    for dataset in request.known(snapshot):
        # Kinds that nobody lists are mounted by the node's kernel, which caches by itself.
        for site in sites if any(source.location.abilities.listed for source in dataset.sources) else ():
            told.setdefault(_sentence(dataset, site, snapshot), []).append(site)
    return [f"{', '.join(named)}: {text}" for text, named in told.items()]


def _sentence(dataset: Dataset, site: str, snapshot: Snapshot) -> str:
    brought = bringing(dataset, site, 0, snapshot.inventory)
    decision = decide_fill(dataset.cache.mode, brought, Readers())
    if decision.fill or dataset.cache.mode is CacheMode.NONE or brought.far_seconds is None:
        what = "copies" if decision.fill else "makes no copy of"
        return f"a node {what} {dataset.ref}. {decision.message}"
    reads = reads_that_pay(brought, Readers())
    if reads is None:
        return f"a node makes no copy of {dataset.ref}, because a source is near; useas: cache asks for one."
    seconds = seconds_words(brought.far_seconds)
    return (
        f"a node copies {dataset.ref} with pod {reads + 1} of the site and day, which takes {seconds}, "
        f"or with the first that says useas: cache."
    )
