"""Answers that are read as they come: what a watch says, line by line, and what a container prints."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import orjson

from moorage.errors import UnreachableError
from moorage.kube.answers import (
    NO_CREDENTIALS,
    error_from_answer,
    error_from_credentials,
    error_from_silence,
    error_from_status,
)

SILENCE = "Silence"
"""The reason of the `UnreachableError` when a stream said nothing for longer than its timeout."""

_OPEN_SECONDS = 15.0


async def open_stream(http: httpx.AsyncClient, request: httpx.Request, action: str) -> httpx.Response:
    """Send a request; the answer's head has come, its body has not. The caller closes it.

    Raises:
        KubeError: it was refused, or nobody answered.
    """
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            answer = await http.send(request, stream=True)
            if answer.status_code != httpx.codes.OK:
                raise error_from_answer(action, answer.status_code, await answer.aread())
    except (httpx.RequestError, TimeoutError) as error:
        raise error_from_silence(action, _address(request), error) from error
    except NO_CREDENTIALS as error:
        raise error_from_credentials(action, error) from error
    return answer


async def read_events(answer: httpx.Response, action: str) -> AsyncIterator[dict[str, Any]]:
    """Yield the watch events of an answer until the server ends it.

    Raises:
        KubeError: the server told of an error, the connection broke, or (reason `SILENCE`) nothing came for too long.
    """
    try:
        async for line in _lines(answer.aiter_bytes()):
            event: dict[str, Any] = orjson.loads(line)
            if event["type"] == "ERROR":
                raise error_from_status(action, event["object"])
            yield event
    except httpx.ReadTimeout as error:
        raise UnreachableError(f"{action}: {_address(answer.request)} fell silent", reason=SILENCE) from error
    except (httpx.RequestError, httpx.StreamError, orjson.JSONDecodeError) as error:
        raise error_from_silence(action, _address(answer.request), error) from error


async def read_pieces(answer: httpx.Response, action: str) -> AsyncIterator[bytes]:
    """Yield an answer's bytes until the server ends it.

    Raises:
        KubeError: the connection broke, or (reason `SILENCE`) nothing came for too long.
    """
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    except httpx.ReadTimeout as error:
        raise UnreachableError(f"{action}: {_address(answer.request)} fell silent", reason=SILENCE) from error
    except (httpx.RequestError, httpx.StreamError) as error:
        raise error_from_silence(action, _address(answer.request), error) from error


def _address(request: httpx.Request) -> str:
    return str(request.url.join("/")).rstrip("/")


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut a stream at newlines; an unfinished last line is what a broken connection leaves, and is dropped."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
