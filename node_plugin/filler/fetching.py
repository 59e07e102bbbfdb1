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
from moorage.errors import MoorageError, SourceError
from moorage.sources.reasons import Reason
from node_plugin.filler.deadlines import Deadline, ended_in_time
from node_plugin.filler.etags import fits_parts, is_md5
from node_plugin.filler.folder import Folder
from node_plugin.filler.manifest import OBJECTS, PARTS, Entry
from node_plugin.filler.neighbour import NeighbourError, NeighbourFolder
from node_plugin.filler.writeback import Writeback

# A call that fills it looks at no clock, and brings no deadline further.
_BUFFER_BYTES: Final = 1 << 18
_STALL_SECONDS: Final = 120.0
_LEAST_BYTES_PER_SECOND: Final = 5_000
_NEAR_STALL_SECONDS: Final = 20.0
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

    def fetch_near(
        self, entry: Entry, number: int, reach: Callable[[], NeighbourFolder], least_bytes_per_second: float
    ) -> None:
        """Bring an object from a neighbour, and put it where it belongs, once its etag has proved it.

        Args:
            entry: the object.
            number: of it, in the manifest.
            reach: gives the neighbour that has it; asked again for each try, as passes end.
            least_bytes_per_second: that it must send.

        Raises:
            NeighbourError: the neighbour is of no use.
            BusyError: it will be.
            DiskError: the object can't be written.
            StoppedError: nobody wants it any more.
        """

        def copy_near(descriptor: int) -> None:
            copy = _Copy(entry, descriptor)
            self._receive_near(copy, number, reach, least_bytes_per_second)
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
        # Bytes that come do not make up for bytes that were wrong.
        patience, bent = _Patience(self._stop), _Patience(self._stop)
        # Of all tries together: who sends a byte and breaks off comes no further than who sends a byte and waits.
        deadline = Deadline(_STALL_SECONDS, _LEAST_BYTES_PER_SECOND)
        while True:
            try:
                before = copy.done_bytes
                with ended_in_time(deadline, self._folder.shut):
                    self._receive(copy, deadline)
            except TryAgainError as error:
                if deadline.is_over:
                    problem = f"an object comes at less than {_LEAST_BYTES_PER_SECOND:,} bytes a second"
                    remedy = "check the server's load and the network"
                    raise SourceError(Reason.LIST_TOO_SLOW, f"{problem}: {remedy}") from None
                if copy.done_bytes > before:
                    patience = _Patience(self._stop)
                self._folder.close()
                patience.wait(error)
                continue
            if copy.is_right:
                return
            # Something on the way changed it: once more, from the start.
            bent.wait(TryAgainError("what arrives has another MD5 than the store says"))
            copy.start_again()

    def _receive_near(
        self, copy: "_Copy", number: int, reach: Callable[[], NeighbourFolder], least_bytes_per_second: float
    ) -> None:
        """All bytes, from where the connection broke, as long as the tries bring some."""
        in_vain, pace = 0, _Pace(least_bytes_per_second)
        while True:
            before, neighbour = copy.done_bytes, reach()
            try:
                with (
                    ended_in_time(pace.deadline, neighbour.shut),
                    neighbour.open(number, copy.done_bytes) as answer,
                ):
                    self._take_near(copy, answer, pace)
            except TryAgainError as error:
                neighbour.close()
                pace.check(copy.done_bytes)
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
            pace.check(copy.done_bytes)
            if copy.done_bytes == before:
                message = "cuts its answers short"
                raise NeighbourError(message)

    def _take_near(self, copy: "_Copy", answer: http.client.HTTPResponse, pace: "_Pace") -> None:
        while count := answer.readinto(self._buffer):
            if self._stop.is_set():
                raise StoppedError
            copy.take(self._buffer[:count])
            pace.deadline.came(count)
            pace.check(copy.done_bytes)

    def _receive(self, copy: "_Copy", deadline: Deadline) -> None:
        with self._folder.open(copy.entry, copy.done_bytes) as answer:
            copy.is_md5 = copy.is_md5 and not _is_encrypted(answer.headers)
            while count := answer.readinto(self._buffer):
                if self._stop.is_set():
                    raise StoppedError
                copy.take(self._buffer[:count])
                deadline.came(count)
                self._taken(copy.done_bytes)
        if copy.done_bytes < copy.entry.size_bytes:
            raise TryAgainError("the answer was cut short")


class _Pace:
    """How quick a neighbour is with one object: as the source would be, all the time and from the first byte on."""

    def __init__(self, least_bytes_per_second: float) -> None:
        self.deadline = Deadline(_NEAR_STALL_SECONDS, least_bytes_per_second)
        self._least_bytes_per_second = least_bytes_per_second
        self._began = time.monotonic()

    def check(self, done_bytes: int) -> None:
        """Look whether it is.

        Raises:
            NeighbourError: it is not.
        """
        seconds = time.monotonic() - self._began
        is_slow = seconds > _SLOW_AFTER_SECONDS and done_bytes / seconds < self._least_bytes_per_second
        if is_slow or self.deadline.is_over:
            message = "is slower than the source"
            raise NeighbourError(message)


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
        self._writeback = Writeback(descriptor)
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
        self._writeback.wrote(self.done_bytes, all_of_it=self.done_bytes == self.entry.size_bytes)

    def start_again(self) -> None:
        """Forget what came."""
        self.done_bytes = 0
        self._writeback = Writeback(self._descriptor)
        self._digest = hashlib.md5(usedforsecurity=False)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)


def _is_encrypted(headers: Message) -> bool:
    """Whether the store keeps it under a key, so that an etag of 32 digits is no MD5 of what it sends."""
    method = headers.get("x-amz-server-side-encryption") or ""
    return method.startswith("aws:kms") or "x-amz-server-side-encryption-customer-algorithm" in headers
