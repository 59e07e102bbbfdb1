"""Keys in exchange for a token: AssumeRoleWithWebIdentity, as AWS has it and SeaweedFS, MinIO and Ceph after it.

Nothing that the other side answers is passed on but its error code: an answer may quote what was sent, and that was a
token. One request, no redirect, and an end to it, however slowly the other side speaks.
"""

import http.client
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from moorage.calling.endpoints import Endpoint
from moorage.calling.requests import Ending, Request, ask, to_its_end
from moorage.errors import SourceError
from moorage.sources import Credentials
from moorage.sources.reasons import Reason
from moorage.sources.store_documents import check_document
from moorage.sources.web_identity import SessionRequest

_VERSION: Final = "2011-06-15"
_NAMESPACE: Final = f"{{https://sts.amazonaws.com/doc/{_VERSION}/}}"
_CODE: Final = re.compile(rb"<Code>([A-Za-z.]{1,60})</Code>")
_MOST_ANSWER_BYTES: Final = 64 * 1024
_MOST_KEY_LENGTH: Final = 16_384
_MOST_SECONDS: Final = 10.0
_OK: Final = 200
_NAME: Final = re.compile(r"[^\w+=,.@-]", re.ASCII)
_MOST_NAME_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejection: the other side gives no keys for this token, whenever it is asked.

    Attributes:
        code: its word, as `AccessDenied`.
        why: what that means, with what to do about it; names `{account}` and `{role}`.
    """

    code: str
    why: str


_NOT_TRUSTED: Final = (
    "the store does not let {account} assume role {role}: add that account to the role's trust policy at the store, or "
    "run the pod as one that it names"
)
_NOT_KNOWN: Final = (
    "the store does not accept this cluster's tokens: check the issuer, the keys and the audience (the chart's "
    "webIdentity.audience) of its OIDC provider"
)
_NO_POLICY: Final = (
    "the store rejects the policy that limits the session of role {role}: shorten s3.prefix, or give keys in a Secret "
    "that s3.secretRef names"
)
_NO_SECONDS: Final = (
    "the store refuses a session of that length for role {role}: lower s3.webIdentity.sessionSeconds, or correct "
    "s3.webIdentity.roleARN"
)
_REJECTED: Final = {
    "AccessDenied": _NOT_TRUSTED,
    "AccessDeniedException": _NOT_TRUSTED,
    "NoSuchEntity": _NOT_TRUSTED,
    "InvalidIdentityToken": _NOT_KNOWN,
    "IDPRejectedClaim": _NOT_KNOWN,
    "InvalidParameterValue": _NOT_KNOWN,
    "InvalidClientTokenId": _NOT_KNOWN,
    "MalformedPolicyDocument": _NO_POLICY,
    "PackedPolicyTooLarge": _NO_POLICY,
    "ValidationError": _NO_SECONDS,
}


def session_name(text: str) -> str:
    """Return a valid session name, as the other side's log will show it."""
    return _NAME.sub("-", text)[:_MOST_NAME_LENGTH]


def assume_role(request: SessionRequest, name: str, token: str, ending: Ending = to_its_end) -> Credentials | Rejected:
    """Exchange a token for keys. Blocks, for a bounded time. Whether the token may be sent there, the caller knows.

    Args:
        request: which role, where.
        name: the name of the session, see `session_name`.
        token: the token of a service account.
        ending: calls what ends the conversation when nobody wants it any more.

    Raises:
        SourceError: nobody answers, or nobody who knows this exchange; asking again may help.
    """
    endpoint = Endpoint(request.endpoint, request.ca_bundle, named_in=request.named_in, silence_seconds=_MOST_SECONDS)
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": _VERSION,
        "RoleArn": request.role_arn,
        "RoleSessionName": name,
        "DurationSeconds": str(request.seconds),
        "Policy": request.policy,
        "WebIdentityToken": token,
    }
    asked = Request(
        f"{endpoint.path}/",
        method="POST",
        body=urlencode(form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/xml"},
        most_bytes=_MOST_ANSWER_BYTES,
        seconds=_MOST_SECONDS,
    )
    try:
        reply = ask(endpoint, asked, ending)
    except (OSError, http.client.HTTPException) as error:
        problem = (
            f"{request.named_in} does not answer ({type(error).__name__}): check the URL, and that the server runs"
        )
        raise SourceError(Reason.ENDPOINT_UNREACHABLE, problem) from None
    if reply.status == _OK:
        return _read_keys(request, reply.body)
    found = _CODE.search(reply.body)
    code = f"HTTP {reply.status}" if found is None else found[1].decode()
    if (why := _REJECTED.get(code)) is not None:
        return Rejected(code, why)
    problem = f"{request.named_in} gives no keys for a token ({code}): does the server there know this exchange?"
    raise SourceError(Reason.ENDPOINT_REFUSED, problem)


def _read_keys(request: SessionRequest, body: bytes) -> Credentials:
    check_document(request.named_in, body)
    try:
        root = ET.fromstring(body)  # noqa: S314 - bounded, without declarations
        found = {each.tag.removeprefix(_NAMESPACE): (each.text or "").strip() for each in root.iter()}
        ends_at = int(datetime.fromisoformat(found["Expiration"]).timestamp())
        keys = [found[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    except (ET.ParseError, KeyError, ValueError):
        keys, ends_at = [], 0
    if not keys or not all(0 < len(key) <= _MOST_KEY_LENGTH and key.isascii() and key.isprintable() for key in keys):
        problem = f"{request.named_in} answers with no keys: does the server there know this exchange?"
        raise SourceError(Reason.ENDPOINT_NOT_S3, problem)
    return Credentials(keys[0], keys[1], keys[2], ends_at)
