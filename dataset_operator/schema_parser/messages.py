"""Messages between operator and parser: length-prefixed JSON, and the bytes to parse. Pure."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

import orjson

from moorage.errors import InputError
from moorage.model import Column
from moorage.reading.documents import Bounds, read_object

MOST_COLUMNS = 1000
MOST_SCHEMA_BYTES = 32 * 1024
"""The limit of names and types together. The API server keeps statuses and sends them to all watchers of Datasets."""
MOST_ANSWER_BYTES = 512 * 1024
_SUBJECT = "the schema parser's answer"
_LENGTHS = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Question:
    """A request to parse a body.

    Attributes:
        form: a tabular format, see `dataset_operator.listing.names.Format`.
        tabs: whether a CSV file is separated by tabs.
        whole: whether `body` is the whole object.
        body: a footer with the magic bytes around it, or the first bytes.
    """

    form: str
    tabs: bool
    whole: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of one object.

    Attributes:
        columns: the first ones, as many as a status holds.
        names: a digest of the names of all.
    """

    columns: tuple[Column, ...]
    names: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that is not what it should be.

    Attributes:
        detail: in the library's words; "" for a reason of ours.
        problem: completes the sentence `<key> ...`; "" where `detail` says it.
        spent: the parser has taken more than it gives back, and ends.
    """

    detail: str = ""
    problem: str = ""
    spent: bool = False


def write_question(file: BinaryIO, question: Question) -> None:
    """Send a question.

    Raises:
        OSError: nobody reads it.
    """
    head = orjson.dumps({"form": question.form, "tabs": question.tabs, "whole": question.whole})
    file.write(_LENGTHS.pack(len(head), len(question.body)) + head)
    file.write(question.body)
    file.flush()


def read_question(file: BinaryIO) -> Question | None:
    """Read the next question; None where there will be none."""
    lengths = file.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    head = orjson.loads(file.read(head_bytes))
    return Question(head["form"], head["tabs"], head["whole"], file.read(body_bytes))


def body_bytes_of(lengths: bytes) -> int:
    """Return the length of the body that follows."""
    return int(_LENGTHS.unpack(lengths)[1])


def write_answer(file: BinaryIO, answer: Schema | Unreadable) -> None:
    """Send an answer."""
    if isinstance(answer, Schema):
        columns = [[column.name, column.type, column.nullable] for column in answer.columns]
        raw: dict[str, object] = {"columns": columns, "names": answer.names}
    else:
        raw = {"detail": answer.detail, "problem": answer.problem, "spent": answer.spent}
    body = orjson.dumps(raw)
    file.write(_LENGTHS.pack(0, len(body)) + body)
    file.flush()


def read_answer(file: BinaryIO) -> Schema | Unreadable | None:
    """Read the answer; None where the parser ended without one.

    Raises:
        InputError: it is none. Whatever got hold of the parser says no more than an answer can.
    """
    lengths = file.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    size_bytes = body_bytes_of(lengths)
    if size_bytes > MOST_ANSWER_BYTES:
        raise InputError(_SUBJECT, "document", f"must have at most {MOST_ANSWER_BYTES} bytes, not {size_bytes}")
    body = file.read(size_bytes)
    if len(body) < size_bytes:
        return None
    fields = read_object(body, _SUBJECT, Bounds(MOST_ANSWER_BYTES), orjson.loads)
    if "columns" not in fields.raw:
        detail, problem, spent = (fields.raw.get(key) for key in ("detail", "problem", "spent"))
        if isinstance(detail, str) and isinstance(problem, str) and isinstance(spent, bool):
            return Unreadable(detail, problem, spent)
        raise InputError(_SUBJECT, "detail", "must be a string")
    columns, names = fields.raw["columns"], fields.raw.get("names")
    if not isinstance(columns, list) or len(columns) > MOST_COLUMNS or not isinstance(names, str):
        raise InputError(_SUBJECT, "columns", f"must be a list of at most {MOST_COLUMNS}")
    return Schema(tuple(map(_column, columns)), names)


def _column(raw: object) -> Column:
    match raw:
        case [str(name), str(type_name), bool(nullable)]:
            return Column(name, type_name, nullable)
    raise InputError(_SUBJECT, "columns", "each must be a name, a type and whether it may be null")
