"""Writes a verdict as `status`, and tells whether it says anything new. Pure.

Names and numbers in it come from files and stores, which may say anything: what is written is bounded, as the CRD says.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dataset_operator import conditions
from dataset_operator.verdict import Verdict
from moorage.model import Column, Partitions, Snapshot, SourceStatus
from moorage.reading.limits import MOST_NUMBER

Raw = Mapping[str, Any]
MOST_COLUMN_TEXT = 32_768
"""The limit of all names and types of columns together, as a status is in the caches of all its watchers."""
MOST_PLACE = 2048


def write_status(verdict: Verdict, previous: Raw, generation: int, now: str) -> dict[str, Any]:
    """Write the whole `status`, in the API's words; what is not known is absent.

    Args:
        verdict: what it should say.
        previous: the status so far, for the times of transitions.
        generation: the generation of the spec that it speaks of.
        now: RFC 3339.
    """
    status = verdict.status
    written: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": conditions.write(verdict.conditions, previous.get("conditions") or (), generation, now),
        "bytes": _counted(status.size_bytes),
        "objects": _counted(status.objects),
        "version": status.version,
        "format": status.format,
        "schema": [
            {"name": column.name, "type": column.type, "nullable": column.nullable}
            for column in _first_columns(status.columns)
        ],
        "partitions": None if status.partitions is None else _write_partitions(status.partitions),
        "snapshot": None if status.snapshot is None else _write_snapshot(status.snapshot),
        "sites": verdict.sites,
        "sources": [_write_source(source) for source in status.sources],
        "inUseBy": list(status.in_use_by),
        "inUseCount": status.in_use_count,
    }
    return {key: value for key, value in written.items() if value is not None and value != []}


def _counted(number: int | None) -> int | None:
    """Return the number, or the largest that the API server takes: else nothing would be written at all."""
    return None if number is None else min(number, MOST_NUMBER)


def _first_columns(columns: Iterable[Column]) -> Iterator[Column]:
    left = MOST_COLUMN_TEXT
    for column in columns:
        left -= len(column.name) + len(column.type)
        if left < 0:
            return
        yield column


def _write_source(source: SourceStatus) -> dict[str, Any]:
    written: dict[str, Any] = {"site": source.site, "reachable": source.reachable, "reason": source.reason}
    if source.message:
        written["message"] = source.message[:1000]
    if source.size_bytes is not None:
        written["bytes"] = _counted(source.size_bytes)
    if source.objects is not None:
        written["objects"] = _counted(source.objects)
    if source.version is not None:
        written["version"] = source.version
    if source.place:
        written["place"] = source.place[:MOST_PLACE]
    if source.found is not None:
        written["found"] = {"asked": source.found.asked, "folder": source.found.folder}
    return written


def _write_partitions(partitions: Partitions) -> dict[str, Any]:
    counted = {} if partitions.count is None else {"count": partitions.count}
    return {"by": list(partitions.by), **counted, "last": list(partitions.last)}


def _write_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    known = {} if snapshot.id is None else {"id": snapshot.id}
    return {**known, "metadata": snapshot.metadata, "pinned": snapshot.pinned}


def patch_for(previous: Raw, wanted: Raw) -> dict[str, Any] | None:
    """Return the merge patch that turns one status into the other; None where they say the same but for times."""
    if _without_times(previous) == _without_times(wanted):
        return None
    gone: dict[str, Any] = {key: None for key in previous if key not in wanted}
    return {**gone, **wanted}


def _without_times(status: Raw) -> dict[str, Any]:
    bare = dict(status)
    bare["conditions"] = [
        {key: value for key, value in condition.items() if key != "lastTransitionTime"}
        for condition in status.get("conditions") or ()
    ]
    return bare


def transition(previous: Raw, wanted: Raw) -> conditions.Condition | None:
    """Return the Ready condition, where its status or reason is new; Events are made of it."""
    before = conditions.read(previous.get("conditions") or ()).get("Ready")
    after = conditions.read(wanted.get("conditions") or ()).get("Ready")
    if after is None or (before is not None and (before.state, before.reason) == (after.state, after.reason)):
        return None
    return after
