"""aiobotocore's HTTP session, bounded, for s3fs: one host, checked addresses, and a limit on answers that are kept."""

import asyncio
import socket
import urllib.parse
from typing import Any

import aiohttp
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpsession import AIOHTTPSession
from aiohttp.abc import AbstractResolver, ResolveResult
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import HTTPClientError

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.s3.transport import Origin
from moorage.calling.endpoints import resolve
from moorage.errors import SourceError
from moorage.sources.store_addresses import is_refused
from moorage.sources.store_documents import check_document

_PIECE_BYTES = 64 * 1024
_FIRST_ERROR = 300


class GuardedResolver(AbstractResolver):
    """Names to addresses that may be called."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - both are asked for
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        found = await asyncio.get_running_loop().run_in_executor(None, resolve, host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Close nothing, as nothing is kept."""


def bounded_session(origin: Origin, budget: Budget) -> type[AIOHTTPSession]:
    """Return the session class for one file system; aiobotocore makes the session."""

    class Bounded(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore has no types
        async def send(self, request: AWSPreparedRequest) -> AioAWSResponse:
            origin.check(request.url)
            host = urllib.parse.urlsplit(request.url).hostname or ""
            if _is_address(host) and is_refused(host):  # aiohttp resolves names only
                resolve(host, 0)
            streamed = request.stream_output
            request.stream_output = True
            try:
                response = await super().send(request)
            except HTTPClientError as error:
                if isinstance(inner := error.kwargs.get("error"), SourceError):
                    raise inner from None
                raise
            origin.check_answer(response.status_code, response.headers)
            if not streamed or response.status_code >= _FIRST_ERROR:
                response._content = await self._read(response.raw)  # noqa: SLF001 - as its own `content` does
                check_document(origin.name, response._content)  # noqa: SLF001
            return response

        async def _get_session(self, proxy_url: str | None) -> "_StayingSession":
            return _StayingSession(await super()._get_session(proxy_url))

        @staticmethod
        async def _read(raw: Any) -> bytes:  # noqa: ANN401 - aiohttp's response, perhaps wrapped
            body = bytearray()
            while piece := await raw.content.read(_PIECE_BYTES):
                body += piece
                if len(body) > budget.page_bytes:
                    raw.close()
                    raise origin.too_large(budget.page_bytes)
            return bytes(body)

    return Bounded


class _StayingSession:
    """An aiohttp session that follows no redirect: aiobotocore leaves that on."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, **keywords: Any) -> aiohttp.ClientResponse:  # noqa: ANN401
        return await self._session.request(method, **keywords, allow_redirects=False)


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False
