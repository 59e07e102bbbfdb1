"""Signed heads of chains: whoever holds one sees later whether anything was cut off or changed."""

from dataclasses import dataclass
from typing import Any

from moorage.errors import InputError
from moorage.evidence.line import Line, Link, What, canonical, read_link, write_link
from moorage.reading.documents import decode_strictly

_CONTEXT = b"moorage evidence head\n"
_MOST_BYTES = 4_096
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head.

    Attributes:
        link: how far the chain goes.
        key: the name of the key that signed.
        signature: base64.
    """

    link: Link
    key: str
    signature: str

    def write(self) -> bytes:
        """Write one line of JSON, without the line's end."""
        return canonical(write_link(self.link) | {"key": self.key, "signature": self.signature})


def signed_bytes(link: Link) -> bytes:
    """Return the bytes that a signature covers; no other signature of the key covers bytes that begin so."""
    return _CONTEXT + canonical(write_link(link))


def read_head(data: bytes) -> Head:
    """Read a head.

    Raises:
        InputError: it is none.
    """
    try:
        raw: Any = decode_strictly(data) if len(data) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        raise InputError("head", "document", "is no JSON object: give what `kubectl dataset audit head` printed")
    texts = [raw.pop(name, None) for name in ("key", "signature")]
    if not all(isinstance(text, str) and len(text) <= _MOST_TEXT for text in texts):
        raise InputError("head", "signature", "and key must be texts: give what `kubectl dataset audit head` printed")
    try:
        return Head(read_link(raw), *texts)
    except InputError as error:
        raise InputError("head", error.field, error.problem) from None


def sealed_head(line: Line) -> Head | None:
    """Return the head that a seal signs: that of the line before it; None where the line is no seal."""
    event = line.event
    if event.what is not What.SEALED or event.key is None or event.signature is None or line.sequence == 0:
        return None
    before = Link(line.component, line.chain, line.sequence - 1, line.previous)
    return Head(before, event.key, event.signature)
