"""Columns of each format: from a footer, or from the first bytes. Bounded by what it is given, and by `limits`."""

import csv
import hashlib
import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.ipc as pa_ipc
import pyarrow.json as pa_json
import pyarrow.parquet as pa_parquet

from dataset_operator.schema_parser.messages import MOST_COLUMNS, MOST_SCHEMA_BYTES, Question, Schema, Unreadable
from moorage.model import Column

HEAD_BYTES = 256 * 1024
"""The size that is read, and unpacked, of a file without a footer."""
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_TYPE = 200
_LONGEST_NAME = 253
_LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class _Found:
    """The first columns, and the names of all."""

    schema: pa.Schema
    names: Sequence[str]


class _NotThatError(Exception):
    """The object is not what it should be; the message completes the sentence `<key> ...`."""


def parse(question: Question) -> Schema | Unreadable:
    """Read the columns, or why there are none.

    Raises:
        MemoryError: it takes more than it may.
    """
    try:
        return _summary(_PARSERS[question.form](question))
    except _NotThatError as error:
        return Unreadable(problem=str(error))
    except (
        pa.ArrowInvalid,
        pa.ArrowNotImplementedError,
        pa.ArrowTypeError,
        zlib.error,
        csv.Error,
        UnicodeDecodeError,
    ) as error:
        detail = str(error).splitlines()[0][:_LONGEST_DETAIL] if str(error) else type(error).__name__
        return Unreadable(detail)
    except OSError as error:
        if "bad_alloc" in str(error):
            raise MemoryError from None
        return Unreadable("its footer is damaged")


def _found(schema: pa.Schema) -> _Found:
    return _Found(schema, schema.names)


def _summary(found: _Found) -> Schema:
    schema, names = found.schema, hashlib.sha256()
    for name in found.names:
        names.update(name.encode(errors="surrogatepass") + b"\0")
    columns: list[Column] = []
    left_bytes = MOST_SCHEMA_BYTES
    for field in islice(schema, MOST_COLUMNS):
        column = Column(
            _shorten(field.name, _LONGEST_NAME), _shorten(str(field.type), _LONGEST_TYPE), bool(field.nullable)
        )
        left_bytes -= len(column.name.encode(errors="replace")) + len(column.type.encode(errors="replace"))
        if left_bytes < 0:
            break
        columns.append(column)
    return Schema(tuple(columns), names.hexdigest())


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _parquet(question: Question) -> _Found:
    return _found(pa_parquet.read_schema(pa.BufferReader(question.body)))


def _arrow(question: Question) -> _Found:
    if question.body.startswith(b"ARROW1"):
        return _found(pa_ipc.open_file(pa.BufferReader(question.body)).schema)
    return _found(pa_ipc.open_stream(pa.BufferReader(question.body)).schema)


def _csv(question: Question) -> _Found:
    text = _whole_lines(question)
    text.decode()  # pyarrow would take columns that are no text for binary ones
    delimiter = "\t" if question.tabs else ","
    names = next(csv.reader(io.StringIO(text.decode(errors="replace"), newline=""), delimiter=delimiter))
    # A column costs pyarrow 8 KiB here, however few bytes it has; only the first are shown.
    few = pa_csv.ConvertOptions(include_columns=list(dict.fromkeys(names[:MOST_COLUMNS])))
    schema = pa_csv.read_csv(
        io.BytesIO(text),
        read_options=pa_csv.ReadOptions(use_threads=False),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter),
        convert_options=few if len(names) > MOST_COLUMNS else None,
    ).schema
    return _Found(schema, tuple(names))


def _jsonl(question: Question) -> _Found:
    text = _whole_lines(question)
    if not _is_object(text.lstrip().partition(b"\n")[0]):  # pyarrow would take one document over many lines, too
        raise _NotThatError("is not a file of JSON lines: its first line is not an object")
    read = pa_json.ReadOptions(use_threads=False, block_size=max(len(text), 1))
    return _found(pa_json.read_json(io.BytesIO(text), read_options=read).schema)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _whole_lines(question: Question) -> bytes:
    """Return the lines that the first bytes hold in full, unpacked where they are packed."""
    head, cut = question.body, not question.whole
    if head.startswith(_GZIP_MAGIC):
        unpacker = zlib.decompressobj(wbits=31)
        head = unpacker.decompress(head, HEAD_BYTES)
        cut = not unpacker.eof
    if cut:
        head = head[: head.rfind(b"\n") + 1]
    if not head.strip():
        raise _NotThatError(f"has no line end within its first {HEAD_BYTES} bytes")
    return head


_PARSERS: dict[str, Callable[[Question], _Found]] = {
    "parquet": _parquet,
    "arrow": _arrow,
    "csv": _csv,
    "jsonl": _jsonl,
}
