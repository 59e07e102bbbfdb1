"""The rules, one small function each: a question in, a sentence out where the rule refuses."""

from collections.abc import Callable
from dataclasses import dataclass

from moorage.model import DatasetRef, Governance, Reader
from moorage.policy.decision import Rule
from moorage.policy.places import lies_in
from moorage.sites import Place


@dataclass(frozen=True, slots=True)
class Question:
    """One dataset (or what was joined from several), one reader, one place. Absent parts are not asked about."""

    ref: DatasetRef | None
    governance: Governance
    reader: Reader | None = None
    place: Place | None = None

    @property
    def data(self) -> str:
        """The data's name in a sentence."""
        return f"dataset {self.ref}" if self.ref else "the joined data"

    @property
    def steward(self) -> str:
        """Whom to ask."""
        return f"the steward of dataset {self.ref}" if self.ref else "the data's stewards"


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
    return (
        f"{question.data} must stay in {_words(residency)} and site {site.name} {where}: run at a site that lies "
        f"there, or ask {question.steward} to widen spec.governance.residency"
    )


def site_is_not_allowed(question: Question) -> str | None:
    """The data names the sites that may read it, and this is none of them."""
    site = question.place.site if question.place else None
    allowed = question.governance.sites_allow
    if site is None or allowed is None or site.name in allowed:
        return None
    return (
        f"{question.data} may be read at {_words(allowed)} only, not at site {site.name}: run there, or ask "
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
    return (
        f"{question.data} may be read for {_words(purposes)} only, and no purpose counts for this reader: label it "
        f"moorage.dev/purpose: {min(purposes, default='<purpose>')} (a namespace annotated moorage.dev/purposes "
        "must list it)"
    )


def purpose_is_not_allowed(question: Question) -> str | None:
    """The reader's purpose is not among the data's."""
    purposes = question.governance.purposes
    reader = question.reader
    if purposes is None or reader is None or reader.purpose is None or reader.purpose in purposes:
        return None
    return (
        f"{question.data} may be read for {_words(purposes)} only, not for {reader.purpose}: state the purpose that is "
        f"true, or ask {question.steward} to add it to spec.governance.purposes"
    )


def consumer_is_not_allowed(question: Question) -> str | None:
    """The reader's account is not among the data's consumers (absent: readers of the data's own namespace)."""
    reader, ref = question.reader, question.ref
    if reader is None or ref is None:
        return None
    consumers = question.governance.consumers
    account = f"{reader.namespace}/{reader.service_account}"
    if consumers is None:
        if reader.namespace == ref.namespace:
            return None
        allowed = f"namespace {ref.namespace}"
    else:
        if account in consumers or reader.namespace in consumers:
            return None
        allowed = _words(consumers)
    return (
        f"{question.data} may be read by {allowed} only, not by service account {account}: ask {question.steward} to "
        "add it to spec.governance.consumers"
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
