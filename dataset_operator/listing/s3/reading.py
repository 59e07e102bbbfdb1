"""Objects as files: ranged reads by s3fs, each within a deadline, all within a number of bytes, and ended from afar."""

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from functools import partial
from typing import Any, BinaryIO, TypeVar, cast

import s3fs
from fsspec.asyn import sync

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.ranged import Allowance, RangedObject
from moorage.errors import SourceError
from moorage.sources.reasons import Reason

T = TypeVar("T")

_PIECE_BYTES = 256 * 1024
_WHOLE, _PART = 200, 206


class S3Reader:
    """A reader of one folder's objects.

    Args:
        store: the file system.
        name: the name of the source, for messages.
        folder: bucket and prefix.
        budget: the bounds.
        stop: ends it.
    """

    def __init__(
        self, store: s3fs.S3FileSystem, name: str, folder: tuple[str, str], budget: Budget, stop: Cancellation
    ) -> None:
        self._store = store
        self._name = name
        self._bucket, self._prefix = folder
        self._budget = budget
        self._stop = stop
        self._allowance = Allowance(name, budget.read_bytes)

    def open(self, key: str, size_bytes: int) -> BinaryIO:
        """Return an object, unbuffered."""
        return cast("BinaryIO", RangedObject(self.read, key, size_bytes))

    def read(self, key: str, start: int, length: int) -> bytes:
        """Read a range of an object, which is as long as asked or else a failure.

        Raises:
            SourceError: ListTooSlow, FormatUnreadable, ListFailed, Interrupted.
        """
        self._allowance.take(length)
        return self._wait(self._fetch(key, start, length))

    async def _fetch(self, key: str, start: int, length: int) -> bytes:
        asked = f"bytes={start}-{start + length - 1}"
        answer = await self._store._call_s3(  # noqa: SLF001 - its `open` and `cat` read whatever is sent, without bound
            "get_object", Bucket=self._bucket, Key=f"{self._prefix}{key}", Range=asked
        )
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        body = bytearray()
        async with answer["Body"] as stream:
            if status == _PART or (status == _WHOLE and start == 0):
                while len(body) < length and (piece := await stream.read(min(_PIECE_BYTES, length - len(body)))):
                    body += piece
            if len(body) < length:
                stream.close()
                problem = "an object is shorter than listed, or the store does not serve ranges; tried again later"
                raise SourceError(Reason.LIST_FAILED, f"{self._name}: {problem}")
        return bytes(body)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._store.loop)
        with self._stop.ending(partial(_cancel, future)):
            try:
                return future.result(self._budget.request_seconds)
            except concurrent.futures.CancelledError:
                self._stop.check(self._name)
                raise
            except TimeoutError:
                if not future.done():
                    future.cancel()
                    problem = f"an object was not read in {self._budget.request_seconds:g} s: check the store's load"
                    raise SourceError(Reason.LIST_TOO_SLOW, f"{self._name}: {problem}") from None
                raise


def _cancel(future: concurrent.futures.Future[Any]) -> None:
    future.cancel()


def close(store: s3fs.S3FileSystem) -> None:
    """Close its connections here and now: s3fs would do so when it is collected, in whatever thread that is."""
    session = getattr(store, "_s3creator", None)  # there only once something was asked
    if session is not None:
        sync(store.loop, session.__aexit__, None, None, None, timeout=5)
