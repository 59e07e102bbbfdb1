"""Logs by way of a server (`kfp_api`): for people who may read the logs of a run, and no store."""

import ssl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpx2 as httpx
import orjson

from moorage.errors import InputError, StoreError
from moorage.kube import RawObject
from moorage.stores.task_logs import MOST_PIECE_BYTES, LogPiece

ATTEMPT_HEADER: Final = "Moorage-Log-Attempt"
NEXT_OFFSET_HEADER: Final = "Moorage-Log-Next-Offset"
COMPLETE_HEADER: Final = "Moorage-Log-Complete"
_MOST_MESSAGE: Final = 1000


class ServedLogs:
    """A client of the server's logs; `async with` closes it.

    Args:
        server: its address, as kfp.Client's `host`.
        token: gives the bearer token to show; asked for before each request, as tokens are renewed.
        authority: PEM, whom to trust besides the system's authorities; None: nobody.

    Raises:
        InputError: the address is none, or the authority can't be read.
    """

    def __init__(self, server: str, token: Callable[[], str], authority: Path | None = None) -> None:
        if not server.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
            raise InputError("server", server[:200], "must begin with https://: a token is shown to it")
        context = ssl.create_default_context()
        if authority is not None:
            try:
                context.load_verify_locations(cafile=authority)
            except (OSError, ssl.SSLError) as error:
                raise InputError("authority", str(authority), f"can't be read: {error}") from None
        self._server = server.rstrip("/")
        self._token = token
        self._http = httpx.AsyncClient(verify=context, timeout=httpx.Timeout(60, connect=10), follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def read(self, run_id: str, task: str, attempt: int | None, offset: int) -> LogPiece | None:
        """Read the bytes of a task's log from `offset` on, some of them; None where there is no such log.

        Args:
            run_id: by which the server knows the run.
            task: its name in plan.json.
            attempt: None: the last one.
            offset: in bytes.

        Raises:
            StoreError: the server does not answer or refuses; says what it said.
        """
        url = f"{self._server}/apis/v2beta1/runs/{quote(run_id, safe='')}/nodes/{quote(task, safe='')}/log"
        query = {"offset": str(offset)} | ({} if attempt is None else {"attempt": str(attempt)})
        token = self._token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = bytearray()
        try:
            async with self._http.stream("GET", url, params=query, headers=headers) as answer:
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > MOST_PIECE_BYTES:
                        raise StoreError("TooLarge", f"{self._server} sends more than was asked for")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = f"{self._server} does not answer ({type(error).__name__}): check the address, and whom to trust"
            raise StoreError("ServerUnreachable", problem) from None
        match answer.status_code:
            case 200:
                told = answer.headers
                complete = told.get(COMPLETE_HEADER) == "true"
                return LogPiece(_number(told.get(ATTEMPT_HEADER)), offset, bytes(content), complete)
            case 404:
                return None
            case status:
                raise StoreError(f"Status{status}", f"{self._server}: {_message(bytes(content)) or status}")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004


def _message(content: bytes) -> str:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    message = told.get("message") if isinstance(told, dict) else None
    return message[:_MOST_MESSAGE] if isinstance(message, str) else ""


def run_id_of(run: RawObject) -> str:
    """Return the server's id of a StretchedPipeline: its name where the server itself made it, else its uid."""
    metadata = run["metadata"]
    by_server = (metadata.get("labels") or {}).get("moorage.dev/kfp") == "run"
    return str(metadata["name"] if by_server else metadata["uid"])
