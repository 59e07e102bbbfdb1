"""Decides what a Dataset's status says, from what was seen: pure, frozen data in, frozen data out.

Whatever is lost from sight keeps its last known size, version and format; only the conditions turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from dataset_operator.conditions import Condition, State
from dataset_operator.findings import Findings, SourceFinding
from dataset_operator.listing.table import lister_of
from moorage.errors import InputError
from moorage.model import Column, Dataset, DatasetStatus, FoundFolder, Partitions, Snapshot, SourceStatus
from moorage.objectives import format_bytes
from moorage.policy import Decision, decide_transfer, unknown_places
from moorage.sites import DIVERGED, Inventory
from moorage.sources.reasons import NOTHING_TO_READ, Reason

MOST_USERS_LISTED = 100
LOOKING = "Looking"
INVALID = "InvalidSpec"
# The name of a source's site in statuses while nothing says where spec.local is.
UNPLACED = "local"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict: what the status should say.

    Attributes:
        conditions: Ready, Accessible, Governed; Claimed comes after them.
        status: everything else.
        sites: the sites that hold a usable copy, for people.
    """

    conditions: tuple[Condition, ...]
    status: DatasetStatus
    sites: str


def refuse_spec(problem: InputError, last: DatasetStatus, users: Sequence[str]) -> Verdict:
    """Return the verdict on a Dataset whose spec can't be read: nobody may read the data until it is mended.

    What was said of its sources goes: it may repeat what the spec must not contain, as a password in an endpoint.
    """
    message = f"{problem.field}: {problem.problem}"
    last = replace(last, sources=tuple(replace(source, message="") for source in last.sources))
    conditions = (
        Condition("Ready", State.FALSE, INVALID, message),
        Condition("Accessible", State.UNKNOWN, INVALID, message),
        Condition("Governed", State.FALSE, INVALID, "the spec can't be read, so nobody may read the data"),
    )
    return Verdict(conditions, _with_users(last, users), "")


def keep(  # noqa: PLR0913 - all that a status is made of
    dataset: Dataset,
    last: DatasetStatus,
    *,
    told: Mapping[str, Condition],
    sites: str,
    inventory: Inventory,
    users: Sequence[str],
) -> Verdict:
    """Return the verdict until a restarted operator has looked again: the last one's findings on this spec count."""
    conditions = (told["Ready"], told["Accessible"], _governed(dataset, inventory))
    return Verdict(conditions, _with_users(last, users), sites)


def judge(
    dataset: Dataset, findings: Findings | None, last: DatasetStatus, inventory: Inventory, users: Sequence[str]
) -> Verdict:
    """Return the verdict on a Dataset.

    Args:
        dataset: its spec.
        findings: the last look at these sources; None before the first one.
        last: what the status says of these sources so far; empty where it speaks of others.
        inventory: the sites.
        users: the pods that read it, `namespace/name`, sorted.
    """
    governed = _governed(dataset, inventory)
    if findings is None:
        waiting = "the sources are being listed for the first time since the spec was written"
        conditions = (
            Condition("Ready", State.UNKNOWN, LOOKING, waiting),
            Condition("Accessible", State.UNKNOWN, LOOKING, waiting),
            governed,
        )
        return Verdict(conditions, _with_users(last, users), "")
    sources = tuple(_source_status(found, findings, last, inventory) for found in findings.sources)
    status = _with_users(_data_status(findings, last, sources), users)
    accessible = _accessible(findings, sources)
    ready = _ready(findings, status, sources, accessible, allow_empty=dataset.allow_empty)
    usable = [source.site for source in sources if source.reachable or source.reason == Reason.NOT_LISTED]
    sites = ",".join(site for site in usable if _is_used(site, sources, inventory))
    return Verdict((ready, accessible, governed), status, sites)


def _with_users(status: DatasetStatus, users: Sequence[str]) -> DatasetStatus:
    return DatasetStatus(
        ready=None,
        size_bytes=status.size_bytes,
        objects=status.objects,
        version=status.version,
        format=status.format,
        columns=status.columns,
        sources=status.sources,
        in_use_by=tuple(users[:MOST_USERS_LISTED]),
        in_use_count=len(users),
        partitions=status.partitions,
        snapshot=status.snapshot,
    )


# --- sources ---


def site_of(found: SourceFinding, inventory: Inventory) -> str:
    """Return the site of a source; `spec.local` without one is at the only Site there is."""
    if found.source.site:
        return found.source.site
    return next(iter(inventory.sites)) if len(inventory.sites) == 1 else UNPLACED


def _source_status(found: SourceFinding, findings: Findings, last: DatasetStatus, inventory: Inventory) -> SourceStatus:
    site = site_of(found, inventory)
    before = next((status for status in last.sources if status.site == site), None)
    listing = found.listing
    if listing is None:
        # A copy that differed is not used again before it was seen to be equal.
        reason = DIVERGED if before is not None and before.reason == DIVERGED else found.reason
        kept = SourceStatus(site, False, reason) if before is None else before  # noqa: FBT003 - by the record
        kept = replace(kept, found=_folder(found, before), place=_place(found))
        return replace(kept, reachable=False, reason=reason, message=found.message)
    reason, message = found.reason, found.message
    primary = findings.primary
    if primary is not None and primary is not found:
        if primary.listing is None:
            if before is not None and before.reason == DIVERGED:
                reason, message = DIVERGED, before.message
            else:
                message = "not compared with the first source, which can't be listed now"
        elif primary.listing.shape != listing.shape:
            reason, message = DIVERGED, _difference(found, primary, inventory)
    if reason != DIVERGED and site not in inventory.sites:
        reason, message = Reason.SITE_UNKNOWN, _unknown_site(site, inventory)
    return SourceStatus(
        site=site,
        reachable=True,
        reason=reason,
        message=message,
        size_bytes=listing.size_bytes,
        objects=listing.objects,
        version=listing.version,
        found=_folder(found, before),
        place=_place(found),
    )


def _folder(found: SourceFinding, before: SourceStatus | None) -> FoundFolder | None:
    """Return a table's folder: kept while its catalogue does not answer, dropped where it says that there is none."""
    if found.found is not None:
        return found.found.found
    return None if before is None or found.reason in NOTHING_TO_READ else before.found


def _place(found: SourceFinding) -> str:
    """Return a claim's location in words for people."""
    return "" if found.place is None else found.place.words


def _difference(found: SourceFinding, primary: SourceFinding, inventory: Inventory) -> str:
    here, there = found.listing, primary.listing
    if here is None or there is None:
        return ""
    if (here.objects, here.size_bytes) == (there.objects, there.size_bytes):
        detail = "the same number of objects, but other keys or sizes"
    else:
        detail = (
            f"{here.objects} objects of {here.size_bytes} bytes here, {there.objects} of {there.size_bytes} bytes there"
        )
    return (
        f"is not a copy of the first source, at {site_of(primary, inventory)} ({detail}), and is not used: copy the "
        "first source here again"
    )


def _unknown_site(site: str, inventory: Inventory) -> str:
    known = ", ".join(sorted(inventory.sites)) or "none"
    if site == UNPLACED:
        return f"spec.local.site is required where there is not exactly one Site (known sites: {known})"
    return f"site {site} is not known (known sites: {known}), so the copy is not used: create the Site"


def _is_used(site: str, sources: Sequence[SourceStatus], inventory: Inventory) -> bool:
    return site in inventory.sites and not any(s.site == site and s.reason == DIVERGED for s in sources)


# --- data ---


def _data_status(findings: Findings, last: DatasetStatus, sources: tuple[SourceStatus, ...]) -> DatasetStatus:
    """Size, version, format and columns: what was seen, else what was last known."""
    primary = findings.primary
    listing = primary.listing if primary is not None else None
    table = findings.table
    if listing is None:
        first = next((found.listing for found in findings.sources if found.listing), None)
        if last.version is None and first is not None:  # the first source was never seen: its copies tell the size
            return DatasetStatus(size_bytes=first.size_bytes, objects=first.objects, sources=sources)
        if table is not None and findings.catalogued is not None:
            last = replace(last, format=table.format.value, columns=table.columns)
        version = last.version if primary is not None else _rows_version(findings) or last.version
        last = replace(last, version=version)
        return DatasetStatus(None, *_data_of(last), sources=sources, **_catalogued(findings, last))
    form: str | None = last.format
    columns: tuple[Column, ...] = last.columns
    if table is not None and not (table.problem and not table.columns):
        form, columns = table.format.value, table.columns
    elif table is not None:
        form, columns = table.format.value, ()
    pinned = findings.snapshot is not None and findings.snapshot.pinned
    version = (_rows_version(findings) if pinned else None) or listing.version
    data = (listing.size_bytes, listing.objects, version, form, columns)
    return DatasetStatus(None, *data, sources=sources, **_catalogued(findings, last))


class _Catalogued(TypedDict):
    """The fields of the status that come from a catalogue alone."""

    partitions: Partitions | None
    snapshot: Snapshot | None


def _catalogued(findings: Findings, last: DatasetStatus) -> _Catalogued:
    if findings.catalogued is None:
        return {"partitions": last.partitions, "snapshot": last.snapshot}
    return {"partitions": findings.catalogued.told.partitions, "snapshot": findings.snapshot}


def _rows_version(findings: Findings) -> str | None:
    """Return the version of a table's rows as its catalogue knows it, whatever else is in the folder; or None.

    It counts where the spec pins a snapshot, and where nobody lists the folder.
    """
    told = None if findings.catalogued is None else findings.catalogued.told.snapshot
    return None if told is None else told.version


def _data_of(
    status: DatasetStatus,
) -> tuple[int | None, int | None, str | None, str | None, tuple[Column, ...]]:
    return status.size_bytes, status.objects, status.version, status.format, status.columns


# --- conditions ---


def _accessible(findings: Findings, sources: Sequence[SourceStatus]) -> Condition:
    listed = [found for found in findings.sources if found.listing is not None]
    if listed and len(listed) == len(findings.sources):
        return Condition("Accessible", State.TRUE, Reason.LISTED, "every source was listed")
    if listed:
        missing = "; ".join(f"{s.site}: {f.message}" for f, s in _pairs(findings, sources) if f.listing is None)
        return Condition("Accessible", State.TRUE, "PartlyListed", f"not every source was listed: {missing}")
    # A failure is told before what was never tried.
    order: dict[str, int] = {Reason.NOT_SUPPORTED: 2, Reason.NOT_LISTED: 1}
    worst = min(findings.sources, key=lambda found: order.get(found.reason, 0))
    others = len(findings.sources) - 1
    more = f" (and {others} more source{'s' if others > 1 else ''}: see status.sources)" if others else ""
    mounted = any(found.reason == Reason.NOT_LISTED for found in findings.sources)
    state = State.UNKNOWN if mounted and worst.reason in order else State.FALSE
    return Condition("Accessible", state, worst.reason, f"{worst.message}{more}")


def _pairs(findings: Findings, sources: Sequence[SourceStatus]) -> Iterator[tuple[SourceFinding, SourceStatus]]:
    return zip(findings.sources, sources, strict=True)


def _ready(
    findings: Findings,
    status: DatasetStatus,
    sources: Sequence[SourceStatus],
    accessible: Condition,
    *,
    allow_empty: bool,
) -> Condition:
    placed = [source for source in sources if source.reason != Reason.SITE_UNKNOWN]
    if not placed:
        return Condition("Ready", State.FALSE, Reason.SITE_UNKNOWN, sources[0].message)
    if accessible.state is not State.TRUE:
        return Condition("Ready", accessible.state, accessible.reason, accessible.message)
    if status.objects == 0 and not allow_empty:
        return Condition("Ready", State.FALSE, Reason.NO_OBJECTS, _nothing_there(findings))
    if findings.table is not None and findings.table.problem:
        return Condition("Ready", State.FALSE, Reason.FORMAT_UNREADABLE, findings.table.problem)
    if findings.table_reason:
        return Condition("Ready", State.FALSE, findings.table_reason, findings.table_message)
    return Condition("Ready", State.TRUE, "Ready", _summary(findings, status))


def _nothing_there(findings: Findings) -> str:
    location = next(found.source.location for found in findings.sources if found.listing)
    lister = lister_of(location)
    return (
        "the source holds no object: upload the data, or set spec.allowEmpty: true"
        if lister is None
        else lister.empty(location)
    )


def _summary(findings: Findings, status: DatasetStatus) -> str:
    size = "unknown size" if status.size_bytes is None else format_bytes(status.size_bytes)
    form = "" if status.format in (None, "unknown") else f", {status.format}"
    note = findings.table.note if findings.table is not None and findings.table.note else ""
    plural = "" if status.objects == 1 else "s"
    return f"{status.objects} object{plural}, {size}{form}" + (f"; {note}" if note else "")


def _governed(dataset: Dataset, inventory: Inventory) -> Condition:
    """Return the Governed condition: whether rules go beyond the own namespace, and where they permit reading."""
    governance = dataset.governance
    if not governance.is_governed:
        message = f"no rules: every pod of namespace {dataset.ref.namespace} may read it, anywhere"
        return Condition("Governed", State.FALSE, "NotGoverned", message)
    decisions = {
        name: decide_transfer(dataset.ref, dataset, inventory.place(name), inventory)
        for name in sorted(inventory.sites)
    }
    permitted = [name for name, decision in decisions.items() if decision.allowed]
    refused = [f"{name} ({_code(decision)})" for name, decision in decisions.items() if not decision.allowed]
    told = f"may be read at {', '.join(permitted) or 'no site'}"
    told += f"; not at {', '.join(refused)}" if refused else ""
    strange = unknown_places(governance.residency or ())
    if strange:
        told += f"; residency names {', '.join(strange)}, which is not a place of ISO 3166: correct it"
    unlisted = sorted(((governance.sites_allow or frozenset()) | governance.sites_deny) - inventory.sites.keys())
    if unlisted:
        told += f"; no Site is called {', '.join(unlisted)}"
    return Condition(
        "Governed", State.TRUE, "Governed" if permitted or not inventory.sites else "NoSitePermitted", told
    )


def _code(decision: Decision) -> str:
    return decision.rule.value if decision.rule is not None else ""
