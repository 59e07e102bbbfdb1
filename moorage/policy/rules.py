"""The rules, one small function each: a question in, a sentence out where the rule refuses.

A sentence lists what a dataset's steward wrote (places, sites, purposes) to its consumers only. Everybody else learns
which rule refused and whom to ask. Who the consumers are, a refusal tells nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass

from moorage.model import DatasetRef, Governance, Reader
from moorage.policy.decision import Rule
from moorage.policy.join import consumers_of, is_covered
from moorage.policy.places import lies_in
from moorage.sites import Place


@dataclass(frozen=True, slots=True)
class Question:
    """One dataset (or what was joined from several), one reader, one place. Absent parts are not asked about.

    Attributes:
        parts: of what was joined, the question about each dataset.
    """

    ref: DatasetRef | None
    governance: Governance
    reader: Reader | None = None
    place: Place | None = None
    parts: tuple["Question", ...] = ()

    @property
    def data(self) -> str:
        """The data's name in a sentence."""
        return f"dataset {self.ref}" if self.ref else "the joined data"

    @property
    def steward(self) -> str:
        """The steward to ask for a change of the rules."""
        return f"the steward of dataset {self.ref}" if self.ref else "the data's stewards"

    @property
    def may_be_explained(self) -> bool:
        """Whether the message may show the stewards' rules to the reader; without a reader it is about a transfer."""
        if self.reader is None:
            return True
        if self.ref is None:
            return all(part.may_be_explained for part in self.parts)
        return is_consumer(self.ref, self.governance, self.reader)


def is_consumer(ref: DatasetRef, governance: Governance, reader: Reader) -> bool:
    """Return whether the reader's account is among the consumers, by default the dataset's namespace."""
    return is_covered(f"{reader.namespace}/{reader.service_account}", consumers_of(ref, governance))


Check = Callable[[Question], str | None]


def clearance_is_too_low(question: Question) -> str | None:
    """The site's clearance is below the data's classification."""
    site = question.place.site if question.place else None
    needed = question.governance.classification
    if site is None or site.clearance >= needed:
        return None
    return (
        f"{question.data} is {needed.word} and site {site.name} is cleared for {site.clearance.word} only: "
        f"run at a site cleared for {needed.word}"
    )


def residency_is_violated(question: Question) -> str | None:
    """The site lies outside the places that the data must not leave."""
    site = question.place.site if question.place else None
    residency = question.governance.residency
    if site is None or residency is None or lies_in(site.jurisdiction, residency):
        return None
    where = f"lies in {site.jurisdiction}" if site.jurisdiction else "has no jurisdiction"
    places = _listed(question, residency, "other places")
    return (
        f"{question.data} must stay in {places} and site {site.name} {where}: run at a site that lies "
        f"there, or ask {question.steward} to widen spec.governance.residency"
    )


def site_is_not_allowed(question: Question) -> str | None:
    """The data names the sites that may read it, and this is none of them."""
    site = question.place.site if question.place else None
    allowed = question.governance.sites_allow
    if site is None or allowed is None or site.name in allowed:
        return None
    sites = _listed(question, allowed, "certain sites")
    return (
        f"{question.data} may be read at {sites} only, not at site {site.name}: run there, or ask "
        f"{question.steward} to add it to spec.governance.sites.allow"
    )


def site_is_denied(question: Question) -> str | None:
    """The data names this site as one that may not read it."""
    site = question.place.site if question.place else None
    if site is None or site.name not in question.governance.sites_deny:
        return None
    return (
        f"{question.data} may not be read at site {site.name}: run elsewhere, or ask {question.steward} to take it off "
        "spec.governance.sites.deny"
    )


def purpose_is_missing(question: Question) -> str | None:
    """The data may be read for certain purposes only, and the reader states none that counts."""
    purposes = question.governance.purposes
    if purposes is None or question.reader is None or question.reader.purpose is not None:
        return None
    word = min(purposes, default="<purpose>") if question.may_be_explained else "<purpose>"
    named = _listed(question, purposes, "certain purposes")
    return (
        f"{question.data} may be read for {named} only, and no purpose counts for this reader: label it "
        f"moorage.dev/purpose: {word} (a namespace annotated moorage.dev/purposes must list it)"
    )


def purpose_is_not_allowed(question: Question) -> str | None:
    """The reader's purpose is not among the data's."""
    purposes = question.governance.purposes
    reader = question.reader
    if purposes is None or reader is None or reader.purpose is None or reader.purpose in purposes:
        return None
    named = _listed(question, purposes, "certain purposes")
    return (
        f"{question.data} may be read for {named} only, not for {reader.purpose}: state the true purpose, "
        f"or ask {question.steward} to add it to spec.governance.purposes"
    )


def consumer_is_not_allowed(question: Question) -> str | None:
    """The reader's account is not among the data's consumers (absent: readers of the data's own namespace)."""
    reader, ref = question.reader, question.ref
    if reader is None or ref is None:
        return None
    if is_consumer(ref, question.governance, reader):
        return None
    return (
        f"{question.data} may be read by its consumers only, and service account {reader.namespace}/"
        f"{reader.service_account} is none of them: ask {question.steward} to add it to spec.governance.consumers"
    )


def confidential_compute_is_missing(question: Question) -> str | None:
    """The data needs confidential compute, and the site or the node does not offer it."""
    place = question.place
    if place is None or place.site is None or not question.governance.confidential_compute:
        return None
    if not place.site.confidential_compute:
        return f"{question.data} needs confidential compute, which site {place.site.name} does not offer: run elsewhere"
    if place.confidential_node is False:
        return (
            f"{question.data} needs confidential compute, which this node of site {place.site.name} does not offer: "
            "run at a node that does"
        )
    return None


def _listed(question: Question, values: frozenset[str], otherwise: str) -> str:
    return _words(values) if question.may_be_explained else otherwise


def _words(values: frozenset[str]) -> str:
    return ", ".join(sorted(values)) or "nobody and nowhere"


SITE_CHECKS: tuple[tuple[Rule, Check], ...] = (
    (Rule.CLEARANCE_TOO_LOW, clearance_is_too_low),
    (Rule.RESIDENCY_VIOLATED, residency_is_violated),
    (Rule.SITE_NOT_ALLOWED, site_is_not_allowed),
    (Rule.SITE_DENIED, site_is_denied),
    (Rule.CONFIDENTIAL_COMPUTE_REQUIRED, confidential_compute_is_missing),
)
READER_CHECKS: tuple[tuple[Rule, Check], ...] = (
    (Rule.PURPOSE_MISSING, purpose_is_missing),
    (Rule.PURPOSE_NOT_ALLOWED, purpose_is_not_allowed),
    (Rule.CONSUMER_NOT_ALLOWED, consumer_is_not_allowed),
)
ALL_CHECKS: tuple[tuple[Rule, Check], ...] = (*SITE_CHECKS[:4], *READER_CHECKS, SITE_CHECKS[4])
