"""AdmissionReview (admission.k8s.io/v1), in and out."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from moorage.reading.documents import Bounds, read_object
from moorage.refusal import Refusal
from webhook.json_patch import Operation

API_VERSION = "admission.k8s.io/v1"
# A review holds the object twice on UPDATE, and an object may have 3 MiB on its way in.
BOUNDS = Bounds(most_bytes=8 << 20, most_depth=64)
FORBIDDEN, BAD_REQUEST, INVALID = "Forbidden", "BadRequest", "Invalid"

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Review:
    """An admission request from the API server.

    Attributes:
        uid: the uid of the request, to be repeated in the answer.
        operation: CREATE, UPDATE, DELETE or CONNECT.
        kind: the kind of the object, as `Pod`.
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
    """Read the question in an HTTP body.

    Raises:
        InputError: it is not an AdmissionReview of version v1, or beyond `BOUNDS`.
    """
    fields = read_object(body, "AdmissionReview", BOUNDS, orjson.loads)
    request = fields.sub("request")
    if request is None or fields.value("apiVersion") != API_VERSION or not request.value("uid"):
        fields.fail("request", f"must be that of an AdmissionReview of {API_VERSION}")
    kind = request.sub("kind")
    return Review(
        uid=request.required_text("uid"),
        operation=request.text("operation") or "",
        kind=(kind.text("kind") if kind is not None else None) or "object",
        namespace=request.text("namespace") or "",
        object=request.mapping("object"),
        old_object=request.mapping("oldObject"),
        dry_run=request.exact_flag("dryRun"),
    )


def allowed(uid: str, warnings: Sequence[str] = ()) -> bytes:
    """Return the answer that lets the request pass as it is."""
    return _answer({"uid": uid, "allowed": True}, warnings)


def denied(uid: str, refusal: Refusal, warnings: Sequence[str] = ()) -> bytes:
    """Return the answer that refuses the request."""
    status = {"code": refusal.code, "reason": refusal.reason, "message": refusal.message}
    return _answer({"uid": uid, "allowed": False, "status": status}, warnings)


def patched(uid: str, operations: Sequence[Operation], warnings: Sequence[str] = ()) -> bytes:
    """Return the answer that lets the request pass, changed; without operations, as it is."""
    if not operations:
        return allowed(uid, warnings)
    patch = base64.b64encode(orjson.dumps(operations)).decode()
    return _answer({"uid": uid, "allowed": True, "patchType": "JSONPatch", "patch": patch}, warnings)


def _answer(response: Raw, warnings: Sequence[str]) -> bytes:
    if warnings:
        response["warnings"] = list(warnings)
    return orjson.dumps({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})
