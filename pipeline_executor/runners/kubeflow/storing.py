"""Access to what Kubeflow's launchers wrote to the site's store: finds, hashes and copies it."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

from moorage.errors import InputError, StoreError
from moorage.runs import FileEntry
from pipeline_executor.store import ArtifactStore, StoredObject

_CHUNK_BYTES: Final = 1 << 20
_MOST_FILES: Final = 100_000

_log = logging.getLogger(__name__)


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
    """Return how many bytes several artifacts have together.

    Raises:
        StoreError: the store does not answer, or one has too many objects.
    """
    return sum([stored.size_bytes for uri in uris for stored in await objects_at(store, uri)])


async def input_bytes_at(store: ArtifactStore, uris: Sequence[str], known: dict[str, int]) -> int:
    """Return how many bytes a task read: a figure for people, for which no task's end waits.

    What has too many objects counts as nothing, and so does what the store does not tell now.

    Args:
        store: the site's store.
        uris: what it read.
        known: sizes by URI, which are not looked up again; added to.
    """
    for uri in uris:
        if uri not in known:
            try:
                known[uri] = await bytes_at(store, [uri])
            except StoreError as error:
                _log.info("what a task read is not counted: %s", error)
                known[uri] = 0
    return sum(known[uri] for uri in uris)


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
