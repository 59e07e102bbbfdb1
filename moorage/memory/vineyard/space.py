"""Whole objects under names, as blobs of a vineyard daemon.

A writer takes a lease, asks for memory, records that it is unfinished, fills and seals it, and names it, which is when
readers see it. A reader takes a lease before it looks.
"""

import mmap
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from os import getuid
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from moorage.errors import InputError
from moorage.memory.layout import MemoryObjectError
from moorage.memory.space import VINEYARD, Content, absent, no_room, quoted
from moorage.memory.vineyard import freeing, records
from moorage.memory.vineyard.daemon import daemon_at, is_full
from moorage.memory.vineyard.leases import Lease, file_beside, new_token, taken
from moorage.memory.vineyard.records import OBJECT, Record

_TRIES: Final = 500
_PAUSE_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class _Held:
    """What a reader has for as long as it looks at an object."""

    client: Any
    blob: Any
    lease: Lease


class VineyardSpace:
    """The objects of one daemon on this machine.

    Args:
        place: `vineyard:///path/of/the.sock`.

    Raises:
        InputError: it names no socket, vineyard is not installed, or no daemon answers.
    """

    def __init__(self, place: str) -> None:
        parts = urlsplit(place)
        if parts.netloc or not parts.path.strip("/") or parts.query or parts.fragment:
            problem = "names no socket on this machine: write vineyard:///run/vineyard.sock"
            raise InputError("memory store", place, problem)
        self.socket = Path(unquote(parts.path))
        self._daemon = daemon_at(self.socket)
        try:
            self._leases = file_beside(self.socket)
        except OSError as error:
            problem = f"{error.filename}, where readers hold locks, can't be used ({error.strerror})"
            remedy = "make it, so that all who use the socket may write to it"
            raise InputError("memory store", place, f"{problem}: {remedy}") from None
        if not self._daemon.is_swept:
            self._daemon.is_swept = True
            self._daemon.run(self._sweep)

    @property
    def place(self) -> str:
        """What opens this space again."""
        return f"{VINEYARD}{self.socket}"

    def write(self, name: str, content: Content) -> int:
        """Publish an object in place of what was there; its size in bytes.

        Raises:
            MemoryObjectError: the name can't be used, or there is no room: what is there stays as it was.
        """
        key, size_bytes = quoted(name), content.size_bytes

        def publish(client: Any) -> None:  # noqa: ANN401 - vineyard's client
            token = new_token()
            try:
                with taken(self._leases, token):
                    builder = self._allocated(client, name, size_bytes)
                    replaced = self._filled(client, builder, key, token, content)
            except BaseException:
                with suppress(Exception):  # what went wrong first is what counts
                    self._sweep(client)
                raise
            if replaced is not None:
                freeing.free(client, self._leases, replaced)

        self._daemon.run(publish)
        return size_bytes

    def read(self, name: str, *, writable: bool = False) -> memoryview:
        """An object's bytes, where they lie; they stay as long as somebody holds them.

        Args:
            name: of it.
            writable: give a copy.

        Raises:
            MemoryObjectError: there is none of that name.
        """
        key = quoted(name)
        held = self._daemon.run(lambda client: self._held(client, key))
        if held is None:
            raise absent(name, self.place)
        if held.blob.size == 0:
            raise MemoryObjectError(f"what lies at {name!r} is no object")
        view = memoryview(pa.foreign_buffer(held.blob.address, held.blob.size, base=held))
        if not writable:
            return view
        copied = mmap.mmap(-1, len(view))
        copied[:] = view
        return memoryview(copied)

    def delete(self, name: str) -> bool:
        """Delete an object; whether it was there."""
        key = quoted(name)

        def drop(client: Any) -> bool:  # noqa: ANN401 - vineyard's client
            found = records.named(client, key)
            if found is None:
                return False
            record = records.of(client, found)
            client.drop_name(records.name_of(key))
            if record is not None:
                freeing.free(client, self._leases, record)
            return True

        return self._daemon.run(drop)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(unquote(key) for key in self._daemon.run(records.names))

    def delete_older(self, prefix: str, than_seconds: float) -> int:
        """Delete objects of names that begin so, and that were put longer ago than that; how many."""
        before = time.time() - than_seconds

        def listed(client: Any) -> list[str]:  # noqa: ANN401 - vineyard's client
            ids = records.names(client)
            old = [record for record in records.all_of(client, OBJECT) if record.put_seconds < before]
            return [unquote(record.key) for record in old if repr(ids.get(record.key)) == repr(record.id)]

        return sum(self.delete(name) for name in self._daemon.run(listed) if name.startswith(prefix))

    def is_private(self) -> bool:
        """Whether this user alone can have put what lies there: vineyard opens its socket to all who reach it."""
        return _is_own(self.socket, stat.S_IWGRP | stat.S_IWOTH) or _is_own(
            self.socket.parent, stat.S_IRWXG | stat.S_IRWXO
        )

    def _allocated(self, client: Any, name: str, size_bytes: int) -> Any:  # noqa: ANN401 - vineyard's builder
        try:
            return client.create_blob(size_bytes)
        except RuntimeError as error:
            if not is_full(error):
                raise
        self._sweep(client)
        try:
            return client.create_blob(size_bytes)
        except RuntimeError as error:
            if not is_full(error):
                raise
            status = client.status
            why = f"{status.memory_usage:,} of {status.memory_limit:,} bytes are taken"
            raise no_room(name, self.place, why) from None

    def _filled(self, client: Any, builder: Any, key: str, token: int, content: Content) -> Record | None:  # noqa: ANN401
        """Fill and name it; what had the name before."""
        vineyard = self._daemon.vineyard
        try:
            note = client.create_metadata(records.unfinished(vineyard, builder.id, key, token))
        except BaseException:
            client.delete(builder.id)
            raise
        if builder.size:
            content.write_into(memoryview(builder).cast("B"))
        blob = builder.seal(client)
        made = client.create_metadata(records.finished(vineyard, blob, key, token))
        client.persist(made.id)
        before = records.named(client, key)
        replaced = None if before is None else records.of(client, before)
        client.put_name(made.id, records.name_of(key))
        client.delete(note.id)
        return replaced

    def _held(self, client: Any, key: str) -> _Held | None:  # noqa: ANN401 - vineyard's client
        missed = ""
        for _ in range(_TRIES):
            found = records.named(client, key)
            if found is None:
                return None
            record = records.of(client, found)
            lease = None if record is None else Lease.tried(self._leases, record.token, alone=False)
            if record is not None and lease is not None:
                # Whoever frees it is done, or can't now: it is there, or has been replaced.
                blob = client.get_blob(self._daemon.vineyard.ObjectID(record.blob))
                if blob is not None:
                    return _Held(client, blob, lease)
                lease.release()
            if record is None or lease is not None:
                if missed == repr(found):  # it has the name still: nobody replaced it
                    return None
                missed = repr(found)
            time.sleep(_PAUSE_SECONDS)
        return None

    def _sweep(self, client: Any) -> None:  # noqa: ANN401 - vineyard's client
        freeing.sweep(client, self._leases, self._daemon.vineyard)


def _is_own(path: Path, closed: int) -> bool:
    found = path.stat()
    return found.st_uid == getuid() and not found.st_mode & closed
