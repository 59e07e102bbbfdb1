"""Rules for the caches of nodes: the terms of a fill, and which copies may stay. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from moorage.grants.grant import FillTerms
from moorage.grants.standing import Standing
from moorage.locality import best_way, dataset_bytes
from moorage.model import Dataset, DatasetRef, Pod, Source, UseAs
from moorage.policy import decide_transfer
from moorage.sites import Inventory, Place


def fill_terms(dataset: Dataset, source: Source, site: str, pod: Pod, inventory: Inventory) -> FillTerms | None:
    """Return the terms on which a node of the site may fill its cache from the source.

    None where the operator has not listed that source, or the version is not that of a listing: a copy that can't be
    verified is not kept.
    """
    listed = _listed_version(dataset, source)
    if dataset.status.snapshot is not None and dataset.status.snapshot.pinned:
        # Its version is that of the snapshot's rows, and stays while the folder changes.
        return None
    if listed is None or dataset.status.version is None or dataset.status.size_bytes is None:
        return None
    size_bytes = dataset.status.size_bytes
    way = best_way(replace(dataset, sources=(source,)), site, size_bytes, inventory)
    if way is None:
        return None
    asked = any(use.ref == dataset.ref and UseAs.CACHE in use.use_as for use in pod.usage.uses)
    return FillTerms(size_bytes=size_bytes, far_seconds=way.seconds, listed_version=listed, asked=asked)


def _listed_version(dataset: Dataset, source: Source) -> str | None:
    if len(dataset.sources) == 1:
        return dataset.status.version
    told = next((status for status in dataset.status.sources if status.site == source.site), None)
    return None if told is None else told.version


def standings(
    refs: Iterable[DatasetRef],
    find: Callable[[DatasetRef], Dataset | None],
    node: str,
    place: Place,
    inventory: Inventory,
) -> list[Standing]:
    """Decide which copies may stay on a node, by the rules of its site; no reader's rules bind a copy.

    Args:
        refs: the datasets; each is answered once.
        find: the dataset; None where there is none, or its spec can't be read.
        node: its name.
        place: where it is.
        inventory: the sites.
    """
    return [_standing(ref, find(ref), node, place, inventory) for ref in dict.fromkeys(refs)]


def _standing(ref: DatasetRef, dataset: Dataset | None, node: str, place: Place, inventory: Inventory) -> Standing:
    decision = decide_transfer(ref, dataset, place, inventory)
    if dataset is None or not decision.allowed or place.site_name is None:
        rule = "SiteUnknown" if decision.rule is None else decision.rule.value
        return Standing(ref=ref, rule=rule, message=decision.message)
    way = best_way(dataset, place.site_name, dataset_bytes(dataset), inventory)
    return Standing(
        ref=ref,
        version=dataset.status.version,
        size_bytes=dataset.status.size_bytes,
        far_seconds=None if way is None else way.seconds,
        mode=dataset.cache.mode,
        limit_bytes=dataset.cache.size_limit_bytes,
        evict_before=dataset.cache.evict_before(place.site_name, node),
        uid=dataset.uid,
    )
