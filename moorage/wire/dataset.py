"""Dataset objects: spec in and out, status in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from moorage.access import Access
from moorage.caching import CacheMode, CachePolicy, Eviction
from moorage.model import (
    CLAIMED_CONDITION,
    Column,
    Dataset,
    DatasetRef,
    DatasetStatus,
    FoundFolder,
    Partitions,
    Revocation,
    Snapshot,
    Source,
    SourceStatus,
)
from moorage.reading.fields import Fields, Raw, object_fields
from moorage.reading.limits import MOST_CERTIFICATES, MOST_SOURCE_TEXT, letters
from moorage.sources import SPEC_KINDS
from moorage.wire.governance import read_governance, write_governance
from moorage.wire.local import read_local, read_remote
from moorage.wire.source import read_source, write_source


def read_dataset(raw: Raw) -> Dataset:
    """Read the Dataset that a raw object means.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    subject, name, metadata = object_fields(raw, "Dataset")
    namespace = str(metadata.get("namespace") or "default")
    spec = Fields(subject, "", raw).sub("spec")
    if spec is None:
        spec = Fields(subject, "spec", {})
    sources = _read_sources(spec, namespace)
    governance = read_governance(spec.sub("governance"))
    cache = _read_cache(spec.sub("cache"))
    allow_empty = spec.flag("allowEmpty")
    claim = spec.flag("claim")
    revocation = spec.choice("revocation", Revocation) or Revocation.AT_POD_END
    access = spec.choice("access", Access) or Access.READ_ONLY
    _check_access(spec, sources, access)
    spec.finish()
    status = read_dataset_status(raw.get("status") or {})
    return Dataset(
        ref=DatasetRef(namespace, name),
        sources=tuple(_resolved(source, sources, status.sources) for source in sources),
        governance=governance,
        access=access,
        cache=cache,
        allow_empty=allow_empty,
        revocation=revocation,
        status=status,
        uid=str(metadata.get("uid") or ""),
        generation=int(metadata.get("generation") or 0),
        deleting=bool(metadata.get("deletionTimestamp")),
        claim=claim,
    )


def _resolved(source: Source, sources: Sequence[Source], told: Sequence[SourceStatus]) -> Source:
    """Return the source with the folder found for it: the one place where a table becomes a location."""
    status = next((status for status in told if status.site == source.site), None)
    if status is None and not source.site and len(sources) == len(told) == 1:
        status = told[0]  # the operator filled in the site
    if status is None or status.found is None:
        return source
    location = source.location.resolved(status.found.asked, status.found.folder)
    return source if location is source.location else replace(source, location=location, declared=source.location)


def _read_sources(spec: Fields, namespace: str) -> tuple[Source, ...]:
    local, remote = spec.sub("local"), spec.sub("remote")
    listed = spec.subs("sources")
    if local is not None and (listed or remote is not None):
        spec.fail("local", "can't be given beside sources or remote: keep one of them")
    if remote is not None and listed:
        spec.fail("remote", "can't be given beside sources: keep one of them")
    if local is not None:
        return (read_local(local, namespace),)
    if remote is not None:
        return (read_remote(remote),)
    if not listed:
        spec.fail("sources", "is required: at least one site that holds a full copy (or local, for one site)")
    sources: dict[str, Source] = {}
    for index, fields in enumerate(listed):
        source = read_source(fields)
        if source.site in sources:
            spec.fail(f"sources[{index}].site", f"{source.site!r} has a source already: give one full copy per site")
        sources[source.site] = source
    _check_size(spec, [fields.raw for fields in listed])
    if len({source.location.abilities.in_memory for source in sources.values()}) > 1:
        kinds = ", ".join(sorted({source.kind for source in sources.values()}))
        spec.fail(
            "sources",
            f"can't be of the kinds {kinds} at once, because nothing is copied into the memory of nodes: make a "
            "Dataset of its own for that",
        )
    return tuple(sources.values())


def _check_access(spec: Fields, sources: tuple[Source, ...], access: Access) -> None:
    if access is Access.READ_ONLY:
        return
    # The memory of each node is its own, at one site as at several.
    if len(sources) > 1 and not sources[0].location.abilities.in_memory:
        spec.fail(
            "access", f"can't be readWrite beside {len(sources)} sources, because copies would differ: keep one source"
        )
    if not sources[0].location.abilities.writable:
        *others, last = (kind for kind, each in SPEC_KINDS.items() if each.abilities.writable)
        kinds = f"{', '.join(others)} and {last}"
        spec.fail("access", f"can't be readWrite with a source of kind {sources[0].kind}: pods write to {kinds} only")


def _check_size(spec: Fields, listed: list[Raw]) -> None:
    text = letters([{key: value for key, value in raw.items() if key != "site"} for raw in listed], without="caBundle")
    if text > MOST_SOURCE_TEXT:
        spec.fail("sources", f"must have at most {MOST_SOURCE_TEXT} characters of text together, not {text}")
    certificates = letters(listed) - letters(listed, without="caBundle")
    if certificates > MOST_CERTIFICATES:
        spec.fail(
            "sources",
            f"must have at most {MOST_CERTIFICATES} characters of caBundle together, not {certificates}: leave out "
            "certificates that are not needed to verify the endpoint",
        )


def _read_cache(fields: Fields | None) -> CachePolicy:
    if fields is None:
        return CachePolicy()
    policy = CachePolicy(
        fields.choice("mode", CacheMode) or CacheMode.AUTO,
        fields.size_bytes("sizeLimit"),
        tuple(_read_eviction(entry) for entry in fields.subs("evict")),
    )
    fields.finish()
    return policy


def _read_eviction(fields: Fields) -> Eviction:
    eviction = Eviction(fields.moment("before"), fields.text("site") or "", fields.text("node") or "")
    fields.finish()
    return eviction


def write_eviction(eviction: Eviction) -> dict[str, str]:
    """Write an entry of `spec.cache.evict`."""
    before = datetime.fromtimestamp(eviction.before, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    places = {"site": eviction.site, "node": eviction.node}
    return {"before": before} | {key: value for key, value in places.items() if value}


def read_dataset_status(raw: Raw) -> DatasetStatus:
    """Read the `status` of a Dataset. Lenient: we wrote it, and a newer version of ours may have written more."""
    conditions = {condition.get("type"): condition for condition in raw.get("conditions") or ()}
    ready = conditions.get("Ready", {})
    return DatasetStatus(
        ready=None if ready.get("status") in (None, "Unknown") else ready["status"] == "True",
        problem=f"{ready.get('reason')}: {ready.get('message')}" if ready.get("status") == "False" else "",
        size_bytes=raw.get("bytes"),
        objects=raw.get("objects"),
        version=raw.get("version"),
        format=raw.get("format"),
        columns=tuple(
            Column(str(column.get("name")), str(column.get("type")), bool(column.get("nullable", True)))
            for column in raw.get("schema") or ()
        ),
        sources=tuple(
            SourceStatus(
                site=str(source.get("site") or ""),
                reachable=bool(source.get("reachable")),
                reason=str(source.get("reason") or ""),
                message=str(source.get("message") or ""),
                size_bytes=source.get("bytes"),
                objects=source.get("objects"),
                version=source.get("version"),
                found=_read_found(source.get("found")),
                place=str(source.get("place") or ""),
            )
            for source in raw.get("sources") or ()
        ),
        in_use_by=(users := tuple(str(user) for user in raw.get("inUseBy") or ())),
        in_use_count=int(raw.get("inUseCount") or len(users)),
        claimed=conditions.get(CLAIMED_CONDITION, {}).get("status") == "True",
        partitions=_read_partitions(raw.get("partitions")),
        snapshot=_read_snapshot(raw.get("snapshot")),
    )


def _read_found(raw: Raw | None) -> FoundFolder | None:
    return None if raw is None else FoundFolder(str(raw.get("asked")), str(raw.get("folder") or ""))


def _read_partitions(raw: Raw | None) -> Partitions | None:
    if raw is None:
        return None
    by, last = (tuple(str(name) for name in raw.get(key) or ()) for key in ("by", "last"))
    return Partitions(by, raw.get("count"), last)


def _read_snapshot(raw: Raw | None) -> Snapshot | None:
    if raw is None:
        return None
    return Snapshot(raw.get("id"), str(raw.get("metadata") or ""), bool(raw.get("pinned")))


def write_dataset_spec(dataset: Dataset) -> dict[str, Any]:
    """Write the `spec` that reads back as `dataset`, in the form with `sources`.

    Raises:
        ValueError: the source has no site or exists only in `spec.local`.
    """
    if any(not source.site for source in dataset.sources):
        raise ValueError("a source without a site exists in spec.local only")
    spec: dict[str, Any] = {"sources": [write_source(source) for source in dataset.sources]}
    governance = write_governance(dataset.governance)
    if governance:
        spec["governance"] = governance
    if dataset.access is not Access.READ_ONLY:
        spec["access"] = dataset.access.value
    if dataset.cache != CachePolicy():
        spec["cache"] = {"mode": dataset.cache.mode.value}
        if dataset.cache.size_limit_bytes is not None:
            spec["cache"]["sizeLimit"] = str(dataset.cache.size_limit_bytes)
        if dataset.cache.evictions:
            spec["cache"]["evict"] = [write_eviction(each) for each in dataset.cache.evictions]
    if dataset.allow_empty:
        spec["allowEmpty"] = True
    if dataset.claim:
        spec["claim"] = True
    if dataset.revocation is not Revocation.AT_POD_END:
        spec["revocation"] = dataset.revocation.value
    return spec
