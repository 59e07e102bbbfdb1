"""Which copies a Dataset asks to leave: `spec.cache.evict`, kept short. Pure."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from moorage.caching import MOST_EVICTIONS, Eviction
from moorage.errors import InputError
from moorage.model import DatasetRef, NodeCache


def wishes(now: datetime, sites: Sequence[str], nodes: Sequence[str]) -> list[Eviction]:
    """The copies that are there now, at these sites and on these nodes; everywhere, where neither is named."""
    before = math.ceil(now.astimezone(UTC).timestamp())  # in whole seconds: of this one, all of it
    named = [Eviction(before, site=site) for site in dict.fromkeys(sites)]
    named += [Eviction(before, node=node) for node in dict.fromkeys(nodes)]
    return named or [Eviction(before)]


def merged(old: Iterable[Eviction], new: Sequence[Eviction], subject: str) -> tuple[Eviction, ...]:
    """Old wishes and new ones; what a new one means as well is left out.

    Raises:
        InputError: there are too many.
    """
    kept = [each for each in old if not any(_includes(later, each) for later in new)]
    if len(kept) + len(new) > MOST_EVICTIONS:
        problem = f"may have at most {MOST_EVICTIONS} entries: name sites instead of nodes, or give --all"
        raise InputError(subject, "spec.cache.evict", problem)
    return (*kept, *new)


def _includes(later: Eviction, earlier: Eviction) -> bool:
    return later.before >= earlier.before and later.site in ("", earlier.site) and later.node in ("", earlier.node)


def holders(
    caches: Iterable[NodeCache], ref: DatasetRef, meant: Iterable[Eviction], site_of: dict[str, str]
) -> dict[str, int]:
    """The bytes, of all versions, that each of the nodes that are meant has.

    Args:
        caches: of all nodes.
        ref: of what.
        meant: the wishes.
        site_of: by node; a node whose site is not known is of site "".
    """
    meant = list(meant)
    found: dict[str, int] = {}
    for cache in caches:
        size_bytes = sum(each.size_bytes for each in cache.datasets if each.ref == ref)
        site = site_of.get(cache.node, "")
        if size_bytes and any(each.covers(site, cache.node) for each in meant):
            found[cache.node] = size_bytes
    return dict(sorted(found.items()))
