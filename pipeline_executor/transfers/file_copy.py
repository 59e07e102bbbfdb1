"""Copies one file from store to store, and verifies it.

Whole, up to 64 MiB: it is verified in memory, then written. Above, in parts: several are under way at once, and are
hashed in their order as they pass; the object is made of them only if the digest is right. Parts that an earlier
transfer left are kept. They did not pass here, so the object is read back from the consumer's own store and verified.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from moorage.errors import StoreError
from moorage.runs import FileEntry
from pipeline_executor.store import multipart
from pipeline_executor.store.multipart import StoredPart, Upload
from pipeline_executor.task_sidecar.pieces import Piece, pieces_of
from pipeline_executor.transfers.budget import ByteBudget
from pipeline_executor.transfers.grouping import first_error
from pipeline_executor.transfers.object_io import ObjectIO

PART_BYTES: Final = 16 << 20
_PARTS_AT_ONCE: Final = 4
_HASHED_INLINE_BYTES: Final = 1 << 18
_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Copier:
    """A copier of files between two stores.

    Attributes:
        source: the producer's store.
        target: the consumer's.
        budget: the budget of buffers, shared by all files.
        progress: is told of bytes that are in the target; negative where they have to be brought again.
    """

    source: ObjectIO
    target: ObjectIO
    budget: ByteBudget
    progress: Callable[[int], None]

    async def copy(self, file: FileEntry, source_key: str, target_key: str, found: "Found") -> None:
        """Bring one file, unless it is there.

        Args:
            file: as the manifest lists it.
            source_key: where it is.
            target_key: where it goes.
            found: what an earlier transfer left at `target_key`.

        Raises:
            StoreError: `Altered`: it is not what its manifest says. `TooLarge`: it can't be copied. Or a store does not
                answer or refuses.
        """
        if found.size_bytes == file.size_bytes and await self._is_right(file, target_key):
            self.progress(file.size_bytes)
            return
        plan = pieces_of(file.size_bytes, PART_BYTES)
        if plan[0].size_bytes > self.budget.most_bytes:
            problem = f"a file of {file.size_bytes:,} bytes is larger than a transfer brings: write it in several files"
            raise StoreError("TooLarge", f"{source_key}: {problem}")
        upload = found.upload
        for _ in range(_TRIES):
            if plan[0].number == 0:
                done = await self._copy_whole(file, source_key, target_key)
            else:
                done = await _PartsCopy(self, file, source_key, target_key, plan).run(upload)
            if done:
                return
            # Perhaps a part that an earlier transfer left, or a byte on its way: all of it once more.
            upload = None
        problem = "its bytes in the producer's store have another SHA-256 than its manifest says: it was altered"
        raise StoreError("Altered", f"{source_key}: {problem}; run its task again")

    async def _copy_whole(self, file: FileEntry, source_key: str, target_key: str) -> bool:
        async with self.budget.taken(file.size_bytes):
            content = await self.source.read(source_key, 0, file.size_bytes)
            digest = hashlib.sha256()
            await _update(digest, content)
            if digest.hexdigest() != file.sha256:
                return False
            await self.target.write(target_key, content)
        self.progress(file.size_bytes)
        return True

    async def _is_right(self, file: FileEntry, target_key: str) -> bool:
        """Return whether the target already holds the file."""
        digest = hashlib.sha256()
        piece = min(PART_BYTES, file.size_bytes)
        async with self.budget.taken(piece):
            async for chunk in self.target.chunks(target_key, file.size_bytes):
                await _update(digest, chunk)
        return digest.hexdigest() == file.sha256


@dataclass(frozen=True, slots=True)
class Found:
    """The remains of an earlier transfer of a file: an object of some size, an upload that was begun, or nothing."""

    size_bytes: int | None = None
    upload: Upload | None = None


class _PartsCopy:
    """One large file, in parts."""

    def __init__(
        self, copier: Copier, file: FileEntry, source_key: str, target_key: str, plan: Sequence[Piece]
    ) -> None:
        self._copier = copier
        self._file = file
        self._source_key = source_key
        self._target_key = target_key
        self._plan = plan
        self._digest = hashlib.sha256()
        self._etags: dict[int, StoredPart] = {}
        self._moved_bytes = 0

    async def run(self, begun: Upload | None) -> bool:
        """Copy it; False: its digest is wrong, and nothing is left of it."""
        store = self._copier.target.store
        kept = await self._kept(begun)
        upload = begun if begun is not None and kept is not None else await multipart.begin(store, self._target_key)
        self._etags = kept or {}
        self._moved(sum(part.size_bytes for part in self._etags.values()))
        is_complete_stream = not self._etags
        await self._move(upload, hashing=is_complete_stream)
        if is_complete_stream and self._digest.hexdigest() != self._file.sha256:
            await multipart.abort(store, upload)
            self._moved(-self._moved_bytes)
            return False
        await multipart.complete(store, upload, [self._etags[piece.number] for piece in self._plan])
        if is_complete_stream or await self._copier._is_right(self._file, self._target_key):  # noqa: SLF001
            return True
        await store.delete([self._target_key])
        self._moved(-self._moved_bytes)
        return False

    async def _kept(self, begun: Upload | None) -> dict[int, StoredPart] | None:
        """Return parts of an earlier transfer that fit; None: there is none to go on with."""
        if begun is None:
            return None
        store = self._copier.target.store
        parts = await multipart.stored_parts(store, begun)
        if parts is None:
            return None
        sizes = {piece.number: piece.size_bytes for piece in self._plan}
        if any(sizes.get(part.number) != part.size_bytes for part in parts):
            # It is of another plan, which an older version made.
            await multipart.abort(store, begun)
            return None
        return {part.number: part for part in parts}

    async def _move(self, upload: Upload, *, hashing: bool) -> None:
        room = asyncio.Semaphore(_PARTS_AT_ONCE)
        before = asyncio.Event()
        before.set()
        with first_error():
            async with asyncio.TaskGroup() as group:
                for piece in self._plan:
                    if piece.number in self._etags:
                        continue
                    await room.acquire()
                    # In their order: a part that waits to be hashed holds its buffer, and those before it have theirs.
                    await self._copier.budget.take(piece.size_bytes)
                    after = asyncio.Event()
                    task = group.create_task(self._part(upload, piece, before if hashing else None, after))
                    task.add_done_callback(partial(self._settled, piece, room))
                    before = after

    def _settled(self, piece: Piece, room: asyncio.Semaphore, _task: asyncio.Task[None]) -> None:
        self._copier.budget.give_back(piece.size_bytes)
        room.release()

    async def _part(self, upload: Upload, piece: Piece, before: asyncio.Event | None, after: asyncio.Event) -> None:
        copier = self._copier
        content = await copier.source.read(self._source_key, piece.offset, piece.size_bytes)
        if before is not None:
            await before.wait()
            await _update(self._digest, content)
            after.set()
        etag = await copier.target.write_part(upload.key, upload.id, piece.number, content)
        self._etags[piece.number] = StoredPart(piece.number, piece.size_bytes, etag)
        self._moved(piece.size_bytes)

    def _moved(self, size_bytes: int) -> None:
        self._moved_bytes += size_bytes
        self._copier.progress(size_bytes)


async def _update(digest: "hashlib._Hash", content: bytes | bytearray) -> None:
    """Hash in a thread where it takes a while: hashlib lets others run meanwhile."""
    if len(content) <= _HASHED_INLINE_BYTES:
        digest.update(content)
    else:
        await asyncio.to_thread(digest.update, content)
