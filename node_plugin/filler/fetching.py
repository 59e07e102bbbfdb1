"""One object to one file: whole, verified, and only then under its name."""

import errno
import hashlib
import http.client
import os
import threading
import time
from collections.abc import Callable
from email.message import Message
from functools import partial
from typing import Final

from moorage.calling.failures import ChangedError, TryAgainError
from moorage.errors import MoorageError
from node_plugin.filler.etags import fits_parts, is_md5
from node_plugin.filler.folder import Folder
from node_plugin.filler.manifest import OBJECTS, Entry
from node_plugin.filler.neighbour import NeighbourFolder

PARTS: Final = "parts"

_BUFFER_BYTES: Final = 1 << 20
_FIRST_DELAY_SECONDS: Final = 0.2
_MOST_DELAY_SECONDS: Final = 5.0
_MOST_TRIES: Final = 8
_MOST_NEAR_TRIES: Final = 3
_SLOW_AFTER_SECONDS: Final = 10.0
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskError(MoorageError):
    """The copy can't be written.

    Attributes:
        full: because the disk is full.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the node's disk: {error.strerror}")
        self.full = error.errno in _NO_SPACE


class NeighbourError(Exception):
    """A neighbour is of no use; the message says why."""


class StoppedError(Exception):
    """Another thread failed."""


class Fetcher:
    """One thread's.

    Args:
        folder: of the source.
        number: of the thread; its unfinished file is named by it.
        stop: set when another thread failed.
        taken: hears how many bytes of the object have come.
    """

    def __init__(
        self, folder: Folder, number: int, stop: threading.Event, taken: Callable[[int], None] = lambda _: None
    ) -> None:
        self._folder = folder
        self._part = f"{PARTS}/{number}"
        self._stop = stop
        self._taken = taken
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))

    def fetch(self, entry: Entry, path: str | None = None) -> None:
        """Bring an object, and put it where it belongs, or at a path.

        Raises:
            ChangedError: it is not the one that was listed.
            TryAgainError: the store did not answer for long.
            SourceError: the store refuses.
            DiskError: it can't be written.
            StoppedError: nobody wants it any more.
        """
        self._place(entry, path, partial(self._copy, entry))

    def fetch_near(self, entry: Entry, number: int, neighbour: NeighbourFolder, least_bytes_per_second: float) -> None:
        """Bring an object from a neighbour, and put it where it belongs, once its etag has proved it.

        Args:
            entry: the object.
            number: of it, in the manifest.
            neighbour: that has it.
            least_bytes_per_second: that it must send.

        Raises:
            NeighbourError: the neighbour is of no use.
            BusyError: it will be.
            DiskError: the object can't be written.
            StoppedError: nobody wants it any more.
        """

        def copy_near(descriptor: int) -> None:
            copy = _Copy(entry, descriptor)
            self._receive_near(copy, number, neighbour, least_bytes_per_second)
            if not copy.is_proved:
                message = "sends other bytes than the source has"
                raise NeighbourError(message)

        self._place(entry, None, copy_near)

    def _place(self, entry: Entry, path: str | None, copy: Callable[[int], None]) -> None:
        """Have a file written, and give it its name."""
        try:
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise DiskError(error) from error
        try:
            copy(descriptor)
            try:
                os.fchmod(descriptor, 0o444)
                os.utime(descriptor, (entry.modified_seconds, entry.modified_seconds))
                os.replace(self._part, path or f"{OBJECTS}/{entry.key}")  # noqa: PTH105 - keys are no Paths, which fold slashes
            except OSError as error:
                raise DiskError(error) from error
        finally:
            os.close(descriptor)

    def _copy(self, entry: Entry, descriptor: int) -> None:
        """All bytes, from where the connection broke; checked by size and, where the etag is one, by MD5."""
        copy = _Copy(entry, descriptor)
        patience = _Patience(self._stop)
        while True:
            try:
                before = copy.done_bytes
                self._receive(copy)
            except TryAgainError as error:
                if copy.done_bytes > before:
                    patience = _Patience(self._stop)
                self._folder.close()
                patience.wait(error)
                continue
            if copy.is_right:
                return
            # Something on the way changed it: once more, from the start.
            patience.wait(TryAgainError("what arrives has another MD5 than the store says"))
            copy.start_again()

    def _receive_near(
        self, copy: "_Copy", number: int, neighbour: NeighbourFolder, least_bytes_per_second: float
    ) -> None:
        """All bytes, from where the connection broke, as long as the tries bring some."""
        began, in_vain = time.monotonic(), 0
        while True:
            before = copy.done_bytes
            try:
                with neighbour.open(number, copy.done_bytes) as answer:
                    self._take_near(copy, answer, began, least_bytes_per_second)
            except TryAgainError as error:
                neighbour.close()
                # A connection that was kept may have been closed to make room for others.
                in_vain = in_vain + 1 if copy.done_bytes == before else 0
                if in_vain >= _MOST_NEAR_TRIES:
                    message = f"does not answer ({error})"
                    raise NeighbourError(message) from error
                if self._stop.wait(in_vain * _FIRST_DELAY_SECONDS):
                    raise StoppedError from error
                continue
            except ChangedError as error:
                message = "sends more bytes than the object has, or has it no more"
                raise NeighbourError(message) from error
            if copy.done_bytes >= copy.entry.size_bytes:
                return
            if copy.done_bytes == before:
                message = "cuts its answers short"
                raise NeighbourError(message)

    def _take_near(
        self, copy: "_Copy", answer: http.client.HTTPResponse, began: float, least_bytes_per_second: float
    ) -> None:
        while count := answer.readinto(self._buffer):
            if self._stop.is_set():
                raise StoppedError
            copy.take(self._buffer[:count])
            seconds = time.monotonic() - began
            if seconds > _SLOW_AFTER_SECONDS and copy.done_bytes / seconds < least_bytes_per_second:
                message = "is slower than the source"
                raise NeighbourError(message)

    def _receive(self, copy: "_Copy") -> None:
        with self._folder.open(copy.entry, copy.done_bytes) as answer:
            copy.is_md5 = copy.is_md5 and not _is_encrypted(answer.headers)
            while count := answer.readinto(self._buffer):
                if self._stop.is_set():
                    raise StoppedError
                copy.take(self._buffer[:count])
                self._taken(copy.done_bytes)
        if copy.done_bytes < copy.entry.size_bytes:
            raise TryAgainError("the answer was cut short")


class _Patience:
    """How often one object is tried without a byte of progress."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._tries = 0
        self._delay_seconds = _FIRST_DELAY_SECONDS

    def wait(self, error: TryAgainError) -> None:
        """Wait before the next try; raise the error where there was enough of them."""
        self._tries += 1
        if self._tries >= _MOST_TRIES:
            raise error
        if self._stop.wait(self._delay_seconds):
            raise StoppedError
        self._delay_seconds = min(_MOST_DELAY_SECONDS, 2 * self._delay_seconds)


class _Copy:
    """What has come of an object."""

    def __init__(self, entry: Entry, descriptor: int) -> None:
        self.entry = entry
        self.done_bytes = 0
        self.is_md5 = is_md5(entry.etag)
        self._descriptor = descriptor
        self._digest = hashlib.md5(usedforsecurity=False)

    @property
    def is_right(self) -> bool:
        """Whether it is what the store says, as far as the store says it."""
        return not self.is_md5 or self._digest.hexdigest() == self.entry.etag

    @property
    def is_proved(self) -> bool:
        """Whether the etag itself proves it, whoever sent it."""
        if self.is_md5:
            return self.is_right
        return fits_parts(self.entry, lambda count, offset: os.pread(self._descriptor, count, offset))

    def take(self, data: memoryview) -> None:
        """So many more bytes."""
        self.done_bytes += len(data)
        if self.done_bytes > self.entry.size_bytes:
            raise ChangedError
        self._digest.update(data)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise DiskError(error) from error

    def start_again(self) -> None:
        """Forget what came."""
        self.done_bytes = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)


def _is_encrypted(headers: Message) -> bool:
    """Whether the store keeps it under a key, so that an etag of 32 digits is no MD5 of what it sends."""
    method = headers.get("x-amz-server-side-encryption") or ""
    return method.startswith("aws:kms") or "x-amz-server-side-encryption-customer-algorithm" in headers
