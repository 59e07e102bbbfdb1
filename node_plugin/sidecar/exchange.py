"""What driver and sidecar say to each other over the pod's socket: one JSON line each way, and one descriptor.

The sidecar asks `{"op": "attach", "volume": "claims", "holdsGrant": false}`. The answer has a `status`:

    attached     with the FUSE descriptor; `grant` as the broker wrote it, or null: go on with the one you hold
    mounted      the node serves this volume itself; there is nothing to do
    refused      `message` says why; asking again helps only when somebody changes something
    unavailable  `message` says why; ask again

Both ends read lines of a bounded length and believe nothing of them before it is checked.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from moorage.errors import InputError
from node_plugin.grants import Grant, parse_grant, write_grant

SOCKET_NAME: Final = "driver.sock"
MOST_REQUEST_BYTES: Final = 4096
# A CA bundle may be in it.
MOST_ANSWER_BYTES: Final = 1 << 20

Status: TypeAlias = Literal["attached", "mounted", "refused", "unavailable"]
_STATUSES: Final = ("attached", "mounted", "refused", "unavailable")
_VOLUME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REQUEST_KEYS: Final = {"op", "volume", "holdsGrant"}


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
class AttachAnswer:
    """See the module's text."""

    status: Status
    grant: Grant | None = None
    message: str = ""


def write_request(request: AttachRequest) -> bytes:
    """One line."""
    return _line({"op": "attach", "volume": request.volume, "holdsGrant": request.holds_grant})


def read_request(line: bytes) -> AttachRequest:
    """Read what a pod sent.

    Raises:
        InputError: it is no request.
    """
    document = _object(line)
    unknown = sorted(set(document) - _REQUEST_KEYS)
    if unknown or document.get("op") != "attach":
        raise InputError("request", unknown[0] if unknown else "op", 'is not understood; send {"op": "attach", ...}')
    volume, holds_grant = document.get("volume"), document.get("holdsGrant", False)
    if not isinstance(volume, str) or not _VOLUME.fullmatch(volume):
        raise InputError("request", "volume", "is no name of a volume")
    if not isinstance(holds_grant, bool):
        raise InputError("request", "holdsGrant", "is neither true nor false")
    return AttachRequest(volume, holds_grant)


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
    document = _object(line)
    status, message, grant = document.get("status"), document.get("message", ""), document.get("grant")
    if status not in _STATUSES:
        raise InputError("answer", "status", "is not understood; driver and sidecar must be of one release")
    if not isinstance(message, str):
        raise InputError("answer", "message", "is no text")
    return AttachAnswer(status, None if grant is None else parse_grant(grant), message)


def _line(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InputError("line", "document", "is no JSON object")
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a key appears twice"
        raise ValueError(message)
    return document
