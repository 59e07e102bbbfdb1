"""Looks into a few objects of a listing, and tells format and columns."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from dataset_operator.listing.names import JSON, Format, format_of_kinds
from dataset_operator.listing.protocol import Folder, Reader
from dataset_operator.listing.tally import Listing, Sample
from dataset_operator.schema_parser.messages import Question, Schema, Unreadable
from dataset_operator.tables.excerpt import A_FILE, Blob, UnreadableError, excerpt_of, sniff
from moorage.model import Column

Parse: TypeAlias = Callable[[int, Callable[[], Question]], Schema | Unreadable]
"""Parses the question of about so many bytes that a function makes; see `pool.ParserPool.parse`."""


@dataclass(frozen=True, slots=True)
class TableLook:
    """The format and columns found in a few objects of a dataset.

    Attributes:
        format: the format of all of them.
        columns: the columns of the first by name; empty where it has none.
        problem: why the data can't be read, as a sentence; "" where it can.
        note: what a reader should know besides; "" for nothing.
    """

    format: Format
    columns: tuple[Column, ...] = ()
    problem: str = ""
    note: str = ""


def look_into(folder: Folder, listing: Listing, parse: Parse) -> TableLook:
    """Tell the format and the columns of what was listed.

    Raises:
        SourceError: the store did not give the objects out, or nothing could parse them now.
    """
    form, kind = format_of_kinds(listing.samples)
    if kind is None:
        return TableLook(form)
    samples = listing.samples[kind]
    with folder.reader() as reader:
        if form is Format.UNKNOWN:
            return _look_at_unnamed(reader, samples[0], kind, parse)
        return _look_at_tables(reader, samples, form, parse)


def _look_at_tables(reader: Reader, samples: tuple[Sample, ...], form: Format, parse: Parse) -> TableLook:
    first: Schema | None = None
    for sample in samples:
        try:
            schema = _read_schema(_blob(reader, sample), form, parse)
        except UnreadableError as error:
            problem = f"{sample.key} {error}: replace it, or give it a name without .{form.value}"
            return TableLook(form, () if first is None else first.columns, problem=problem)
        if first is None:
            first = schema
        elif schema.names != first.names:
            note = f"{sample.key} has other columns than {samples[0].key}, whose schema is shown"
            return TableLook(form, first.columns, note=note)
    return TableLook(form, () if first is None else first.columns)


def _look_at_unnamed(reader: Reader, sample: Sample, kind: str, parse: Parse) -> TableLook:
    """Look at an object whose name tells no format: it may still be a table; if it is none, that is no error."""
    blob = _blob(reader, sample)
    form = Format.JSONL if kind == JSON else (sniff(blob) if sample.size_bytes else None)
    if form is None:
        return TableLook(Format.UNKNOWN)
    try:
        return TableLook(form, _read_schema(blob, form, parse).columns)
    except UnreadableError:
        return TableLook(Format.UNKNOWN)


def _read_schema(blob: Blob, form: Format, parse: Parse) -> Schema:
    excerpt = excerpt_of(blob, form)
    tabs = blob.name.lower().removesuffix(".gz").endswith(".tsv")
    answer = parse(excerpt.size_bytes, lambda: Question(form.value, tabs, excerpt.whole, excerpt.fetch()))
    if isinstance(answer, Unreadable):
        raise UnreadableError(answer.problem or f"is not {A_FILE[form]} that can be read ({answer.detail})")
    # Types repeat: one string for all that are equal.
    columns = tuple(Column(each.name, sys.intern(each.type), each.nullable) for each in answer.columns)
    return Schema(columns, answer.names)


def _blob(reader: Reader, sample: Sample) -> Blob:
    return Blob(sample.key, sample.size_bytes, lambda: reader.open(sample.key, sample.size_bytes))
