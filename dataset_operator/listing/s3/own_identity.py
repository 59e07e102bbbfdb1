"""Keys for the operator's own token, where web identity is the way to a source's keys: if the role permits that.

A role that only pods may assume serves the pods all the same; then nobody lists the source, as nobody lists NFS.
"""

import asyncio
import base64
import binascii
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from moorage.calling.role_sessions import Rejected, assume_role
from moorage.errors import SourceError
from moorage.sources import Credentials
from moorage.sources.reasons import Reason
from moorage.sources.web_identity import SessionRequest

# Stores that do not answer must not keep the process's other work waiting.
_threads = ThreadPoolExecutor(24, thread_name_prefix="own-identity")
_SESSION = "moorage-operator"
_SO = "pods are served all the same, and size, version and format stay unknown"


async def keys_for_own_token(request: SessionRequest, token_file: Path | None) -> Credentials:
    """The keys of a session.

    Args:
        request: to read.
        token_file: the operator's own token for stores; None: it has none.

    Raises:
        SourceError: NotListed, where it has no token or the role is not for it; or the store does not answer.
    """
    token = "" if token_file is None else _read(token_file)
    if not token:
        problem = f"the operator has no token for stores (webIdentity.audience in the chart's values): {_SO}"
        raise SourceError(Reason.NOT_LISTED, problem)
    work = partial(assume_role, request, _SESSION, token)
    found = await asyncio.get_running_loop().run_in_executor(_threads, work)
    if isinstance(found, Rejected):
        why = found.why.format(account=f"the operator's service account {_account(token)}", role=request.role_arn)
        raise SourceError(Reason.NOT_LISTED, f"{why} ({found.code}). Until then {_SO}")
    return found


def _read(token_file: Path) -> str:
    try:
        return token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""


def _account(token: str) -> str:
    """Whose token it is, as it says itself; it is our own."""
    try:
        payload = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(told["sub"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return "unknown"
