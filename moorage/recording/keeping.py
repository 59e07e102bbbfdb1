"""Writes batches of evidence to a bucket: each once, never over another, and locked for a time where the bucket can."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx2 as httpx

from moorage.errors import SourceError, StoreError
from moorage.evidence.places import Batch
from moorage.kube import Client
from moorage.kube.credentials import read_credentials
from moorage.sources import Credentials
from moorage.sources.signed_puts import Request, encode_path, sign_put
from moorage.stores import ReadableStore
from moorage.stores.buckets import Bucket
from moorage.stores.connections import open_store

_MOST_BATCH_BYTES: Final = 8 << 20
_MOST_ANSWER_BYTES: Final = 64 << 10
_REASONS: Final = {
    400: ("BadRequest", "the store refuses the request; with retentionDays, its bucket needs object lock"),
    401: ("AccessDenied", "the store refuses the keys"),
    403: ("AccessDenied", "the store refuses the keys, or they may not write there"),
    404: ("BucketNotFound", "there is no such bucket"),
    503: ("StoreBusy", "the store asks for fewer requests"),
    507: ("StoreFull", "the store takes no more bytes"),
}
_PRESENT: Final = frozenset({409, 412})
_UNKNOWN_CONDITION: Final = 501


@dataclass(frozen=True, slots=True)
class Retention:
    """The time for which the store must keep an object against anybody's will, where its bucket has object lock.

    Attributes:
        days: 0: as the bucket itself is set up.
        mode: whether somebody with a special right may still delete (governance), or nobody (compliance).
    """

    days: int = 0
    mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"


class EvidenceStore:
    """The store of evidence; its keys are read anew when the store refuses them.

    Args:
        client: reads the Secret of the keys.
        namespace: of that Secret.
        location: bucket and prefix.
        retention: how long objects are locked.
        now: the time.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        location: Bucket,
        retention: Retention,
        now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
    ) -> None:
        self.location = location
        self.prefix = location.prefix.strip("/")
        self._client = client
        self._namespace = namespace
        self._retention = retention
        self._now = now
        self._endpoint = urlsplit(location.endpoint)
        self._name = f"store of evidence (s3://{location.bucket} at {location.endpoint})"
        self._readable: ReadableStore | None = None
        self._credentials: Credentials | None = None
        self._conditional = True
        self._http = open_store(location)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()
        if self._readable is not None:
            await self._readable.close()

    async def reading(self) -> ReadableStore:
        """Return the same store, to read from.

        Raises:
            StoreError: the keys can't be read.
        """
        if self._readable is None:
            try:
                self._credentials = await read_credentials(self._client, self._namespace, self.location)
            except SourceError as error:
                raise StoreError(error.reason, f"{self._name}: {error}") from None
            self._readable = ReadableStore("", self.location, self._credentials, self._now, called=self._name)
        return self._readable

    async def keep(self, batch: Batch, content: bytes) -> None:
        """Write a batch, unless it is there already.

        Raises:
            StoreError: the store does not answer or refuses; `Conflict`: another object stands in its place.
        """
        readable = await self.reading()
        key = batch.key(self.prefix)
        status = await self._put(key, content)
        if status == _UNKNOWN_CONDITION and self._conditional:
            self._conditional = False
            status = await self._put(key, content)
        if httpx.codes.is_success(status):
            return
        if status in _PRESENT:
            if await readable.get(key, _MOST_BATCH_BYTES) == content:
                return  # an answer of ours got lost
            raise StoreError("Conflict", f"{self._name}: {key} is there already, with other lines: who wrote it?")
        await self._forget_keys()
        reason, problem = _REASONS.get(status, ("StoreFailed", f"the store answers {status}"))
        raise StoreError(reason, f"{self._name}: can't write {key}: {problem}")

    async def _put(self, key: str, content: bytes) -> int:
        headers = {"content-type": "application/x-ndjson", "content-md5": _md5(content)} | self._locked()
        if self._conditional:
            headers["if-none-match"] = "*"
        path = encode_path(f"{self._endpoint.path.rstrip('/')}/{self.location.bucket}/{key}")
        request = Request(self._endpoint.netloc, path, "", headers)
        signed = sign_put(request, content, self._credentials, self.location.signing_region, self._now())
        try:
            async with (
                asyncio.timeout(30),
                self._http.stream(
                    "PUT", f"{self._endpoint.scheme}://{request.host}{path}", headers=signed, content=content
                ) as answer,
            ):
                await _drain(answer)
                return answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, RuntimeError) as error:  # it may be closed by now
            problem = f"it does not answer ({type(error).__name__}): check that it runs and can be reached from here"
            raise StoreError("StoreUnreachable", f"{self._name}: {problem}") from None

    def _locked(self) -> dict[str, str]:
        if not self._retention.days:
            return {}
        until = (self._now() + timedelta(days=self._retention.days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"x-amz-object-lock-mode": self._retention.mode, "x-amz-object-lock-retain-until-date": until}

    async def _forget_keys(self) -> None:
        """Forget the keys, which are read anew before the next try: somebody may have renewed them."""
        if self._readable is not None:
            await self._readable.close()
            self._readable = None


async def _drain(answer: httpx.Response) -> None:
    count = 0
    async for part in answer.aiter_raw():
        count += len(part)
        if count > _MOST_ANSWER_BYTES:
            return


def _md5(content: bytes) -> str:
    """Return the MD5 digest that S3 wants of locked objects."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
