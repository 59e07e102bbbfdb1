"""Signs PUTs of objects, for those who keep evidence (an import contract says who may not). Pure."""

import hashlib
from datetime import datetime

from moorage.sources.location import Credentials
from moorage.sources.signatures import Asked, Request, encode_path, signed_headers

__all__ = ["Request", "encode_path", "sign_put"]


def sign_put(
    request: Request, content: bytes, credentials: Credentials | None, region: str, now: datetime
) -> dict[str, str]:
    """The headers to send with this content, with the signature. They are never to be logged.

    Args:
        request: which object; its headers may say on which condition, and how long it is kept.
        content: the whole body.
        credentials: whose; None: nobody in particular asks, and nothing is signed.
        region: as the store names it.
        now: when it is sent, in UTC.
    """
    return signed_headers(Asked("PUT", hashlib.sha256(content).hexdigest()), request, credentials, region, now)
