"""What driver and sidecar say to each other over the pod's socket: one JSON line each way, and descriptors.

The sidecar asks `{"op": "attach", "volume": "claims", "holdsGrant": false}`, or, for keys that take the place of those
that end soon, `{"op": "renew", "volume": "claims"}`. Before that it asks `{"op": "part", "volume": "claims"}`: whether
the node holds a part of the dataset. The answer has a `status`:

    attached     with the FUSE descriptor; `grant` as the broker wrote it, or null: go on with the one you hold
    parted       with two descriptors: the manifest of the version, and a view of the folder with the node's objects
    renewed      `grant` as the broker wrote it, without a descriptor
    mounted      the node serves this volume itself; there is nothing to do
    refused      `message` says why; asking again helps only when somebody changes something
    unavailable  `message` says why; ask again

Both ends read lines of a bounded length and believe nothing of them before it is checked.
"""

import json
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from moorage.grants.grant import Grant, read_grant, write_grant
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import DNS_LABEL

SOCKET_NAME: Final = "driver.sock"
MOST_REQUEST_BYTES: Final = 4096
# A CA bundle may be in it.
MOST_ANSWER_BYTES: Final = 1 << 20

Status: TypeAlias = Literal["attached", "parted", "renewed", "mounted", "refused", "unavailable"]
_STATUSES: Final = ("attached", "parted", "renewed", "mounted", "refused", "unavailable")
_REQUEST_BOUNDS: Final = Bounds(MOST_REQUEST_BYTES, most_depth=2)
_ANSWER_BOUNDS: Final = Bounds(MOST_ANSWER_BYTES, most_depth=6)


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """Give me a descriptor to serve.

    Attributes:
        volume: its name in the pod's spec.
        holds_grant: the sidecar still has what it was granted for this volume before.
    """

    volume: str
    holds_grant: bool


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """Give me keys for what I serve."""

    volume: str


@dataclass(frozen=True, slots=True)
class PartRequest:
    """Give me what the node holds of a dataset that it does not hold whole."""

    volume: str


Request: TypeAlias = AttachRequest | RenewRequest | PartRequest


@dataclass(frozen=True, slots=True)
class AttachAnswer:
    """See the module's text."""

    status: Status
    grant: Grant | None = None
    message: str = ""


def write_request(request: Request) -> bytes:
    """One line."""
    if isinstance(request, RenewRequest):
        return _line({"op": "renew", "volume": request.volume})
    if isinstance(request, PartRequest):
        return _line({"op": "part", "volume": request.volume})
    return _line({"op": "attach", "volume": request.volume, "holdsGrant": request.holds_grant})


def read_request(line: bytes) -> Request:
    """Read what a pod sent.

    Raises:
        InputError: it is no request.
    """
    fields = read_object(line, "request", _REQUEST_BOUNDS)
    op = fields.word("op", "attach", "renew", "part")
    volume = fields.required_text("volume")
    if not DNS_LABEL.fullmatch(volume):
        fields.fail("volume", "is not the name of a volume")
    request: Request
    match op:
        case "renew":
            request = RenewRequest(volume)
        case "part":
            request = PartRequest(volume)
        case _:
            request = AttachRequest(volume, fields.exact_flag("holdsGrant"))
    fields.finish()
    return request


def write_answer(answer: AttachAnswer) -> bytes:
    """One line. It holds the secrets of the grant."""
    return _line(
        {
            "status": answer.status,
            "grant": None if answer.grant is None else write_grant(answer.grant),
            "message": answer.message,
        }
    )


def read_answer(line: bytes) -> AttachAnswer:
    """Read what the driver sent.

    Raises:
        InputError: it is no answer.
    """
    fields = read_object(line, "answer", _ANSWER_BOUNDS)
    status = cast("Status", fields.word("status", *_STATUSES))
    grant = fields.value("grant")
    return AttachAnswer(status, None if grant is None else read_grant(grant), fields.text("message", lines=True) or "")


def _line(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
