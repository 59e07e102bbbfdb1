"""Reader of the facts in `infeasible.json`, by their keys; the sentence is for people and not read."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from moorage.policy import Rule

QUOTA = "quotaCpuHours"
OF_NO_SITE = frozenset(
    {
        Rule.DATASET_UNKNOWN,
        Rule.SITE_UNKNOWN,
        Rule.PURPOSE_MISSING,
        Rule.PURPOSE_NOT_ALLOWED,
        Rule.CONSUMER_NOT_ALLOWED,
    }
)
"""Rules that look at the dataset and the reader only: they refuse at every site alike, and their facts name none."""
_SENTENCE = "message"


class Kind(StrEnum):
    """The word by which a fact of this kind is known."""

    RULE = "rule"
    RESOURCE = "resource"
    PIN = "pin"
    TIE = "together"
    QUOTA = "quota"


_WORDS = {
    Kind.RULE: ({"task", "rule"}, {"dataset", "site"}),
    Kind.RESOURCE: ({"task", "site", "resource"}, set[str]()),
    Kind.PIN: ({"task", "pin"}, {"site", "sites"}),
    Kind.TIE: ({"task", "together"}, set[str]()),
    Kind.QUOTA: ({"site", "resource"}, set[str]()),
}
"""The required and the optional words of each kind."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact in an explanation.

    Attributes:
        task: which it keeps from somewhere; of a tie the first of its tasks; "" of a quota.
        site: where it keeps the task from; "" where that is every site, and of pins and ties.
        what: the rule, the resource, what said so (pins), the tied tasks with commas between.
        dataset: whose rule it is; "" where only the join of several refuses.
        pinned: the listed sites that a pin names.
    """

    kind: Kind
    what: str
    task: str = ""
    site: str = ""
    dataset: str = ""
    pinned: frozenset[str] = frozenset()


class UnsaidError(Exception):
    """The words of a fact are not those of any kind."""


def fact_of(words: Mapping[str, str]) -> Fact:
    """Read a fact from its keys.

    Raises:
        UnsaidError: its words are not those of a rule, a resource, a pin, a tie or a quota; with what is wrong.
    """
    said = {key: text for key, text in words.items() if key != _SENTENCE}
    kinds = [kind for kind in (Kind.RULE, Kind.RESOURCE, Kind.PIN, Kind.TIE) if kind in said]
    if len(kinds) != 1:
        raise UnsaidError(f"has {', '.join(kinds) or 'none'} of rule, resource, pin and together, expected one of them")
    kind = Kind.QUOTA if said.get("resource") == QUOTA else kinds[0]
    needed, possible = _WORDS[kind]
    for key in sorted(needed - said.keys()):
        raise UnsaidError(f"lacks {key}, which a fact with {kinds[0]} has")
    for key in sorted(said.keys() - needed - possible):
        raise UnsaidError(f"has {key}, which a fact with {kinds[0]} has not")
    site, pinned = said.get("site", ""), frozenset[str]()
    if kind is Kind.RULE and bool(site) == (said["rule"] in OF_NO_SITE):
        raise UnsaidError(
            f"names {site or 'no site'}, but {said['rule']} {'looks at no' if site else 'is about one'} site"
        )
    if kind is Kind.PIN:
        pinned = frozenset(filter(None, said.get("sites", "").split(", ")))
        if site != (min(pinned) if len(pinned) == 1 else ""):
            raise UnsaidError(f"has site {site or 'nowhere'}, expected the one site of its sites, where it is one")
        site = ""
    what = said[kinds[0]]
    return Fact(kind, what, said.get("task", ""), site, said.get("dataset", ""), pinned)
