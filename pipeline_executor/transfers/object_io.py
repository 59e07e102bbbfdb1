"""Ranges and parts of a store's objects over HTTP: signed requests, tried again with back-off.

boto3 would do the same in threads, and costs several times as much CPU for a request.
"""

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, hdrs
from yarl import URL

from moorage.errors import StoreError
from pipeline_executor.store import ArtifactStore

_CHUNK_BYTES: Final = 1 << 18
_URL_SECONDS: Final = 3600
_FIRST_DELAY_SECONDS: Final = 0.2
_MOST_DELAY_SECONDS: Final = 10.0
# A proxy or a clock that is being set may refuse for a moment what it takes afterwards.
_MOST_REFUSED: Final = 3
_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=5, sock_read=30)
_BUSY: Final = frozenset({408, 425, 429})


class ObjectIO:
    """A reader and writer of one store's objects; `async with` closes its connections.

    Args:
        store: whose.
        connections: open at once.
        patience_seconds: how long something is tried while no byte moves.
    """

    def __init__(self, store: ArtifactStore, connections: int, patience_seconds: float) -> None:
        self.store = store
        self._patience_seconds = patience_seconds
        tls = ssl.create_default_context()
        if store.certificates:
            tls.load_verify_locations(cadata=store.certificates)
        self._session = ClientSession(
            connector=TCPConnector(limit=connections, ssl=tls),
            timeout=_TIMEOUT,
            read_bufsize=_CHUNK_BYTES,
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def read(self, key: str, offset: int, size_bytes: int) -> bytearray:
        """Exactly these bytes of an object; what came before the connection broke is kept.

        Raises:
            StoreError: `NotFound`: there is no such object. `Altered`: it has fewer bytes. Or see `_Tries`.
        """
        content = bytearray(size_bytes)
        tries = _Tries(self.store, f"read {key}", self._patience_seconds)
        done = 0
        while done < size_bytes:
            url = self._url("GET", key)
            headers = {hdrs.RANGE: f"bytes={offset + done}-{offset + size_bytes - 1}"}
            try:
                async with self._session.get(url, headers=headers) as answer:
                    if await self._is_good(answer, tries, offset + done):
                        async for chunk in answer.content.iter_any():
                            end = done + len(chunk)
                            if end > size_bytes:
                                raise tries.failed("Altered", "the store gives more bytes than were asked for")
                            content[done:end] = chunk
                            done = end
                            tries.went_on()
            except (ClientError, OSError, TimeoutError) as error:
                await tries.wait(f"it does not answer ({type(error).__name__})")
        return content

    async def chunks(self, key: str, size_bytes: int) -> AsyncIterator[bytes]:
        """Yield an object from its start to its end, as it comes.

        Raises:
            StoreError: see `read`.
        """
        for offset in range(0, size_bytes, _CHUNK_BYTES * 32):
            yield bytes(await self.read(key, offset, min(_CHUNK_BYTES * 32, size_bytes - offset)))

    async def write(self, key: str, content: bytes | bytearray) -> None:
        """Write an object.

        Raises:
            StoreError: see `_Tries`.
        """
        await self._put(f"write {key}", key, content, {})

    async def write_part(self, key: str, upload_id: str, number: int, content: bytes | bytearray) -> str:
        """Write a part of a multipart upload: its ETag.

        Raises:
            StoreError: see `_Tries`.
        """
        part = {"partNumber": str(number), "uploadId": upload_id}
        answer = await self._put(f"write part {number} of {key}", key, content, part)
        return answer.get(hdrs.ETAG, "")

    async def _put(
        self, action: str, key: str, content: bytes | bytearray, query: Mapping[str, str]
    ) -> Mapping[str, str]:
        tries = _Tries(self.store, action, self._patience_seconds)
        headers = {hdrs.CONTENT_LENGTH: str(len(content))}
        while True:
            url = self._url("PUT", key, query)
            try:
                async with self._session.put(url, headers=headers, data=_sent(content)) as answer:
                    if await self._is_good(answer, tries, 0):
                        await answer.read()
                        return answer.headers
            except (ClientError, OSError, TimeoutError) as error:
                await tries.wait(f"it does not answer ({type(error).__name__})")

    def _url(self, method: str, key: str, query: Mapping[str, str] | None = None) -> URL:
        return URL(self.store.signer.url(method, key, _URL_SECONDS, query), encoded=True)

    @staticmethod
    async def _is_good(answer: ClientResponse, tries: "_Tries", offset: int) -> bool:
        """Return whether the answer is good; wait where the next one may be.

        Raises:
            StoreError: no answer will be.
        """
        status = answer.status
        if status in {200, 201, 204, 206} and not (offset and status == 200):  # noqa: PLR2004
            return True
        answer.close()
        if status == 404:  # noqa: PLR2004
            raise tries.failed("NotFound", "it is not there (any more)")
        if status == 416:  # noqa: PLR2004
            raise tries.failed("Altered", "it has fewer bytes than its manifest says")
        if status >= 500 or status in _BUSY:  # noqa: PLR2004
            await tries.wait(f"it answers HTTP {status}")
        else:
            await tries.refused(status)
        return False


@dataclass
class _Tries:
    """The tries of one action, with its back-off."""

    store: ArtifactStore
    action: str
    patience_seconds: float
    delay_seconds: float = 0.0
    since: float | None = None
    refusals: int = 0

    def went_on(self) -> None:
        """Note that bytes move, and begin to count anew."""
        self.delay_seconds, self.since = 0.0, None

    async def wait(self, problem: str) -> None:
        """Wait before the next try.

        Raises:
            StoreError: `StoreUnreachable`: it was tried for long enough.
        """
        now = time.monotonic()
        self.since = now if self.since is None else self.since
        if now - self.since > self.patience_seconds:
            raise self.failed("StoreUnreachable", f"{problem}; tried for {self.patience_seconds:g} s")
        self.delay_seconds = min(_MOST_DELAY_SECONDS, max(_FIRST_DELAY_SECONDS, 2 * self.delay_seconds))
        await asyncio.sleep(self.delay_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - it only spreads the load

    async def refused(self, status: int) -> None:
        """Wait, for the store may refuse by mistake.

        Raises:
            StoreError: `AccessDenied` or `StoreFailed`: it refused more than once.
        """
        self.refusals += 1
        if self.refusals >= _MOST_REFUSED:
            reason = "AccessDenied" if status in {401, 403} else "StoreFailed"
            raise self.failed(reason, f"the store refuses it (HTTP {status})")
        await self.wait(f"it answers HTTP {status}")

    def failed(self, reason: str, problem: str) -> StoreError:
        """Return the error that says so."""
        return StoreError(reason, f"artifact store of Site {self.store.site}: can't {self.action}: {problem}")


async def _sent(content: bytes | bytearray) -> AsyncIterator[memoryview]:
    view = memoryview(content)
    for start in range(0, len(view), _CHUNK_BYTES):
        yield view[start : start + _CHUNK_BYTES]
