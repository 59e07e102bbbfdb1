"""Access to a run's records in the stores, for a synchronous program: each call reads in a thread of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from moorage.errors import ForbiddenError, NotFoundError, SourceError, StoreError
from moorage.kube.credentials import credentials_of
from moorage.model import Site
from moorage.runs import FileEntry, Manifest, RunKeys, RunRef, TaskOutputs
from moorage.runs.records import MANIFEST_BOUNDS
from moorage.sources import Credentials
from moorage.sources.reasons import Reason
from moorage.sources.s3 import S3Source
from moorage.stores import LogPiece, ReadableStore, TaskLog
from moorage.stores.own_keys import own_keys

T = TypeVar("T")

MOST_BYTES: Final = 64 << 20
MOST_LOG_BYTES: Final = 64 << 20
_OWN_KEYS: Final = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to keys of the store"


@dataclass(frozen=True, slots=True)
class Opening:
    """The opening of sites' stores.

    Attributes:
        site: a Site by its name.
        secret: a Secret of Moorage's own namespace by its name.
    """

    site: Callable[[str], Site]
    secret: Callable[[str], dict[str, Any]]

    def read(self, site: str, work: Callable[[ReadableStore], Awaitable[T]]) -> T:
        """Open the store, and do something with it.

        Raises:
            StoreError: it can't be opened or read; says what to do.
            KubeError: the API server refused, or did not answer.
        """
        location = self.site(site).artifact_store
        if not isinstance(location, S3Source):
            raise StoreError("NoStore", f"Site {site}: spec.artifactStore is missing")
        credentials = self._credentials(site, location)

        async def opened() -> T:
            store = ReadableStore(site, location, credentials)
            try:
                return await work(store)
            finally:
                await store.close()

        return run_apart(opened())

    def _credentials(self, site: str, location: S3Source) -> Credentials | None:
        keys = location.keys
        if keys is None:
            problem = (
                f"artifact store of Site {site}: webIdentity is for Datasets: name a Secret with keys in secretRef"
            )
            raise StoreError(Reason.NOT_SUPPORTED, problem)
        if keys.secret_name is None:
            return keys.inline
        try:
            return credentials_of(self.secret(keys.secret_name), f"Secret {keys.secret_name}")
        except SourceError as error:
            raise StoreError(error.reason, str(error)) from None
        except (ForbiddenError, NotFoundError) as error:
            own = own_keys()
            if own is None:
                problem = f"artifact store of Site {site}: you may not read its keys ({error}): {_OWN_KEYS}"
                raise StoreError("SecretForbidden", problem) from None
            return own


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a thread, because a notebook's own thread has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


# --- what is read ---


async def read_outputs(store: ReadableStore, run: RunRef, task: str, attempt: int) -> TaskOutputs | None:
    """Read an attempt's outputs, or None where it recorded none."""
    key = RunKeys(store.prefix, run).task(task, attempt, "outputs")
    content = await store.get(key, MANIFEST_BOUNDS.most_bytes)
    return None if content is None else TaskOutputs.read(content, f"outputs of task {task}")


async def read_file(store: ReadableStore, manifest: Manifest, file: FileEntry, most_bytes: int) -> bytes:
    """Read one file of an artifact.

    Raises:
        StoreError: `NotThere`: it is gone; `TooLarge`: it has more bytes than that.
    """
    key = store.key(f"{manifest.uri}/{file.path}" if file.path else manifest.uri)
    content = None if key is None else await store.get(key, most_bytes)
    if content is None:
        raise StoreError("NotThere", f"{manifest.artifact}: {manifest.uri} is not in the store of Site {store.site}")
    return content


async def read_whole_log(read: Callable[[int | None, int], Awaitable[LogPiece | None]]) -> bytes | None:
    """Read all that there is of a log, the first bytes where it is very long; None where there is no such log.

    Args:
        read: gives the piece of an attempt (None: the last) at an offset.
    """
    attempt: int | None = None
    content = b""
    while len(content) < MOST_LOG_BYTES:
        piece = await read(attempt, len(content))
        if piece is None:
            return content or None
        attempt = piece.attempt
        content += piece.content
        if piece.complete or not piece.content:
            return content
    return content


def log_reader(
    store: ReadableStore, run: RunRef, task: str, wanted: int | None
) -> Callable[[int | None, int], Awaitable[LogPiece | None]]:
    """Reads the log of one attempt, or of the last, from a store."""
    log = TaskLog(store, run, task)

    async def read(attempt: int | None, offset: int) -> LogPiece | None:
        return await log.read(wanted if attempt is None else attempt, offset)

    return read


def first(sites: Iterable[str], read: Callable[[str], T | None]) -> T | None:
    """Return the first site's answer; sites with unreadable stores are passed over as long as another answers.

    Raises:
        StoreError: none has it, and one can't be read.
    """
    problem: StoreError | None = None
    for site in sites:
        try:
            found = read(site)
        except StoreError as error:
            problem = problem or error
            continue
        if found is not None:
            return found
    if problem is not None:
        raise problem
    return None
