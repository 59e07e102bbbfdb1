"""One line of evidence: who, what, where, by which rule, of which version; and its place in a chain."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from moorage.errors import InputError
from moorage.reading.documents import decode_strictly

MOST_LINE_BYTES: Final = 256 << 10
"""More than a line can have, whatever its texts are."""
MOST_LINKS: Final = 32
NOTHING_BEFORE: Final = "0" * 64
"""The previous hash in the first line of a chain."""

_FORMAT: Final = 1
_MOST_TEXT: Final = 1_024
_MOST_SOURCE_FACTS: Final = 8
_MOST_NUMBER: Final = 2**53 - 1
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_COMPONENT: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_CHAIN: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class What(StrEnum):
    """The kind of event that a line records."""

    BEGUN = "begun"
    LINKED = "linked"
    SEALED = "sealed"
    ENDED = "ended"
    GRANTED = "granted"
    REFUSED = "refused"
    EVICTED = "evicted"
    REVOKED = "revoked"
    STRANGER = "stranger"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """A reference to a chain's last line, by sequence number and hash."""

    component: str
    chain: str
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event to record. Texts longer than 1,024 characters are cut.

    Attributes:
        what: of which kind it is.
        dataset: as `namespace/name`.
        pod: likewise.
        uid: the uid of the pod.
        account: whose, as `namespace/serviceaccount`.
        purpose: that was stated.
        node: where.
        site: the site of the node.
        source: which bytes: site, kind, and where they are.
        access: that was given, where it is more than reading: `readWrite`.
        version: the digest of the dataset's version, or of the artifact.
        rule: that refused.
        reason: the refusal as a sentence.
        status: the status of the answer.
        address: of a caller whom nobody vouches for.
        run: of a pipeline, as `namespace/name/uid`.
        artifact: of that run, as `task.output`.
        bytes: that cross.
        chains: how far others go, as this process found them.
        key: of a seal: the key's name.
        signature: of a seal: over all that stands before, base64.
    """

    what: What
    dataset: str | None = None
    pod: str | None = None
    uid: str | None = None
    account: str | None = None
    purpose: str | None = None
    node: str | None = None
    site: str | None = None
    source: Mapping[str, str] | None = None
    access: str | None = None
    version: str | None = None
    rule: str | None = None
    reason: str | None = None
    status: int | None = None
    address: str | None = None
    run: str | None = None
    artifact: str | None = None
    bytes: int | None = None
    chains: tuple[Link, ...] | None = None
    key: str | None = None
    signature: str | None = None


_FACTS: Final = tuple(field.name for field in fields(Event) if field.name != "what")
_TEXTS: Final = frozenset(_FACTS) - {"source", "status", "bytes", "chains"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An event in its place.

    Attributes:
        time: RFC 3339 with milliseconds, UTC.
        sequence: from 0.
        previous: the hash of the line before.
        hash: of this one.
    """

    component: str
    chain: str
    sequence: int
    previous: str
    time: str
    event: Event
    hash: str

    @property
    def link(self) -> Link:
        """The reference to this line as its chain's last."""
        return Link(self.component, self.chain, self.sequence, self.hash)

    def document(self) -> dict[str, Any]:
        """Return the line as a JSON object."""
        return _document(self) | {"hash": self.hash}

    def write(self) -> bytes:
        """Write the line as it is kept, without the line's end."""
        return canonical(self.document())


def make_line(place: Link, previous: str, time: str, event: Event) -> Line:
    """Make a line; `place.hash` is not looked at."""
    bounded = _bounded(event)
    unfinished = Line(
        component=place.component,
        chain=place.chain,
        sequence=place.sequence,
        previous=previous,
        time=time,
        event=bounded,
        hash="",
    )
    digest = digest_of(_document(unfinished))
    return Line(
        component=place.component,
        chain=place.chain,
        sequence=place.sequence,
        previous=previous,
        time=time,
        event=bounded,
        hash=digest,
    )


def read_line(data: bytes) -> Line:
    """Read a line, which must be byte for byte as `Line.write` writes it.

    Raises:
        InputError: it is not; nothing of it is in the message.
    """
    if len(data) > MOST_LINE_BYTES:
        raise _refused("document", f"has more than {MOST_LINE_BYTES:,} bytes")
    try:
        raw = decode_strictly(data)
        unchanged = isinstance(raw, dict) and canonical(raw) == data
    except (ValueError, RecursionError):
        raise _refused("document", "is no JSON") from None
    if not isinstance(raw, dict) or not unchanged:
        raise _refused("document", "is not written as lines are")
    line = _read(raw)
    if line.document() != raw:
        raise _refused("document", "has a field that no line has")
    if digest_of({name: value for name, value in raw.items() if name != "hash"}) != line.hash:
        raise _refused("hash", "is not the hash of what the line says")
    return line


def canonical(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785) of what lines consist of: objects with ASCII keys, texts and whole numbers."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON in hex."""
    return hashlib.sha256(canonical(document)).hexdigest()


def read_link(raw: object) -> Link:
    """Read a link from its JSON object.

    Raises:
        InputError: it is none.
    """
    if not isinstance(raw, dict) or raw.keys() != {"component", "chain", "sequence", "hash"}:
        raise _refused("chains", "must have component, chain, sequence and hash")
    return Link(
        _matching(raw, "component", _COMPONENT),
        _matching(raw, "chain", _CHAIN),
        _number(raw, "sequence"),
        _matching(raw, "hash", _HASH),
    )


def write_link(link: Link) -> dict[str, Any]:
    """Write the JSON object of a link."""
    return {"component": link.component, "chain": link.chain, "sequence": link.sequence, "hash": link.hash}


def _document(line: Line) -> dict[str, Any]:
    """Return all but the hash."""
    document: dict[str, Any] = {
        "format": _FORMAT,
        "component": line.component,
        "chain": line.chain,
        "sequence": line.sequence,
        "previous": line.previous,
        "time": line.time,
        "event": line.event.what.value,
    }
    for name in _FACTS:
        value = getattr(line.event, name)
        if value is None:
            continue
        match name:
            case "chains":
                document[name] = [write_link(link) for link in value]
            case "source":
                document[name] = dict(value)
            case _:
                document[name] = value
    return document


def _bounded(event: Event) -> Event:
    values: dict[str, Any] = {name: getattr(event, name) for name in _FACTS}
    for name in _TEXTS:
        if values[name] is not None:
            values[name] = _cut(values[name])
    if event.source is not None:
        facts = sorted(event.source.items())[:_MOST_SOURCE_FACTS]
        values["source"] = {_cut(name): _cut(value) for name, value in facts}
    if event.chains is not None:
        values["chains"] = event.chains[:MOST_LINKS]
    return Event(what=event.what, **values)


def _cut(text: str) -> str:
    """Cut a text to the limit, and replace what can't be written."""
    return text[:_MOST_TEXT].encode("utf-8", "replace").decode()


def _read(raw: dict[str, Any]) -> Line:
    if type(raw.get("format")) is not int or raw["format"] != _FORMAT:
        raise _refused("format", f"is not {_FORMAT}: a newer moorage may read it")
    values: dict[str, Any] = {name: _text(raw, name) for name in _TEXTS if name in raw}
    values |= {name: _number(raw, name) for name in ("status", "bytes") if name in raw}
    if "source" in raw:
        values["source"] = _source(raw["source"])
    if "chains" in raw:
        links = raw["chains"]
        if not isinstance(links, list) or len(links) > MOST_LINKS:
            raise _refused("chains", f"must be a list of at most {MOST_LINKS}")
        values["chains"] = tuple(read_link(each) for each in links)
    try:
        what = What(_text(raw, "event"))
    except ValueError:
        raise _refused("event", "is none that is known") from None
    return Line(
        component=_matching(raw, "component", _COMPONENT),
        chain=_matching(raw, "chain", _CHAIN),
        sequence=_number(raw, "sequence"),
        previous=_matching(raw, "previous", _HASH),
        time=_matching(raw, "time", _TIME),
        event=Event(what=what, **values),
        hash=_matching(raw, "hash", _HASH),
    )


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise _refused(name, f"must be a text of at most {_MOST_TEXT:,} characters")
    return value


def _matching(raw: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = _text(raw, name)
    if not pattern.fullmatch(value):
        raise _refused(name, "is not written as lines write it")
    return value


def _number(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    if type(value) is not int or not 0 <= value <= _MOST_NUMBER:
        raise _refused(name, "must be a whole number")
    return value


def _source(raw: object) -> dict[str, str]:
    if not isinstance(raw, dict) or len(raw) > _MOST_SOURCE_FACTS:
        raise _refused("source", f"must be an object of at most {_MOST_SOURCE_FACTS} texts")
    return {name: _text(raw, name) for name in raw}


def _refused(field: str, problem: str) -> InputError:
    return InputError("evidence", field, problem)
