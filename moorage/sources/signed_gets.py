"""Signs requests that read, and no others. Pure."""

import hashlib
from datetime import datetime
from typing import Final

from moorage.sources.location import Credentials
from moorage.sources.signatures import Asked, Request, encode_path, encode_query, signed_headers

__all__ = ["Request", "encode_path", "encode_query", "sign"]

_GET: Final = Asked("GET", hashlib.sha256(b"").hexdigest())


def sign(request: Request, credentials: Credentials | None, region: str, now: datetime) -> dict[str, str]:
    """The headers to send, with the signature. They are never to be logged.

    Args:
        request: what is asked.
        credentials: whose; None: nobody in particular asks, and nothing is signed.
        region: as the store names it.
        now: when it is sent, in UTC.
    """
    return signed_headers(_GET, request, credentials, region, now)
