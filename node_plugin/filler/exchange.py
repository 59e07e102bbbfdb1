"""What the node plugin tells a filler, JSON lines on its standard input, and the lines that it hears back.

The first line is the job. Where the job says that others may bring the same version, views of them follow, as long as
the filler works; the newest counts.

{"listed": {"objects": 12, "bytes": 3400}}      the manifest is written
{"done": 3000, "near": 1000, "far": 500}        so many bytes are whole; some from neighbours, some from the source
{"left": "eu-1-b", "message": "is slow"}        a neighbour is asked no more
{"unpacked": 9000, "objects": 7}                so much has come out of the archive by now
{"ended": "whole", "message": "", ...}          the last line; or another `Ending`
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from moorage.errors import InputError
from moorage.grants.grant import Grant, read_grant, write_grant
from moorage.grants.neighbours import (
    Neighbour,
    Pass,
    read_neighbours,
    read_pass_fields,
    write_neighbours,
    write_pass,
)
from moorage.model import DatasetRef
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import Fields

_JOB_BOUNDS: Final = Bounds(most_bytes=1 << 20, most_depth=8)
_LINE_BOUNDS: Final = Bounds(most_bytes=16 * 1024, most_depth=4)
_VIEW_BOUNDS: Final = Bounds(most_bytes=128 * 1024, most_depth=4)
MOST_LINE_BYTES: Final = _LINE_BOUNDS.most_bytes
MOST_VIEW_BYTES: Final = _VIEW_BOUNDS.most_bytes


class Ending(StrEnum):
    """How a fill ended."""

    WHOLE = "whole"
    CHANGED = "changed"
    """The source holds another version by now: wait until the operator has seen it."""
    UNKEEPABLE = "unkeepable"
    """Its keys can't be files, or there are too many: it is streamed, always."""
    PART = "part"
    """It holds as many whole objects as there is room for."""
    FULL = "full"
    """The disk is."""
    FAILED = "failed"
    """The store refuses, or does not answer; trying again may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """That other nodes of the site may have the version, or bring it; views of them follow.

    Attributes:
        me: this node.
        dataset: which one is filled.
        version: of it, as all nodes name it.
        authorities: who signs the certificates of neighbours, PEM.
    """

    me: str
    dataset: DatasetRef
    version: str
    authorities: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The neighbours, as they are now.

    Attributes:
        neighbours: that have the version, or bring it.
        shares: this node is among those that share the bringing.
        settled: nodes that began at the same time are in it.
        shown: what neighbours are shown; None: there is no pass, and so no neighbour.
    """

    neighbours: tuple[Neighbour, ...] = ()
    shares: bool = False
    settled: bool = True
    shown: Pass | None = None


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
        sharing: None: there are no neighbours to ask.
        part_bytes: the most of the disk that it may take, where that is less than the version; None: it fits.
    """

    grant: Grant
    connections: int
    most_objects: int
    most_bytes: int
    reused: int | None = None
    spare_bytes: int = 0
    sharing: Sharing | None = None
    part_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """The version's size."""

    objects: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """Progress, and how much of it came from neighbours and how much from the source; the rest was there."""

    size_bytes: int
    near_bytes: int = 0
    far_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """A neighbour that is asked no more, and why."""

    node: str
    why: str


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


Line: TypeAlias = Listed | Done | Left | Unpacked | Ended


def write_job(job: Job) -> bytes:
    """One line. It holds the keys."""
    document = {
        "grant": write_grant(job.grant),
        "connections": job.connections,
        "mostObjects": job.most_objects,
        "mostBytes": job.most_bytes,
        "reused": job.reused,
        "spareBytes": job.spare_bytes,
        "sharing": None if job.sharing is None else _write_sharing(job.sharing),
        "partBytes": job.part_bytes,
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def read_job(line: bytes) -> Job:
    """Read what the node plugin wrote.

    Raises:
        InputError: it is no job.
    """
    fields = read_object(line, "job", _JOB_BOUNDS)
    sharing = fields.sub("sharing")
    return Job(
        grant=read_grant(fields.value("grant")),
        connections=fields.count("connections", least=1) or 1,
        most_objects=fields.count("mostObjects") or 0,
        most_bytes=fields.count("mostBytes") or 0,
        reused=fields.count("reused"),
        spare_bytes=fields.count("spareBytes") or 0,
        sharing=None if sharing is None else _read_sharing(sharing),
        part_bytes=fields.count("partBytes"),
    )


def _write_sharing(sharing: Sharing) -> dict[str, str]:
    return {
        "me": sharing.me,
        "namespace": sharing.dataset.namespace,
        "name": sharing.dataset.name,
        "version": sharing.version,
        "caBundle": sharing.authorities,
    }


def _read_sharing(fields: Fields) -> Sharing:
    return Sharing(
        me=fields.required_text("me"),
        dataset=DatasetRef(fields.required_text("namespace"), fields.required_text("name")),
        version=fields.required_text("version"),
        authorities=fields.text("caBundle", lines=True) or "",
    )


def write_view(view: View) -> bytes:
    """One line. It holds a key."""
    document = {
        "neighbours": write_neighbours(view.neighbours),
        "shares": view.shares,
        "settled": view.settled,
        "pass": None if view.shown is None else write_pass(view.shown),
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def read_view(line: bytes) -> View:
    """Read what the node plugin wrote.

    Raises:
        InputError: it is no view.
    """
    fields = read_object(line, "view", _VIEW_BOUNDS)
    shown = fields.sub("pass")
    return View(
        neighbours=read_neighbours(fields),
        shares=fields.exact_flag("shares"),
        settled=fields.exact_flag("settled"),
        shown=None if shown is None else read_pass_fields(shown),
    )


def write_line(line: Line) -> bytes:
    """One line of the answer."""
    document: dict[str, Any]
    match line:
        case Listed(objects, size_bytes):
            document = {"listed": {"objects": objects, "bytes": size_bytes}}
        case Done(size_bytes, near_bytes, far_bytes):
            document = {"done": size_bytes, "near": near_bytes, "far": far_bytes}
        case Left(node, why):
            document = {"left": node, "message": why}
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
        return Done(done, fields.count("near") or 0, fields.count("far") or 0)
    if (left := fields.text("left")) is not None:
        return Left(left, fields.text("message") or "")
    if (unpacked := fields.count("unpacked")) is not None:
        return Unpacked(fields.count("objects") or 0, unpacked)
    ending = fields.choice("ended", Ending)
    if ending is None:
        raise InputError("filler", "line", "says nothing that is known")
    return Ended(ending, fields.text("message", lines=True) or "")
