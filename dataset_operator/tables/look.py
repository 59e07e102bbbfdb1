"""Looks into a few objects of a listing, and tells format and columns."""

import sys
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from dataset_operator.listing.names import JSON, Format, format_of_kinds
from dataset_operator.listing.protocol import Folder, Reader
from dataset_operator.listing.tally import Listing, Sample
from dataset_operator.tables.readers import Blob, UnreadableError, read_schema, sniff
from moorage.model import Column

MOST_COLUMNS = 1000
MOST_SCHEMA_BYTES = 32 * 1024
"""Of names and types together. Every status is kept by the API server and sent to whoever watches Datasets."""
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


def look_into(folder: Folder, listing: Listing) -> TableLook:
    """Tell the format and the columns of what was listed.

    Raises:
        SourceError: the store did not give the objects out.
    """
    form, kind = format_of_kinds(listing.samples)
    if kind is None:
        return TableLook(form)
    samples = listing.samples[kind]
    with folder.reader() as reader:
        if form is Format.UNKNOWN:
            return _look_at_unnamed(reader, samples[0], kind)
        return _look_at_tables(reader, samples, form)


def _look_at_tables(reader: Reader, samples: tuple[Sample, ...], form: Format) -> TableLook:
    first: pa.Schema | None = None
    for sample in samples:
        try:
            schema = read_schema(_blob(reader, sample), form)
        except UnreadableError as error:
            problem = f"{sample.key} {error}: replace it, or give it a name without .{form.value}"
            return TableLook(form, () if first is None else _columns(first), problem=problem)
        if first is None:
            first = schema
        elif schema.names != first.names:
            note = f"{sample.key} has other columns than {samples[0].key}, whose schema is shown"
            return TableLook(form, _columns(first), note=note)
    return TableLook(form, () if first is None else _columns(first))


def _look_at_unnamed(reader: Reader, sample: Sample, kind: str) -> TableLook:
    """An object whose name tells no format may still be a table; if it is none, that is no error."""
    blob = _blob(reader, sample)
    form = Format.JSONL if kind == JSON else (sniff(blob) if sample.size_bytes else None)
    if form is None:
        return TableLook(Format.UNKNOWN)
    try:
        return TableLook(form, _columns(read_schema(blob, form)))
    except UnreadableError:
        return TableLook(Format.UNKNOWN)


def _blob(reader: Reader, sample: Sample) -> Blob:
    return Blob(sample.key, sample.size_bytes, lambda: reader.open(sample.key, sample.size_bytes))


def _columns(schema: pa.Schema) -> tuple[Column, ...]:
    columns: list[Column] = []
    left_bytes = MOST_SCHEMA_BYTES
    for field in islice(schema, MOST_COLUMNS):
        # Types repeat: one string for all that are equal.
        type_name = sys.intern(_shorten(str(field.type), _LONGEST_TYPE))
        column = Column(_shorten(field.name, _LONGEST_NAME), type_name, field.nullable)
        left_bytes -= len(column.name.encode(errors="replace")) + len(type_name.encode(errors="replace"))
        if left_bytes < 0:
            break
        columns.append(column)
    return tuple(columns)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
