"""Access to what Kubeflow's launchers wrote to the site's store: finds, hashes and copies it."""

import asyncio
import hashlib
from collections.abc import Iterable
from typing import Any, Final

from moorage.errors import InputError
from moorage.runs import FileEntry
from pipeline_executor.store import ArtifactStore, StoredObject

_CHUNK_BYTES: Final = 1 << 20
_MOST_FILES: Final = 100_000
_LISTED_AT_ONCE: Final = 8


async def objects_at(store: ArtifactStore, uri: str) -> list[StoredObject]:
    """Return the objects of an artifact: the one at its URI, or those of a folder.

    Raises:
        StoreError: the store does not answer, or there are too many.
    """
    key = store.key(uri)
    if key is None:
        return []
    folder = f"{key.rstrip('/')}/"
    found = await store.keys(key.rstrip("/"), _MOST_FILES)
    return [each for each in found if each.key == key or (each.key.startswith(folder) and each.key != folder)]


async def bytes_at(store: ArtifactStore, uris: Iterable[str]) -> int:
    """Return how many bytes several artifacts have together; some are looked up side by side.

    Raises:
        StoreError: the store does not answer, or one has too many objects.
    """
    turns = asyncio.Semaphore(_LISTED_AT_ONCE)

    async def size_bytes(uri: str) -> int:
        async with turns:
            return sum(stored.size_bytes for stored in await objects_at(store, uri))

    return sum(await asyncio.gather(*map(size_bytes, uris)))


async def hashed_files(store: ArtifactStore, uri: str) -> tuple[FileEntry, ...]:
    """Return the files of an artifact with their digests; all its bytes are read for that.

    Raises:
        InputError: there is nothing.
        StoreError: the store does not answer.
    """
    found = await objects_at(store, uri)
    if not found:
        raise InputError("artifact", "uri", f"there is nothing at {uri}: the task did not write it")
    key = store.key(uri) or ""
    folder = f"{key.rstrip('/')}/"
    return tuple(
        [
            FileEntry(
                "" if each.key == key else each.key.removeprefix(folder), each.size_bytes, await _hash(store, each)
            )
            for each in found
        ]
    )


async def copy(store: ArtifactStore, uri: str, target_key: str) -> str:
    """Copy an artifact within the store; gives the copy's URI. Done again, it is the same copy.

    Raises:
        InputError: there is nothing to copy.
        StoreError: the store does not answer.
    """
    found = await objects_at(store, uri)
    if not found:
        problem = f"there is nothing at {uri} any more: the earlier run that made it was deleted; run without its cache"
        raise InputError("artifact", "uri", problem)
    key = (store.key(uri) or "").rstrip("/")
    for each in found:
        target = f"{target_key}{each.key.removeprefix(key)}"
        await store.run(f"copy {each.key}", lambda each=each, target=target: _copy(store, each.key, target))  # type: ignore[misc]
    return store.uri(target_key)


def _copy(store: ArtifactStore, source: str, target: str) -> None:
    client: Any = store.client
    client.copy({"Bucket": store.bucket, "Key": source}, store.bucket, target)


async def _hash(store: ArtifactStore, stored: StoredObject) -> str:
    def read() -> str:
        digest = hashlib.sha256()
        body = store.client.get_object(Bucket=store.bucket, Key=stored.key)["Body"]
        try:
            while piece := body.read(_CHUNK_BYTES):
                digest.update(piece)
        finally:
            body.close()
        return digest.hexdigest()

    return await store.run(f"read {stored.key}", read)
