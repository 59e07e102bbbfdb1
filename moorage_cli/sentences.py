"""Governance in words, for people who do not read specs. Pure."""

from collections.abc import Collection

from moorage.access import Access
from moorage.caching import CacheMode, CachePolicy
from moorage.model import Classification, Dataset, DatasetRef, DatasetStatus, Governance, Revocation
from moorage.objectives import format_bytes
from moorage.wire import format_memory

_SHORTEST_SECONDS = 0.001  # less is nothing to anybody who waits, and would be printed with an exponent


def governance_sentences(ref: DatasetRef, governance: Governance) -> list[str]:
    """One sentence for each rule; the first says who may read, the rest where and what for."""
    told = [_consumers(ref, governance.consumers)]
    if governance.purposes is not None:
        told.append(
            f"For {words(governance.purposes, 'or')} only: the reader's label moorage.dev/purpose must say which, and "
            "its namespace must not exclude it."
        )
    if governance.classification is not Classification.PUBLIC:
        told.append(
            f"It is {governance.classification.word}: only sites cleared for {governance.classification.word} may "
            "run a reader."
        )
    if governance.residency is not None:
        told.append(f"It stays in {words(governance.residency, 'or')}: only sites whose jurisdiction lies there.")
    if governance.sites_allow is not None:
        told.append(f"Only at {words(governance.sites_allow, 'or')}.")
    if governance.sites_deny:
        told.append(f"Never at {words(governance.sites_deny, 'or')}.")
    if governance.confidential_compute:
        told.append("Only on nodes that offer confidential compute.")
    if len(told) == 1:
        told.append("At any site, for any purpose.")
    told += [_release(release.name, release.component.image, release.yields) for release in governance.releases]
    return told


def amount(status: DatasetStatus) -> str:
    """How much there is, and in which format."""
    objects = f"{status.objects} object{'' if status.objects == 1 else 's'}"
    size = format_bytes(status.size_bytes or 0)
    known = status.format and status.format != "unknown"
    return f"{size} in {objects}, {status.format if known else 'format unknown'}"


def access_sentence(dataset: Dataset) -> str:
    """Whether pods may write, and which."""
    if dataset.access is Access.READ_ONLY:
        return "Pods may read it, and none may write to it."
    writers = dataset.governance.writers
    if writers is None:
        who = f"accounts of its own namespace ({dataset.ref.namespace})"
    else:
        who = words([f"service account {each}" if "/" in each else f"namespace {each}" for each in sorted(writers)])
    claimed = ", or by mounting its claim without readOnly" if dataset.claim else ""
    return f"Of those who may read it, {who} may write to it, with the label dataset.N.access: readWrite{claimed}."


def _consumers(ref: DatasetRef, consumers: frozenset[str] | None) -> str:
    if consumers is None:
        return f"Readers of its own namespace, {ref.namespace}, may read it; spec.governance.consumers admits others."
    named = [
        f"service account {consumer}" if "/" in consumer else f"namespace {consumer}" for consumer in sorted(consumers)
    ]
    return f"It may be read by {words(named)} and nobody else."


def _release(name: str, image: str, yields: Governance) -> str:
    left = [
        f"classification {yields.classification.word}",
        *([f"residency {words(yields.residency, 'or')}"] if yields.residency is not None else []),
        *([f"purposes {words(yields.purposes, 'or')}"] if yields.purposes is not None else []),
    ]
    return f"Release {name} ({image}) yields data under weaker rules: {', '.join(left)}."


def cache_sentence(cache: CachePolicy) -> str:
    """Where copies of the data are made."""
    limit = "" if cache.size_limit_bytes is None else f", of at most {format_memory(cache.size_limit_bytes)} each"
    match cache.mode:
        case CacheMode.NONE:
            return "Nodes keep no copies, and mounts nothing of what was read."
        case CacheMode.ALWAYS:
            return f"Each node that reads it keeps a copy{limit}."
    return f"Nodes far from every source keep a copy where that pays{limit}."


def revocation_sentence(revocation: Revocation) -> str:
    """What happens to running pods that may not read it any more."""
    if revocation is Revocation.IMMEDIATE:
        return "A running pod that may not read it any more loses its mount within a minute."
    return "A running pod that may not read it any more keeps its mount until it ends."


def words(values: Collection[str], last: str = "and") -> str:
    """`a, b and c`, sorted."""
    *head, tail = sorted(values) or ["nobody"]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def seconds_words(seconds: float | None) -> str:
    """A duration with two significant digits or so: 0.1 s, 85 s, 2 h 10 min."""
    if seconds is None:
        return "-"
    if seconds == 0:
        return "0 s"
    if seconds < _SHORTEST_SECONDS:
        return f"< {_SHORTEST_SECONDS} s"
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004
