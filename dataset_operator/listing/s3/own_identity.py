"""Keys for the operator's own token, where web identity is the way to a source's keys: if the role permits that.

A role that only pods may assume serves the pods all the same; then nobody lists the source, as nobody lists NFS. The
token is shown for no role but those that the platform permits to Datasets of the namespace: whose Dataset names another
one would have it sent to a server of his own, or see another tenant's listing in his status.
"""

import asyncio
import base64
import binascii
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.ways import WaysToKeys
from moorage.calling.role_sessions import Rejected, assume_role
from moorage.errors import SourceError
from moorage.sources import Credentials
from moorage.sources.permitted_roles import permission_problem
from moorage.sources.reasons import Reason
from moorage.sources.web_identity import SessionRequest

# Stores that do not answer must not keep the process's other work waiting.
_threads = ThreadPoolExecutor(24, thread_name_prefix="own-identity")
_SESSION = "moorage-operator"
_SO = "pods are served all the same, and size, version and format stay unknown"


async def keys_for_own_token(
    request: SessionRequest, namespace: str, ways: WaysToKeys, stop: Cancellation
) -> Credentials:
    """Return the keys of a session.

    Args:
        request: to read.
        namespace: the Dataset's.
        ways: the operator's own token, and the roles that it may be exchanged for.
        stop: of the look; it ends the exchange, too.

    Raises:
        SourceError: RoleNotPermitted; NotListed, where it has no token or the role is not for it; or the store does not
            answer, or not in time.
    """
    if (problem := permission_problem(ways.roles, namespace, request)) is not None:
        raise SourceError(Reason.ROLE_NOT_PERMITTED, problem)
    stop.check(request.named_in)
    token = "" if ways.token_file is None else _read(ways.token_file)
    if not token:
        problem = f"the operator has no token for stores (webIdentity.audience in the chart's values): {_SO}"
        raise SourceError(Reason.NOT_LISTED, problem)
    found = await _exchange(request, token, stop)
    if isinstance(found, Rejected):
        why = found.why.format(account=f"the operator's service account {_account(token)}", role=request.role_arn)
        raise SourceError(Reason.NOT_LISTED, f"{why} ({found.code}). Until then {_SO}")
    return found


async def _exchange(request: SessionRequest, token: str, stop: Cancellation) -> Credentials | Rejected:
    """Exchange it in a thread, which is left alone where a look ends while a name is looked up or a server dialled."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def exchange() -> Credentials | Rejected:
        stop.check(request.named_in)
        return assume_role(request, _SESSION, token, stop.ending)

    def give_up() -> None:
        loop.call_soon_threadsafe(ended.set)

    with stop.ending(give_up):
        work: asyncio.Future[Credentials | Rejected] = loop.run_in_executor(_threads, exchange)
        end: asyncio.Future[bool] = loop.create_task(ended.wait())
        try:
            await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
            if not ended.is_set():
                return work.result()
        finally:
            end.cancel()
            work.cancel()
    stop.check(request.named_in)
    raise SourceError(Reason.INTERRUPTED, f"{request.named_in}: the listing was given up")


def _read(token_file: Path) -> str:
    try:
        return token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""


def _account(token: str) -> str:
    """Return the account of our own token, by its claims."""
    try:
        payload = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(told["sub"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return "unknown"
