"""Reads the schema of one object, by format: a footer, or the first bytes. Bounded, whatever the object's size."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.ipc as pa_ipc
import pyarrow.json as pa_json
import pyarrow.parquet as pa_parquet

from dataset_operator.listing.names import Format

HEAD_BYTES = 256 * 1024
LARGEST_FOOTER_BYTES = 32 * 1024 * 1024
_PARQUET_MAGIC = (b"PAR1", b"PARE")
_ARROW_MAGIC = b"ARROW1"
_FEATHER_1_MAGIC = b"FEA1"
_GZIP_MAGIC = b"\x1f\x8b"


class UnreadableError(Exception):
    """The object is not what it should be; the message completes the sentence `<key> ...`."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One object as the readers see it.

    Attributes:
        name: its key.
        size_bytes: its size.
        open: opens it for ranged reads.
    """

    name: str
    size_bytes: int
    open: Callable[[], Any]

    def head(self, size_bytes: int = HEAD_BYTES) -> bytes:
        """Its first bytes."""
        with self.open() as file:
            return bytes(file.read(min(size_bytes, self.size_bytes)))


def read_schema(blob: Blob, kind: Format) -> pa.Schema:
    """The schema of one object of a tabular format.

    Raises:
        UnreadableError: it is not of that format.
        OSError: it could not be fetched.
    """
    if blob.size_bytes == 0:
        raise UnreadableError(f"is empty, so it is not {_A_FILE[kind]}")
    try:
        return _READERS[kind](blob)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, zlib.error, UnicodeDecodeError) as error:
        detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UnreadableError(f"is not {_A_FILE[kind]} that can be read ({detail})") from None
    except OSError as error:
        if error.errno is not None or type(error) is not OSError:
            raise  # the store's
        raise UnreadableError(f"is not {_A_FILE[kind]} that can be read (its footer is damaged)") from None


def sniff(blob: Blob) -> Format | None:
    """The tabular format that the first bytes give away, where the name tells none."""
    start = blob.head(8)
    if start.startswith(_PARQUET_MAGIC[0]):
        return Format.PARQUET
    return Format.ARROW if start.startswith(_ARROW_MAGIC) else None


def _parquet(blob: Blob) -> pa.Schema:
    with blob.open() as file:
        if blob.size_bytes < 12:  # noqa: PLR2004 - two magics and a length
            raise UnreadableError("is not a Parquet file")
        file.seek(blob.size_bytes - 8)
        (footer_bytes, magic) = struct.unpack("<I4s", file.read(8))
        if magic not in _PARQUET_MAGIC:
            raise UnreadableError("is not a Parquet file")
        if footer_bytes > LARGEST_FOOTER_BYTES:
            raise UnreadableError(f"has a footer of {footer_bytes} bytes, more than is read here")
        file.seek(0)
        return pa_parquet.read_schema(file)


def _arrow(blob: Blob) -> pa.Schema:
    with blob.open() as file:
        start = bytes(file.read(8))
        file.seek(0)
        if start.startswith(_FEATHER_1_MAGIC):
            raise UnreadableError("is a Feather file of version 1: write it anew as version 2 (Arrow IPC)")
        if start.startswith(_ARROW_MAGIC):
            return pa_ipc.open_file(file).schema
        return pa_ipc.open_stream(file).schema


def _csv(blob: Blob) -> pa.Schema:
    text = _whole_lines(blob)
    text.decode()  # pyarrow would take columns that are no text for binary ones
    tabs = blob.name.lower().removesuffix(".gz").endswith(".tsv")
    parse = pa_csv.ParseOptions(delimiter="\t" if tabs else ",")
    read = pa_csv.ReadOptions(use_threads=False)
    return pa_csv.read_csv(io.BytesIO(text), read_options=read, parse_options=parse).schema


def _jsonl(blob: Blob) -> pa.Schema:
    text = _whole_lines(blob)
    if not _is_object(text.lstrip().partition(b"\n")[0]):  # pyarrow would take one document over many lines, too
        raise UnreadableError("is not a file of JSON lines: its first line is no object")
    read = pa_json.ReadOptions(use_threads=False, block_size=max(len(text), 1))
    return pa_json.read_json(io.BytesIO(text), read_options=read).schema


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _whole_lines(blob: Blob) -> bytes:
    """The lines that the first bytes hold in full, unpacked where they are packed."""
    head = blob.head()
    cut = len(head) < blob.size_bytes
    if head.startswith(_GZIP_MAGIC):
        unpacker = zlib.decompressobj(wbits=31)
        head = unpacker.decompress(head, HEAD_BYTES)
        cut = not unpacker.eof
    if cut:
        head = head[: head.rfind(b"\n") + 1]
    if not head.strip():
        raise UnreadableError(f"has no line end within its first {HEAD_BYTES} bytes")
    return head


_READERS: dict[Format, Callable[[Blob], pa.Schema]] = {
    Format.PARQUET: _parquet,
    Format.ARROW: _arrow,
    Format.CSV: _csv,
    Format.JSONL: _jsonl,
}
_A_FILE = {
    Format.PARQUET: "a Parquet file",
    Format.ARROW: "an Arrow IPC file",
    Format.CSV: "a CSV file",
    Format.JSONL: "a file of JSON lines",
}
