"""Brings one artifact from the producer's store to the consumer's, and publishes its manifest there."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from moorage.errors import StoreError
from moorage.runs import FileEntry, Manifest, RunKeys
from moorage.runs.names import split_datum
from moorage.runs.records import MANIFEST_BOUNDS
from pipeline_executor.store import ArtifactStore, multipart
from pipeline_executor.transfers.budget import ByteBudget
from pipeline_executor.transfers.file_copy import Copier, Found
from pipeline_executor.transfers.grouping import first_error
from pipeline_executor.transfers.object_io import ObjectIO

FINAL_REASONS: Final = frozenset({"Altered", "NotFound", "NotReadable", "TooLarge"})
"""Reasons of a `StoreError` that stay: trying again does not help."""
_PARTS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A run's keys in one site's store."""

    store: ArtifactStore
    keys: RunKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLimits:
    """The limits of one transfer.

    Attributes:
        files: at once.
        buffer_bytes: in memory, in all buffers together; a file has at most 10,000 times as much.
        patience_seconds: how long a store that does not answer is tried.
    """

    files: int = 16
    buffer_bytes: int = 128 << 20
    patience_seconds: float = 600.0


async def transfer(
    manifest: Manifest,
    source: Place,
    target: Place,
    *,
    progress: Callable[[int], None] = lambda _: None,
    limits: TransferLimits | None = None,
) -> Manifest:
    """Bring an artifact's files to the consumer's store, and publish its manifest there.

    It may be cancelled, or killed, and called again at any time: what is there is verified, and not brought again.

    Args:
        manifest: as it is in the producer's store.
        source: the producer's.
        target: the consumer's.
        progress: is called with the number of bytes that are at the target so far.
        limits: what it may use.

    Returns:
        the manifest that counts at the target; its `uri` is in the target's store.

    Raises:
        StoreError: `Altered`: a file is not what the manifest says. `NotFound`: a file is not there. `NotReadable`: the
            manifest names a place outside its run. `TooLarge`: a file is larger than can be copied. Or a store does not
            answer or refuses. Nothing was published.
    """
    limits = limits or TransferLimits()
    manifest_key = target.keys.artifact(*split_datum(manifest.artifact))
    published = await _read(target, manifest_key, manifest.artifact)
    if published is not None:
        progress(published.size_bytes)
        return published
    made = replace(manifest, uri=_target_uri(manifest, source, target))
    if manifest.files:
        await _copy(manifest, source, target, made, progress, limits)
    if await target.store.put_once(manifest_key, made.write()):
        return made
    # Another writer was first: its manifest counts, for all readers.
    return await _read(target, manifest_key, manifest.artifact) or made


async def _copy(  # noqa: PLR0913, PLR0917 - the parts of one call
    manifest: Manifest,
    source: Place,
    target: Place,
    made: Manifest,
    progress: Callable[[int], None],
    limits: TransferLimits,
) -> None:
    source_key, target_key = source.store.key(manifest.uri), target.store.key(made.uri)
    if source_key is None or target_key is None:
        message = f"artifact {manifest.artifact}: its manifest lists files, and its URI is not in the store"
        raise StoreError("NotReadable", message)
    done_bytes = 0

    def moved(size_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes += size_bytes
        progress(done_bytes)

    found = await _found(target, target_key)
    connections = limits.files + _PARTS_AT_ONCE
    async with (
        ObjectIO(source.store, connections, limits.patience_seconds) as reading,
        ObjectIO(target.store, connections, limits.patience_seconds) as writing,
    ):
        copier = Copier(reading, writing, ByteBudget(limits.buffer_bytes), moved)
        files = iter(manifest.files)

        async def work(files: Iterator[FileEntry]) -> None:
            for file in files:
                end = f"/{file.path}" if file.path else ""
                key = target_key + end
                await copier.copy(file, source_key + end, key, found.get(key, Found()))

        with first_error():
            async with asyncio.TaskGroup() as group:
                for _ in range(min(limits.files, len(manifest.files))):
                    group.create_task(work(files))


async def _found(target: Place, key: str) -> dict[str, Found]:
    """Find the remains of an earlier transfer."""
    found = {each.key: Found(size_bytes=each.size_bytes) for each in await target.store.keys(key)}
    for upload in await multipart.find_uploads(target.store, key):
        if upload.key not in found:
            found[upload.key] = Found(upload=upload)
    return found


async def _read(target: Place, key: str, artifact: str) -> Manifest | None:
    content = await target.store.get(key, MANIFEST_BOUNDS.most_bytes)
    return None if content is None else Manifest.read(content, f"manifest of {artifact}")


def _target_uri(manifest: Manifest, source: Place, target: Place) -> str:
    """Return the same path below the run's own in the target's store. Pure.

    Raises:
        StoreError: the artifact lies outside its run: a manifest must not have another's data copied.
    """
    key = source.store.key(manifest.uri)
    if key is None and not manifest.files:
        return manifest.uri
    if key is None or not key.startswith(source.keys.root):
        message = f"artifact {manifest.artifact}: {manifest.uri} is not in the run's folder in Site {source.store.site}"
        raise StoreError("NotReadable", message)
    return target.store.uri(f"{target.keys.root}{key.removeprefix(source.keys.root)}")
