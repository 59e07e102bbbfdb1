"""The two ways to a run's logs: its sites' stores, with keys of one's own; or a server, with one's token."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moorage.errors import ForbiddenError, InputError, StoreError
from moorage.kube import Client, RawObject
from moorage.kube.connection import bearer_token
from moorage.runs import RunRef
from moorage.runs.logs import checked_task, sites_of
from moorage.sources.reasons import Reason
from moorage.stores import LogPiece, LogQuestion, SiteStores, find_log
from moorage.stores.own_keys import own_keys
from moorage.stores.served_logs import ServedLogs, run_id_of

_TOKEN = "MOORAGE_TOKEN"  # noqa: S105 - a name
_OTHERWISE = (
    "ask a server that may: --server https://... (its address is the host of kfp.Client), or give keys of your own: "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
_CLOSED = frozenset({Reason.SECRET_FORBIDDEN, Reason.SECRET_NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Server:
    """A server that reads logs for those who may see them."""

    address: str
    authority: Path | None
    kubeconfig: Path | None
    context: str | None


class Way(Protocol):
    """Reads logs."""

    async def read(self, run: RawObject, task: str, attempt: int | None, offset: int) -> LogPiece | None:
        """The bytes of a task's log from `offset` on, some of them; None where there is no such log.

        Raises:
            MoorageError: it can't be read, and what to do about it.
        """


@asynccontextmanager
async def way_to(client: Client, namespace: str, server: Server | None) -> AsyncIterator[Way]:
    """Open a way.

    Args:
        client: the hub's cluster.
        namespace: Moorage's own there.
        server: None: by the stores.
    """
    if server is None:
        async with SiteStores(client, namespace, own_keys()) as stores:
            yield _Directly(stores)
        return
    async with ServedLogs(server.address, lambda: _token(server), server.authority) as served:
        yield _Served(served)


def _token(server: Server) -> str:
    token = os.environ.get(_TOKEN) or bearer_token(server.kubeconfig, server.context)
    if not token:
        problem = "is not set, and the kubeconfig has no token to show: set it to one (kubectl create token ACCOUNT)"
        raise InputError("environment", _TOKEN, problem)
    return token


class _Directly:
    def __init__(self, stores: SiteStores) -> None:
        self._stores = stores

    async def read(self, run: RawObject, task: str, attempt: int | None, offset: int) -> LogPiece | None:
        metadata, status = run["metadata"], run.get("status") or {}
        ref = RunRef(metadata["namespace"], metadata["name"], metadata["uid"])
        question = LogQuestion(ref, checked_task(task), attempt, offset)
        try:
            found = await find_log(self._stores, sites_of(status, task), question)
        except ForbiddenError as error:
            problem = (
                f"the logs of run {ref.name} lie in its sites' artifact stores, which you may not read: {_OTHERWISE}"
            )
            raise ForbiddenError(f"{problem}\n{error}", status=error.status, reason=error.reason) from None
        except StoreError as error:
            if error.reason in _CLOSED:
                problem = f"the logs of run {ref.name} lie in its sites' artifact stores, whose keys you may not read"
                raise StoreError(error.reason, f"{problem}: {_OTHERWISE}\n{error}") from None
            raise
        return None if found is None else found[1]


class _Served:
    def __init__(self, served: ServedLogs) -> None:
        self._served = served

    async def read(self, run: RawObject, task: str, attempt: int | None, offset: int) -> LogPiece | None:
        return await self._served.read(run_id_of(run), checked_task(task), attempt, offset)
