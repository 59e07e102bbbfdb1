"""Comparison of rules: whether those of one dataset are at least as strict as those of another.

Asked before data of one dataset are written into another. Names of sites count as such: a site that the one allows by
name counts, whether or not there is a Site of that name.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from moorage.model import DatasetRef, Governance
from moorage.policy.join import consumers_of, is_covered
from moorage.policy.places import denoted, lies_in


@dataclass(frozen=True, slots=True)
class Weakness:
    """A field that permits more than the data's own rules do.

    Attributes:
        field: below `spec.governance`.
        at_least: what it must say, for whoever may know the data's rules.
        otherwise: the same for everybody else.
    """

    field: str
    at_least: str
    otherwise: str


def weaknesses(ref: DatasetRef, rules: Governance, of: DatasetRef, needed: Governance) -> tuple[Weakness, ...]:
    """Return the permissions of `rules`, of dataset `ref`, that `needed`, of dataset `of`, does not give.

    Releases are left out: who declares them answers for what they yield.
    """
    return tuple(_weaknesses(ref, rules, of, needed))


def _weaknesses(ref: DatasetRef, rules: Governance, of: DatasetRef, needed: Governance) -> Iterator[Weakness]:
    if rules.classification < needed.classification:
        word = f"at least {needed.classification.word}"
        yield Weakness("classification", word, word)
    if needed.residency is not None and not _lies_within(rules.residency, needed.residency):
        yield Weakness("residency", f"within {_words(needed.residency)}", f"within that of dataset {of}")
    if needed.sites_allow is not None and not _reads_within(rules, needed.sites_allow):
        yield Weakness(
            "sites.allow", f"no other than {_words(needed.sites_allow)}", f"no other than dataset {of} allows"
        )
    open_sites = frozenset(site for site in needed.sites_deny if _may_be_read_at(rules, site))
    if open_sites:
        yield Weakness("sites.deny", f"also {_words(open_sites)}", f"all that dataset {of} denies")
    if needed.purposes is not None and not (rules.purposes is not None and rules.purposes <= needed.purposes):
        yield Weakness("purposes", f"no other than {_words(needed.purposes)}", f"no other than dataset {of} has")
    consumers = consumers_of(of, needed)
    if not all(is_covered(entry, consumers) for entry in consumers_of(ref, rules)):
        word = f"only accounts that may read dataset {of}"
        yield Weakness("consumers", word, word)
    if needed.confidential_compute and not rules.confidential_compute:
        yield Weakness("confidentialCompute", "true", "true")


def _lies_within(places: frozenset[str] | None, within: frozenset[str]) -> bool:
    return places is not None and all(lies_in(place, within) for place in denoted(places))


def _reads_within(rules: Governance, allowed: frozenset[str]) -> bool:
    return rules.sites_allow is not None and rules.sites_allow - rules.sites_deny <= allowed


def _may_be_read_at(rules: Governance, site: str) -> bool:
    return site not in rules.sites_deny and (rules.sites_allow is None or site in rules.sites_allow)


def _words(values: frozenset[str]) -> str:
    return ", ".join(sorted(values)) or "nothing"
