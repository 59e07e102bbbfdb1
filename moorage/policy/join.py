"""The join of rules, for data that come from several datasets.

Consumers and releases are not joined: each dataset is asked for its own consumers, and declares its own releases.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce

from moorage.model import DatasetRef, Governance
from moorage.policy.places import intersection


def join(governances: Iterable[Governance]) -> Governance:
    """Return the strictest of all; of one alone, that one; of none, the one that permits anything."""
    return reduce(_join_two, governances, Governance())


def _join_two(one: Governance, other: Governance) -> Governance:
    return Governance(
        classification=max(one.classification, other.classification),
        residency=_both(one.residency, other.residency, places=True),
        sites_allow=_both(one.sites_allow, other.sites_allow),
        sites_deny=one.sites_deny | other.sites_deny,
        purposes=_both(one.purposes, other.purposes),
        confidential_compute=one.confidential_compute or other.confidential_compute,
    )


def _both(one: frozenset[str] | None, other: frozenset[str] | None, *, places: bool = False) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return intersection(one, other) if places else one & other


def consumers_of(ref: DatasetRef, governance: Governance) -> frozenset[str]:
    """Return the accounts that may read it: by default, all of its own namespace."""
    return frozenset({ref.namespace}) if governance.consumers is None else governance.consumers


def _both_consumers(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Return the accounts that both name; a namespace covers all its accounts."""
    return frozenset(
        {entry for entry in one if is_covered(entry, other)} | {entry for entry in other if is_covered(entry, one)}
    )


def is_covered(entry: str, entries: frozenset[str]) -> bool:
    """Return whether a namespace or an account is among the entries; a namespace covers all its accounts."""
    return entry in entries or entry.partition("/")[0] in entries


def meet(ref: DatasetRef, one: Governance, other: Governance) -> Governance:
    """Return rules that permit all that either permits, field by field: what they refuse, both refuse. No releases."""
    return Governance(
        classification=min(one.classification, other.classification),
        residency=_either(one.residency, other.residency),
        sites_allow=_either(one.sites_allow, other.sites_allow),
        sites_deny=one.sites_deny & other.sites_deny,
        purposes=_either(one.purposes, other.purposes),
        consumers=consumers_of(ref, one) | consumers_of(ref, other),
        confidential_compute=one.confidential_compute and other.confidential_compute,
    )


def _either(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other


def join_maps(maps: Iterable[Mapping[DatasetRef, Governance]]) -> dict[DatasetRef, Governance]:
    """Return the union of the maps of all that a task reads, equal keys joined."""
    joined: dict[DatasetRef, Governance] = {}
    for governances in maps:
        for ref, governance in governances.items():
            present = joined.get(ref)
            if present is None or present == governance:
                joined[ref] = governance
            else:
                consumers = _both_consumers(consumers_of(ref, present), consumers_of(ref, governance))
                joined[ref] = replace(join((present, governance)), consumers=consumers)
    return joined
