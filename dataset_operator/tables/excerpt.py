"""Excerpts of objects that tell their columns: a footer, or the first bytes. Nothing in them is interpreted here."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from dataset_operator.listing.names import Format

HEAD_BYTES = 256 * 1024
LARGEST_FOOTER_BYTES = 16 * 1024 * 1024
_PARQUET_MAGIC = (b"PAR1", b"PARE")
_ARROW_MAGIC = b"ARROW1"
_FEATHER_1_MAGIC = b"FEA1"
_CONTINUED = b"\xff\xff\xff\xff"
_LEAST_BYTES = 12
"""Two magics and a length."""


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
    open: Callable[[], BinaryIO]

    def read(self, start: int, length: int) -> bytes:
        """Read a range of it, cut where it ends."""
        with self.open() as file:
            file.seek(start)
            return bytes(file.read(min(length, self.size_bytes - start)))


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The excerpt of an object that has to be parsed.

    Attributes:
        size_bytes: how much `fetch` gives.
        fetch: reads it; raises SourceError.
        whole: whether that is the whole object.
    """

    size_bytes: int
    fetch: Callable[[], bytes]
    whole: bool = False


def excerpt_of(blob: Blob, form: Format) -> Excerpt:
    """Return the excerpt to parse for the columns of an object of a tabular format.

    Raises:
        UnreadableError: it is not of that format, or has too large a footer.
        SourceError: it could not be fetched.
    """
    if blob.size_bytes == 0:
        raise UnreadableError(f"is empty, so it is not {A_FILE[form]}")
    if form is Format.PARQUET:
        return _parquet(blob)
    if form is Format.ARROW:
        return _arrow(blob)
    head_bytes = min(HEAD_BYTES, blob.size_bytes)
    return Excerpt(head_bytes, lambda: blob.read(0, head_bytes), whole=head_bytes == blob.size_bytes)


def sniff(blob: Blob) -> Format | None:
    """Return the tabular format that the first bytes give away, where the name tells none."""
    start = blob.read(0, 8)
    if start.startswith(_PARQUET_MAGIC[0]):
        return Format.PARQUET
    return Format.ARROW if start.startswith(_ARROW_MAGIC) else None


def _parquet(blob: Blob) -> Excerpt:
    if blob.size_bytes < _LEAST_BYTES:
        raise UnreadableError("is not a Parquet file")
    footer_bytes, magic = struct.unpack("<I4s", blob.read(blob.size_bytes - 8, 8))
    if magic not in _PARQUET_MAGIC:
        raise UnreadableError("is not a Parquet file")
    return _footer(blob, footer_bytes, 8, _PARQUET_MAGIC[0])


def _arrow(blob: Blob) -> Excerpt:
    start = blob.read(0, 8)
    if start.startswith(_FEATHER_1_MAGIC):
        raise UnreadableError("is a Feather file of version 1: write it again as version 2 (Arrow IPC)")
    if not start.startswith(_ARROW_MAGIC):  # a stream begins with its schema
        (length,) = struct.unpack_from("<I", start.ljust(8, b"\0"), 4 if start.startswith(_CONTINUED) else 0)
        _check_footer(length)
        head_bytes = min(length + 8, blob.size_bytes)
        return Excerpt(head_bytes, lambda: blob.read(0, head_bytes))
    if blob.size_bytes < _LEAST_BYTES + len(_ARROW_MAGIC):
        raise UnreadableError("is not an Arrow IPC file")
    footer_bytes, magic = struct.unpack("<I6s", blob.read(blob.size_bytes - 10, 10))
    if magic != _ARROW_MAGIC:
        raise UnreadableError("is not an Arrow IPC file that can be read (its footer is damaged)")
    return _footer(blob, footer_bytes, 10, _ARROW_MAGIC + b"\0\0")


def _footer(blob: Blob, footer_bytes: int, end_bytes: int, begin: bytes) -> Excerpt:
    """Return the footer and what follows it, as a file of its own: readers look for the first magic, too."""
    _check_footer(footer_bytes)
    length = footer_bytes + end_bytes
    if length > blob.size_bytes:
        raise UnreadableError(f"has a footer of {footer_bytes} bytes, more than its size")
    return Excerpt(len(begin) + length, lambda: begin + blob.read(blob.size_bytes - length, length))


def _check_footer(footer_bytes: int) -> None:
    if footer_bytes > LARGEST_FOOTER_BYTES:
        most = LARGEST_FOOTER_BYTES
        raise UnreadableError(f"has a footer of {footer_bytes} bytes, more than the {most} that are read here")


A_FILE = {
    Format.PARQUET: "a Parquet file",
    Format.ARROW: "an Arrow IPC file",
    Format.CSV: "a CSV file",
    Format.JSONL: "a file of JSON lines",
}
"""The words for a format in the sentence `is not ...`."""
