"""What the node plugin tells a filler, one JSON line on its standard input, and the lines that it hears back.

{"listed": {"objects": 12, "bytes": 3400}}      the manifest is written
{"done": 3000}                                  so many bytes are whole by now
{"unpacked": 9000, "objects": 7}                so much has come out of the archive by now
{"ended": "whole", "message": "", ...}          the last line; or another `Ending`
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from moorage.errors import InputError
from moorage.grants.grant import Grant, read_grant, write_grant
from moorage.reading.documents import Bounds, read_object

_JOB_BOUNDS: Final = Bounds(most_bytes=1 << 20, most_depth=8)
_LINE_BOUNDS: Final = Bounds(most_bytes=16 * 1024, most_depth=4)
MOST_LINE_BYTES: Final = _LINE_BOUNDS.most_bytes


class Ending(StrEnum):
    """How a fill ended."""

    WHOLE = "whole"
    CHANGED = "changed"
    """The source holds another version by now: wait until the operator has seen it."""
    UNKEEPABLE = "unkeepable"
    """Its keys can't be files, or there are too many: it is streamed, always."""
    FULL = "full"
    """The disk is."""
    FAILED = "failed"
    """The store refuses, or does not answer; trying again may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to fill a folder with.

    Attributes:
        grant: where from, with which keys; `grant.fill.listed_version` is what the listing must be.
        connections: requests at once.
        most_objects: more are not kept.
        most_bytes: more are not kept.
        reused: the descriptor of an older version's folder: what did not change is linked from there.
        spare_bytes: that the disk must have left while an archive is unpacked, whose size nobody knows before.
    """

    grant: Grant
    connections: int
    most_objects: int
    most_bytes: int
    reused: int | None = None
    spare_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """The version's size."""

    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """Progress."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What has come out of an archive."""

    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The end."""

    ending: Ending
    message: str = ""


Line: TypeAlias = Listed | Done | Unpacked | Ended


def write_job(job: Job) -> bytes:
    """One line. It holds the keys."""
    document = {
        "grant": write_grant(job.grant),
        "connections": job.connections,
        "mostObjects": job.most_objects,
        "mostBytes": job.most_bytes,
        "reused": job.reused,
        "spareBytes": job.spare_bytes,
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def read_job(line: bytes) -> Job:
    """Read what the node plugin wrote.

    Raises:
        InputError: it is no job.
    """
    fields = read_object(line, "job", _JOB_BOUNDS)
    return Job(
        grant=read_grant(fields.value("grant")),
        connections=fields.count("connections", least=1) or 1,
        most_objects=fields.count("mostObjects") or 0,
        most_bytes=fields.count("mostBytes") or 0,
        reused=fields.count("reused"),
        spare_bytes=fields.count("spareBytes") or 0,
    )


def write_line(line: Line) -> bytes:
    """One line of the answer."""
    document: dict[str, Any]
    match line:
        case Listed(objects, size_bytes):
            document = {"listed": {"objects": objects, "bytes": size_bytes}}
        case Done(size_bytes):
            document = {"done": size_bytes}
        case Unpacked(objects, size_bytes):
            document = {"unpacked": size_bytes, "objects": objects}
        case Ended(ending, message):
            document = {"ended": ending.value, "message": message}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def read_line(line: bytes) -> Line:
    """Read a line of the answer; what came from a store may be in it, so nothing is believed.

    Raises:
        InputError: it is none.
    """
    fields = read_object(line, "filler", _LINE_BOUNDS)
    if (listed := fields.sub("listed")) is not None:
        return Listed(listed.count("objects") or 0, listed.count("bytes") or 0)
    if (done := fields.count("done")) is not None:
        return Done(done)
    if (unpacked := fields.count("unpacked")) is not None:
        return Unpacked(fields.count("objects") or 0, unpacked)
    ending = fields.choice("ended", Ending)
    if ending is None:
        raise InputError("filler", "line", "says nothing that is known")
    return Ended(ending, fields.text("message", lines=True) or "")
