"""`sites.yaml` and `datasets.yaml`: Kubernetes objects as `kubectl get -o yaml` gives them, in any order.

Strict in what a plan rests on (metadata's names, spec, status.bytes, the sources' reasons); whatever else an API server
adds to an object is passed over.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from moorage.errors import InputError
from moorage.model import API_VERSION, Dataset, DatasetRef, Site
from moorage.reading.fields import DNS_LABEL
from moorage.sites import Inventory
from moorage.wire import parse_quantity, read_dataset, read_namespace_purposes, read_site
from pipeline_splitter.documents.limits import LEAST_RATE, MOST, MOST_SLOTS
from pipeline_splitter.documents.shown import shortened, shown

Record = TypeVar("Record")

_PASSED_OVER = {"Namespace"}
_LONGEST_PROBLEM = 400
_DIGITS = re.compile(r"[0-9]{1,18}")


def read_sites(documents: Sequence[Any], subject: str) -> Inventory:
    """Read all sites of the documents, by name.

    Args:
        documents: Site objects, or Lists of them; Namespaces among them are `read_purposes`' to read.
        subject: the file, for errors.

    Raises:
        InputError: an object can't be used, appears twice, is of another kind, or there is none.
    """
    sites: dict[str, Site] = {}
    for where, raw in _objects(documents, "Site", subject):
        site = _read(read_site, _trimmed_site(raw), where)
        _refuse_extreme_site(site, where)
        if site.name in sites:
            raise InputError(where, "metadata.name", f"site {site.name} appears twice in {subject}: keep one of them")
        sites[site.name] = site
    if not sites:
        raise InputError(subject, "documents", f"there is no Site: write at least one, kind: Site of {API_VERSION}")
    return Inventory.of(sites[name] for name in sorted(sites))


def read_datasets(documents: Sequence[Any], subject: str) -> dict[DatasetRef, Dataset]:
    """Read all datasets of the documents, by identity; one without a namespace is in `default`.

    Args:
        documents: Dataset objects, or Lists of them; Namespaces among them are `read_purposes`' to read.
        subject: the file, for errors.

    Raises:
        InputError: an object can't be used, appears twice, or is of another kind.
    """
    datasets: dict[DatasetRef, Dataset] = {}
    for where, raw in _objects(documents, "Dataset", subject):
        dataset = _read(read_dataset, _trimmed_dataset(raw, where), where)
        _refuse_extreme_dataset(dataset, where)
        if dataset.ref in datasets:
            raise InputError(where, "metadata", f"dataset {dataset.ref} appears twice in {subject}: keep one of them")
        datasets[dataset.ref] = dataset
    return {ref: datasets[ref] for ref in sorted(datasets)}


def read_purposes(documents: Sequence[Any], subject: str) -> dict[str, frozenset[str]]:
    """Read the purposes that namespaces list, for those that limit them (annotation `moorage.dev/purposes`).

    Args:
        documents: Namespace objects, or Lists of them; objects of other kinds are passed over.
        subject: the file, for errors.

    Raises:
        InputError: a namespace appears twice, or its annotations are no texts.
    """
    found: dict[str, frozenset[str] | None] = {}
    for place, raw in _namespaces(documents):
        name = _name(raw, "Namespace", subject, place)
        where = f"Namespace {name} ({subject}, {place})"
        annotations = raw["metadata"].get("annotations") or {}
        if not isinstance(annotations, Mapping) or not all(isinstance(text, str) for text in annotations.values()):
            raise InputError(where, "metadata.annotations", "must map words to texts: put the values in quotes")
        if name in found:
            raise InputError(where, "metadata.name", f"namespace {name} appears twice in {subject}: keep one of them")
        found[name] = read_namespace_purposes(raw)
    return {name: listed for name, listed in sorted(found.items()) if listed is not None}


def _namespaces(documents: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, document in enumerate(documents, start=1):
        items = document.get("items") if isinstance(document, Mapping) and document.get("kind") == "List" else None
        inside = enumerate(items) if isinstance(items, list) else ()
        for place, raw in (
            (f"document {index}", document),
            *((f"document {index}, items[{number}]", item) for number, item in inside),
        ):
            if isinstance(raw, Mapping) and raw.get("kind") == "Namespace":
                yield place, raw


def _refuse_extreme_site(site: Site, where: str) -> None:
    _refuse_extremes(
        where,
        {
            "spec.cpuHourPrice": site.cpu_hour_price,
            "spec.carbonGramsPerKWh": site.carbon_grams_per_kwh,
            "spec.cpuWatts": site.cpu_watts,
            "spec.quotaCpuHours": site.quota_cpu_hours,
            **{f"spec.resources.{key}": amount for key, amount in (site.resources or {}).items()},
        },
    )
    _refuse_extremes(where, {"spec.slots": site.slots}, 1, MOST_SLOTS)
    _refuse_extremes(where, {"spec.speed": site.speed}, LEAST_RATE)
    for place, link in (
        ("spec.defaultLink", site.default_link),
        *((f"spec.links[{to}]", site.links[to]) for to in site.links),
    ):
        _refuse_extremes(where, {f"{place}.bytesPerSecond": link.bytes_per_second}, LEAST_RATE)
        _refuse_extremes(
            where, {f"{place}.latencySeconds": link.latency_seconds, f"{place}.pricePerGB": link.price_per_gb}
        )


def _refuse_extreme_dataset(dataset: Dataset, where: str) -> None:
    amounts: dict[str, float | None] = {"status.bytes": dataset.status.size_bytes}
    for index, release in enumerate(dataset.governance.releases):
        place = f"spec.governance.releases[{index}]"
        amounts[f"{place}.seconds"] = release.seconds
        amounts[f"{place}.cpu"] = release.cpu
        amounts[f"{place}.outputRatio"] = release.output_ratio
    _refuse_extremes(where, amounts)


def _refuse_extremes(where: str, amounts: Mapping[str, float | None], least: float = 0.0, most: float = MOST) -> None:
    """Refuse what no site or dataset has, so that sums and products of what is left stay finite."""
    for place, amount in amounts.items():
        if amount is not None and not least <= float(amount) <= most:
            raise InputError(where, place, f"{amount:g} is out of range: write a value from {least:g} to {most:g}")


def _objects(documents: Sequence[Any], kind: str, subject: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of one kind, Lists opened, each with the words that name it in an error."""
    for index, document in enumerate(documents, start=1):
        yield from _opened(document, kind, subject, f"document {index}")


def _opened(raw: Any, kind: str, subject: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:  # noqa: ANN401
    if not isinstance(raw, Mapping):
        raise InputError(subject, place, f"must be an object of kind {kind}, not {type(raw).__name__}")
    found = raw.get("kind")
    if found in ("List", f"{kind}List"):
        items = raw.get("items")
        if not isinstance(items, list):
            raise InputError(subject, f"{place}, items", f"must be a list of {kind} objects")
        for index, item in enumerate(items):
            # An item of a typed list need not state its kind.
            typed = {"apiVersion": raw.get("apiVersion"), "kind": kind} if found != "List" else {}
            opened = typed | dict(item) if isinstance(item, Mapping) else item
            yield from _opened(opened, kind, subject, f"{place}, items[{index}]")
        return
    if isinstance(found, str) and found in _PASSED_OVER:
        return
    if found != kind:
        raise InputError(
            subject, f"{place}, kind", f"{shown(found)} is not expected here: every object must be a {kind}"
        )
    if raw.get("apiVersion") != API_VERSION:
        raise InputError(
            subject,
            f"{place}, apiVersion",
            f"must be {API_VERSION}, not {shown(raw.get('apiVersion'))}: write {API_VERSION}",
        )
    yield f"{kind} {_name(raw, kind, subject, place)} ({subject}, {place})", raw


def _name(raw: Mapping[str, Any], kind: str, subject: str, place: str) -> str:
    metadata = raw.get("metadata")
    if not isinstance(metadata, Mapping):
        raise InputError(subject, f"{place}, metadata", f"must be a mapping that gives the {kind} its name")
    for key in ("name", "namespace"):
        value = metadata.get(key)
        if value is None and key == "namespace":
            continue
        if not isinstance(value, str) or not DNS_LABEL.fullmatch(value):
            raise InputError(
                subject,
                f"{place}, metadata.{key}",
                f"{shown(value)} must be lower-case letters, digits and '-', at most 63 of them",
            )
    return str(metadata["name"])


def _trimmed_site(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the fields of a Site that a plan rests on. `slots` may be a string here, as every number."""
    spec = raw.get("spec")
    slots = spec.get("slots") if isinstance(spec, Mapping) else None
    if isinstance(spec, Mapping) and isinstance(slots, str) and _DIGITS.fullmatch(slots):
        spec = {**spec, "slots": int(slots)}
    return {"kind": "Site", "metadata": {"name": raw["metadata"]["name"]}, "spec": spec}


def _trimmed_dataset(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Keep the fields of a Dataset that a plan rests on, and check the status: its reader trusts the operator."""
    metadata = raw["metadata"]
    trimmed = {
        "kind": "Dataset",
        "metadata": {"name": metadata["name"], "namespace": metadata.get("namespace") or "default"},
        "spec": raw.get("spec"),
    }
    status = raw.get("status")
    if status is None:
        return trimmed
    if not isinstance(status, Mapping):
        raise InputError(where, "status", "must be a mapping: leave it out, or take it from the cluster again")
    sources = status.get("sources")
    if sources is None:
        sources = []
    if not isinstance(sources, list) or not all(isinstance(source, Mapping) for source in sources):
        raise InputError(where, "status.sources", "must be a list of mappings: take it from the cluster again")
    seen = [{"site": source.get("site"), "reason": source.get("reason"), "found": _found(source)} for source in sources]
    return trimmed | {"status": {"bytes": _whole_bytes(status.get("bytes"), where), "sources": seen}}


def _found(source: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the folder of a catalogue's table; its reader takes none that the spec does not permit."""
    found = source.get("found")
    if not isinstance(found, Mapping):
        return None
    return {key: found[key] for key in ("asked", "folder") if isinstance(found.get(key), str)}


def _whole_bytes(value: Any, where: str) -> int | None:  # noqa: ANN401 - raw JSON
    if value is None:
        return None
    try:
        exact = parse_quantity(value)
        float(exact)
    except (ValueError, OverflowError):
        exact = None
    if exact is None or exact < 0:
        raise InputError(
            where, "status.bytes", f"{shown(value)} is not a number of bytes: write one, such as 12Gi, or leave it out"
        )
    return -(-exact.numerator // exact.denominator)


def _read(reader: Callable[[Mapping[str, Any]], Record], raw: Mapping[str, Any], where: str) -> Record:
    """Read an object, and blame it for whatever else the reader stumbles over."""
    try:
        return reader(raw)
    except InputError as error:
        raise InputError(where, shortened(error.field), shortened(error.problem, _LONGEST_PROBLEM)) from None
    except OverflowError:
        raise InputError(where, "spec", "holds a number that a double can't hold: write a smaller one") from None
    except TypeError:
        raise InputError(where, "spec", "holds a list or a mapping where a word is expected: correct it") from None
