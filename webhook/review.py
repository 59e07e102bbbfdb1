"""AdmissionReview (admission.k8s.io/v1), in and out."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from moorage.errors import InputError
from moorage.refusal import Refusal
from webhook.json_patch import Operation

API_VERSION = "admission.k8s.io/v1"
FORBIDDEN, BAD_REQUEST, INVALID = "Forbidden", "BadRequest", "Invalid"

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Review:
    """What the API server asks.

    Attributes:
        uid: of the request, to be repeated in the answer.
        operation: CREATE, UPDATE, DELETE or CONNECT.
        kind: of the object, as `Pod`.
        namespace: of the request; the object itself need not say it. "" for cluster-scoped objects.
        object: the object as it would be stored; {} on DELETE.
        old_object: what is stored now; {} on CREATE.
        dry_run: whether nothing will be stored.
    """

    uid: str
    operation: str
    kind: str
    namespace: str
    object: Raw
    old_object: Raw
    dry_run: bool = False

    @property
    def subject(self) -> str:
        """The object in messages. One that is yet to be named is known by its prefix."""
        metadata = self.object.get("metadata") or {}
        place = f"{self.namespace}/" if self.namespace else ""
        if metadata.get("name"):
            return f"{self.kind} {place}{metadata['name']}"
        if metadata.get("generateName"):
            return f"{self.kind} {place}{metadata['generateName']}*"
        return f"{self.kind} {place}(without a name)"


def read_review(body: bytes) -> Review:
    """The question in an HTTP body.

    Raises:
        InputError: it is not an AdmissionReview of version v1.
    """
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError("AdmissionReview", "body", f"is not JSON: {error}") from error
    request = raw.get("request") if isinstance(raw, dict) else None
    if not isinstance(request, dict) or raw.get("apiVersion") != API_VERSION or not request.get("uid"):
        raise InputError("AdmissionReview", "request", f"must be that of an AdmissionReview of {API_VERSION}")
    return Review(
        uid=str(request["uid"]),
        operation=str(request.get("operation") or ""),
        kind=str((request.get("kind") or {}).get("kind") or "object"),
        namespace=str(request.get("namespace") or ""),
        object=request.get("object") or {},
        old_object=request.get("oldObject") or {},
        dry_run=request.get("dryRun") is True,
    )


def allowed(uid: str, warnings: Sequence[str] = ()) -> bytes:
    """The answer that lets the request pass as it is."""
    return _answer({"uid": uid, "allowed": True}, warnings)


def denied(uid: str, refusal: Refusal, warnings: Sequence[str] = ()) -> bytes:
    """The answer that refuses the request."""
    status = {"code": refusal.code, "reason": refusal.reason, "message": refusal.message}
    return _answer({"uid": uid, "allowed": False, "status": status}, warnings)


def patched(uid: str, operations: Sequence[Operation], warnings: Sequence[str] = ()) -> bytes:
    """The answer that lets the request pass, changed; without operations, as it is."""
    if not operations:
        return allowed(uid, warnings)
    patch = base64.b64encode(orjson.dumps(operations)).decode()
    return _answer({"uid": uid, "allowed": True, "patchType": "JSONPatch", "patch": patch}, warnings)


def _answer(response: Raw, warnings: Sequence[str]) -> bytes:
    if warnings:
        response["warnings"] = list(warnings)
    return orjson.dumps({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})
