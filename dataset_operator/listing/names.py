"""Formats as file names tell them: pure."""

from collections.abc import Collection
from enum import StrEnum


class Format(StrEnum):
    """A data format, as in `status.format`."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    ARROW = "arrow"
    MIXED = "mixed"
    UNKNOWN = "unknown"


JSON = "json"
"""A name that says JSON: lines or one document, only a look can tell."""
OTHER = "other"

_SUFFIXES: dict[bytes, str] = {
    b".parquet": Format.PARQUET,
    b".pq": Format.PARQUET,
    b".csv": Format.CSV,
    b".csv.gz": Format.CSV,
    b".tsv": Format.CSV,
    b".tsv.gz": Format.CSV,
    b".jsonl": Format.JSONL,
    b".jsonl.gz": Format.JSONL,
    b".ndjson": Format.JSONL,
    b".ndjson.gz": Format.JSONL,
    b".json": JSON,
    b".json.gz": JSON,
    b".arrow": Format.ARROW,
    b".arrows": Format.ARROW,
    b".feather": Format.ARROW,
    b".ipc": Format.ARROW,
}
TABULAR = frozenset({Format.PARQUET, Format.CSV, Format.JSONL, Format.ARROW})


def kind_of_name(key: bytes, size_bytes: int) -> str | None:
    """Tell an object's kind by its name: a tabular format, `json`, `other`; None for what is no data.

    No data are folders' markers, and by the custom of Hive and Spark whatever begins with `_` or `.` (`_SUCCESS`,
    `.part-0.crc`, `_delta_log/...`).
    """
    if key.endswith(b"/") or (not key and not size_bytes):
        return None
    if key[:1] in {b"_", b"."} or b"/_" in key or b"/." in key:
        return None
    name = key.rpartition(b"/")[2].lower()
    stem, dot, last = name.rpartition(b".")
    if last == b"gz":
        inner = stem.rpartition(b".")
        return _SUFFIXES.get(inner[1] + inner[2] + b".gz", OTHER)
    return _SUFFIXES.get(dot + last, OTHER)


def format_of_kinds(kinds: Collection[str]) -> tuple[Format, str | None]:
    """Return the format by names alone, and the kind of which some objects should be looked into (None: no kind).

    Companions of a table (a README, a JSON document) do not make it mixed; two tabular formats do.
    """
    tabular = sorted(TABULAR.intersection(kinds))
    if len(tabular) > 1:
        return Format.MIXED, None
    if tabular:
        return Format(tabular[0]), tabular[0]
    for kind in (JSON, OTHER):
        if kind in kinds:
            return Format.UNKNOWN, kind
    return Format.UNKNOWN, None
