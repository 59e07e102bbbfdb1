"""Looks into a few objects of a listing, and tells format and columns."""

from dataclasses import dataclass

import pyarrow as pa
import s3fs

from dataset_operator.objectstore.access import Access
from dataset_operator.objectstore.failures import explained
from dataset_operator.objectstore.tally import Listing, Sample
from dataset_operator.tables.names import JSON, Format, format_of_kinds
from dataset_operator.tables.readers import Blob, UnreadableError, read_schema, sniff
from moorage.model import Column

MOST_COLUMNS = 1000
"""More would make a status that the API server refuses."""
_LONGEST_TYPE = 200
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class TableLook:
    """What a few objects of a dataset are.

    Attributes:
        format: of all of them.
        columns: of the first by name; empty where it has none.
        problem: why the data can't be read, as a sentence; "" where it can.
        note: what a reader should know besides; "" for nothing.
    """

    format: Format
    columns: tuple[Column, ...] = ()
    problem: str = ""
    note: str = ""


def look_into(access: Access, listing: Listing) -> TableLook:
    """Tell the format and the columns of what was listed.

    Raises:
        SourceError: the store did not give the objects out.
    """
    form, kind = format_of_kinds(listing.samples)
    if kind is None:
        return TableLook(form)
    samples = listing.samples[kind]
    with access.filesystem() as store, explained(access.name):
        if form is Format.UNKNOWN:
            return _look_at_unnamed(store, access, samples[0], kind)
        return _look_at_tables(store, access, samples, form)


def _look_at_tables(store: s3fs.S3FileSystem, access: Access, samples: tuple[Sample, ...], form: Format) -> TableLook:
    first: pa.Schema | None = None
    for sample in samples:
        try:
            schema = read_schema(_blob(store, access, sample), form)
        except UnreadableError as error:
            problem = f"{sample.key} {error}: replace it, or give it a name without .{form.value}"
            return TableLook(form, () if first is None else _columns(first), problem=problem)
        if first is None:
            first = schema
        elif schema.names != first.names:
            note = f"{sample.key} has other columns than {samples[0].key}, whose schema is shown"
            return TableLook(form, _columns(first), note=note)
    return TableLook(form, () if first is None else _columns(first))


def _look_at_unnamed(store: s3fs.S3FileSystem, access: Access, sample: Sample, kind: str) -> TableLook:
    """An object whose name tells no format may still be a table; if it is none, that is no error."""
    blob = _blob(store, access, sample)
    form = Format.JSONL if kind == JSON else (sniff(blob) if sample.size_bytes else None)
    if form is None:
        return TableLook(Format.UNKNOWN)
    try:
        return TableLook(form, _columns(read_schema(blob, form)))
    except UnreadableError:
        return TableLook(Format.UNKNOWN)


def _blob(store: s3fs.S3FileSystem, access: Access, sample: Sample) -> Blob:
    path = f"{access.location.bucket}/{access.prefix}{sample.key}"
    return Blob(sample.key, sample.size_bytes, lambda: store.open(path, "rb", cache_type="none"))


def _columns(schema: pa.Schema) -> tuple[Column, ...]:
    return tuple(
        Column(_shorten(field.name, _LONGEST_NAME), _shorten(str(field.type), _LONGEST_TYPE), field.nullable)
        for field in list(schema)[:MOST_COLUMNS]
    )


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
