"""A refusal in few words, the same for all nodes of a site.

A scheduling event adds equal reasons up ("2 dataset steward/claims: site us-1 ...") and is cut at 1,024 bytes, so the
policy's full sentence, with its remedy, has no room there; `kubectl dataset why pod/NAME` prints it. The stable code at
the end is the policy's. As there, what a steward wrote is listed to consumers only.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from moorage.model import Dataset, DatasetRef, Governance, Reader
from moorage.policy import Decision, Rule, is_consumer, join
from moorage.sites import Place

_SHOWN = 3
_DETAIL_LENGTH = 160

Pairs = Sequence[tuple[DatasetRef, Dataset | None]]


def short_reason(
    decision: Decision,
    pairs: Pairs,
    reader: Reader,
    place: Place,
    unreadable: Mapping[DatasetRef, str] | None = None,
) -> str:
    """The reason for a node at `place`, for a decision that refused.

    Args:
        decision: the policy's.
        pairs: the datasets that were asked for together.
        reader: who asked.
        place: where.
        unreadable: Datasets that exist and can't be understood, with the sentence that says why.
    """
    rule = decision.rule
    if rule is None:
        return "refused"
    about = f"dataset {decision.dataset}" if decision.dataset else _together(pairs)
    if rule is Rule.DATASET_UNKNOWN:
        detail = _unknown(decision.dataset, reader, unreadable or {})
        return f"{about} {detail} ({rule})"
    if rule is Rule.SITE_UNKNOWN:
        problem = "it has no usable source at a known site" if place.site else place.problem.partition(":")[0]
        if place.site and any(
            dataset and dataset.in_memory for ref, dataset in pairs if decision.dataset in (None, ref)
        ):
            problem = f"it is in the memory of nodes, and none of site {place.site_name}"
        return f"{about}: {problem} ({rule})"
    governance = _governance(decision, pairs)
    explained = all(
        is_consumer(ref, dataset.governance, reader)
        for ref, dataset in pairs
        if dataset and decision.dataset in (None, ref)
    )
    details = _DETAILS if explained else _DETAILS | _UNEXPLAINED
    return f"{about}: {details[rule](governance, reader, place)} ({rule})"


def _unknown(ref: DatasetRef | None, reader: Reader, unreadable: Mapping[DatasetRef, str]) -> str:
    """Of a spec that can't be read, nobody knows whose consumers there are: only its own namespace is told why."""
    if ref is None or ref not in unreadable:
        return "is not known"
    if reader.namespace != ref.namespace:
        return "can't be understood: its steward sees why in its conditions"
    return f"can't be understood: {_cut(unreadable[ref])}"


def _governance(decision: Decision, pairs: Pairs) -> Governance:
    known = [dataset.governance for ref, dataset in pairs if dataset and decision.dataset in (None, ref)]
    return known[0] if len(known) == 1 else join(known)


def _together(pairs: Pairs) -> str:
    return f"datasets {_words([str(ref) for ref, _ in pairs])} together"


def _clearance(governance: Governance, _reader: Reader, place: Place) -> str:
    cleared = place.site.clearance.word if place.site else "nothing"
    return f"site {place.site_name} is cleared for {cleared}, not for {governance.classification.word}"


def _residency(governance: Governance, _reader: Reader, place: Place) -> str:
    jurisdiction = (place.site and place.site.jurisdiction) or "no jurisdiction"
    return f"site {place.site_name} ({jurisdiction}) is outside its residency {_words(governance.residency)}"


def _not_allowed(governance: Governance, _reader: Reader, place: Place) -> str:
    return f"site {place.site_name} is not one of its sites {_words(governance.sites_allow)}"


def _denied(_governance: Governance, _reader: Reader, place: Place) -> str:
    return f"it may not be read at site {place.site_name}"


def _no_purpose(governance: Governance, _reader: Reader, _place: Place) -> str:
    return f"it needs the purpose {_words(governance.purposes)} and none counts for the pod"


def _wrong_purpose(governance: Governance, reader: Reader, _place: Place) -> str:
    return f"its purposes are {_words(governance.purposes)}, not {reader.purpose}"


def _consumer(_governance: Governance, reader: Reader, _place: Place) -> str:
    return f"{reader.namespace}/{reader.service_account} is not one of its consumers"


def _confidential(_governance: Governance, _reader: Reader, place: Place) -> str:
    site_offers = place.site is not None and place.site.confidential_compute
    where = f"the node at site {place.site_name}" if site_offers else f"site {place.site_name}"
    return f"{where} offers no confidential compute"


_DETAILS: dict[Rule, Callable[[Governance, Reader, Place], str]] = {
    Rule.CLEARANCE_TOO_LOW: _clearance,
    Rule.RESIDENCY_VIOLATED: _residency,
    Rule.SITE_NOT_ALLOWED: _not_allowed,
    Rule.SITE_DENIED: _denied,
    Rule.PURPOSE_MISSING: _no_purpose,
    Rule.PURPOSE_NOT_ALLOWED: _wrong_purpose,
    Rule.CONSUMER_NOT_ALLOWED: _consumer,
    Rule.CONFIDENTIAL_COMPUTE_REQUIRED: _confidential,
}

_UNEXPLAINED: dict[Rule, Callable[[Governance, Reader, Place], str]] = {
    Rule.RESIDENCY_VIOLATED: lambda _governance, _reader, place: f"site {place.site_name} is outside its residency",
    Rule.SITE_NOT_ALLOWED: lambda _governance, _reader, place: f"site {place.site_name} is not one of its sites",
    Rule.PURPOSE_MISSING: lambda _governance, _reader, _place: "it needs a purpose and none counts for the pod",
    Rule.PURPOSE_NOT_ALLOWED: lambda _governance, reader, _place: f"{reader.purpose} is not one of its purposes",
}


def _words(values: Collection[str] | None) -> str:
    words = sorted(values or ())
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return (", ".join(words[:_SHOWN]) or "(none)") + more


def _cut(text: str) -> str:
    return text if len(text) <= _DETAIL_LENGTH else text[: _DETAIL_LENGTH - 3] + "..."
