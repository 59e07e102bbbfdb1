"""Validates Datasets and Sites beyond what their schemas can express. Pure.

A write that does not touch the spec passes, and so does one of an object that is going away: nobody is kept from
removing a finalizer by a rule that came later. What is merely unwise is a warning.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from moorage import policy, wire
from moorage.access import Access
from moorage.caching import CacheMode
from moorage.errors import InputError
from moorage.model import Dataset, Governance, Site, Source
from moorage.refusal import Refusal
from moorage.sites import Inventory
from moorage.sources import COPIED_KINDS
from webhook.review import INVALID, Review

RESTRICTED_PREFIX = "node-restriction.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The acceptance of an object that may be written."""

    warnings: tuple[str, ...] = ()


def validate(review: Review, inventory: Inventory) -> Accepted | Refusal:
    """Decide whether the object may be written, given the known sites."""
    if review.object.get("spec") == review.old_object.get("spec") or (review.object.get("metadata") or {}).get(
        "deletionTimestamp"
    ):
        return Accepted()
    try:
        if review.kind == "Dataset":
            return Accepted(tuple(_check_dataset(review, inventory)))
        if review.kind == "Site":
            return Accepted(tuple(_check_site(review, inventory)))
    except InputError as error:
        return Refusal(422, INVALID, str(error))
    return Accepted()


# --- Datasets ---


def _check_dataset(review: Review, inventory: Inventory) -> Iterator[str]:
    metadata = review.object.get("metadata") or {}
    raw = {**review.object, "metadata": {**metadata, "namespace": review.namespace}}
    dataset = wire.read_dataset(raw)
    subject = review.subject
    for field, governance in _governances(dataset):
        _refuse_unknown_places(governance, field, subject)
        _refuse_contradiction(governance, field, subject)
    yield from _doubtful_sources(dataset, inventory)
    yield from _unknown_sites(dataset.governance, inventory)
    yield from _doubtful_access(dataset)
    yield from _doubtful_memory(dataset)
    yield from _doubtful_cache(dataset)


def _doubtful_memory(dataset: Dataset) -> Iterator[str]:
    if dataset.in_memory and dataset.access is Access.READ_ONLY:
        yield "spec.access: nobody can put anything into this memory before spec.access is readWrite"


def _doubtful_cache(dataset: Dataset) -> Iterator[str]:
    if dataset.cache.mode is CacheMode.NONE:
        for index, source in enumerate(dataset.sources):
            if source.location.needs_copy:
                yield (
                    f"{_field(source, index)}: pods can't mount an archive while spec.cache.mode is none, because "
                    "nodes unpack it into their caches: remove the mode, or give the unpacked files as a folder"
                )


def _doubtful_access(dataset: Dataset) -> Iterator[str]:
    if dataset.access is Access.READ_ONLY:
        if dataset.governance.writers is not None:
            yield "spec.governance.writers: nobody may write to it before spec.access is readWrite"
        return
    source = dataset.sources[0]
    location = source.location
    if location.keys is not None and location.for_writers() == location:
        declared = ", which spec.local has no field for: declare the source in spec.sources" if source.is_local else ""
        yield (
            "spec.access: pods that only read get keys that may write as well: give the keys of those who write in a "
            f"Secret of their own, and name it in spec.sources[0].s3.writerSecretRef{declared}"
        )


def _governances(dataset: Dataset) -> Iterator[tuple[str, Governance]]:
    yield "spec.governance", dataset.governance
    for index, release in enumerate(dataset.governance.releases):
        yield f"spec.governance.releases[{index}].yields", release.yields


def _refuse_unknown_places(governance: Governance, field: str, subject: str) -> None:
    unknown = policy.unknown_places(governance.residency or ())
    if unknown:
        raise InputError(
            subject,
            f"{field}.residency",
            f"{unknown[0]!r} is not a place: name countries (DE), subdivisions of countries (US-CA), EU or EEA",
        )


def _refuse_contradiction(governance: Governance, field: str, subject: str) -> None:
    allowed = governance.sites_allow
    if allowed is not None and not allowed - governance.sites_deny:
        raise InputError(
            subject, f"{field}.sites", "deny excludes every site that allow names: nobody could read it anywhere"
        )


def _doubtful_sources(dataset: Dataset, inventory: Inventory) -> Iterator[str]:
    for index, source in enumerate(dataset.sources):
        field = _field(source, index)
        if source.site and source.site not in inventory.sites:
            yield f"{field}.site: there is no Site {source.site}, so this copy is not used ({_known(inventory)})"
        if not source.site and len(inventory.sites) != 1:
            yield (
                f"{field}: without a site it means the only Site there is, and there are {len(inventory.sites)} "
                f"({_known(inventory)}): set {field}.site"
            )
        if source.location.lacks:
            yield f"{field}: is not read yet: {source.location.lacks}"
        elif not source.location.served and not source.location.abilities.looked_up:
            yield f"{field}: {source.location.label} is not served yet, only {', '.join(COPIED_KINDS)} are"
        if source.location.keys is not None and source.location.keys.inline is not None:
            yield (
                f"{field}: keys in a Dataset can be read by everybody who may read it: put them into a Secret and name "
                "that in secret-name"
            )


def _field(source: Source, index: int) -> str:
    if source.is_local:
        return "spec.local"
    return "spec.remote" if source.is_remote else f"spec.sources[{index}]"


def _unknown_sites(governance: Governance, inventory: Inventory) -> Iterator[str]:
    for field, names in (("allow", governance.sites_allow or frozenset()), ("deny", governance.sites_deny)):
        for name in sorted(names - set(inventory.sites)):
            yield f"spec.governance.sites.{field}: there is no Site {name} ({_known(inventory)})"


def _known(inventory: Inventory, most: int = 8) -> str:
    names = sorted(inventory.sites)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"known: {', '.join(names[:most])}{more}" if names else "none is known"


# --- Sites ---


def _check_site(review: Review, inventory: Inventory) -> Iterator[str]:
    site = wire.read_site(review.object)
    subject = review.subject
    if site.jurisdiction is not None and (
        policy.unknown_places([site.jurisdiction]) or site.jurisdiction in {"EU", "EEA"}
    ):
        raise InputError(
            subject,
            "spec.jurisdiction",
            f"{site.jurisdiction!r} is neither a country (DE) nor a subdivision of one (US-CA)",
        )
    if site.node_selector:
        yield from _check_selector(site, inventory, subject)
    for link in sorted(set(site.links) - set(inventory.sites) - {site.name}):
        yield f"spec.links: there is no Site {link} ({_known(inventory)})"


def _check_selector(site: Site, inventory: Inventory, subject: str) -> Iterator[str]:
    if not any(key.startswith(RESTRICTED_PREFIX) for key in site.node_selector):
        raise InputError(
            subject,
            "spec.nodeSelector",
            f"must name a label under {RESTRICTED_PREFIX}, as {RESTRICTED_PREFIX}moorage-site: a node could give any "
            "other to itself, and with it the site's clearance",
        )
    for other in _others(site, inventory):
        common = site.node_selector.keys() & other.node_selector.keys()
        if any(site.node_selector[key] != other.node_selector[key] for key in common):
            continue
        if common == site.node_selector.keys() or common == other.node_selector.keys():
            raise InputError(
                subject,
                "spec.nodeSelector",
                f"selects nodes that Site {other.name} selects too, and a node of two sites may read nothing: give one "
                "label different values",
            )
        yield (
            f"spec.nodeSelector: a node might match Site {other.name} too, and would then belong to neither: select "
            "both by one label with different values"
        )


def _others(site: Site, inventory: Inventory) -> Iterable[Site]:
    return (other for other in inventory.sites.values() if other.name != site.name and other.node_selector)
