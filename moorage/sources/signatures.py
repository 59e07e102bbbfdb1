"""AWS Signature Version 4, for whatever method. Pure. What may be signed is for `signed_gets` and `signed_puts` to say.

boto3 would bring 80 MB into the image of a process that runs as root on every node, for these lines.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from moorage.sources.location import Credentials

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SERVICE: Final = "s3"


def encode_path(path: str) -> str:
    """A path as S3 wants it, on the wire and in the signature: everything but `/` and unreserved characters."""
    return quote(path.encode(errors="surrogateescape"), safe="/-_.~")


def encode_query(query: Mapping[str, str]) -> str:
    """A query string, sorted."""
    return "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in sorted(query.items()))


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is to be signed.

    Attributes:
        host: with the port, as it is sent.
        path: encoded by `encode_path`.
        query: encoded by `encode_query`.
        headers: further ones, which are signed too.
    """

    host: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def target(self) -> str:
        """Path and query, as the request line has them."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Asked:
    """What is done: the method, and the SHA-256 of the body, in hex."""

    method: str
    body_sha256: str


def signed_headers(
    asked: Asked, request: Request, credentials: Credentials | None, region: str, now: datetime
) -> dict[str, str]:
    """The headers to send, with the signature. They are never to be logged.

    Args:
        asked: what is done.
        request: where.
        credentials: whose; None: nobody in particular asks, and nothing is signed.
        region: as the store names it.
        now: when it is sent, in UTC.
    """
    if credentials is None:
        return {**request.headers, "Host": request.host}
    time = now.strftime("%Y%m%dT%H%M%SZ")
    sent = {**request.headers, "Host": request.host, "x-amz-content-sha256": asked.body_sha256, "x-amz-date": time}
    if credentials.session_token:
        sent["x-amz-security-token"] = credentials.session_token
    lower = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    names = ";".join(sorted(lower))
    headers = [f"{name}:{lower[name]}" for name in sorted(lower)]
    canonical = "\n".join([asked.method, request.path, request.query, *headers, "", names, asked.body_sha256])
    scope = f"{time[:8]}/{region}/{_SERVICE}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + credentials.secret_access_key.encode()
    for part in (time[:8], region, _SERVICE, "aws4_request", to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    )
    return sent
