"""Who holds an object: byte-range locks on a file beside the daemon's socket, a byte for each object.

The daemon does not know who looks at its memory. The kernel knows who holds a lock, in every container that the
socket's folder is mounted into, and drops it with the last process that has it: also where that was killed, or forked.
"""

import errno
import fcntl
import os
import secrets
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from moorage.memory.layout import MemoryObjectError

SUFFIX: Final = ".moorage"
_BYTES: Final = 1 << 62


def new_token() -> int:
    """Which byte stands for an object."""
    return secrets.randbelow(_BYTES)


def token_of(text: object) -> int | None:
    """The token that somebody wrote down; None: it is none."""
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > len(str(_BYTES)):
        return None
    return int(text) if int(text) < _BYTES else None


class Lease:
    """A lock on one object's byte. Whoever has it shared uses the object; who has it alone may free it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def tried(cls, path: Path, token: int, *, alone: bool) -> Self | None:
        """Take one at once; None: somebody else has it.

        Raises:
            MemoryObjectError: the file can't be used.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            problem = f"{path}, where readers hold locks, can't be used any more ({error.strerror})"
            raise MemoryObjectError(f"{problem}: open the store again, or hold fewer objects at once") from None
        # As C's struct flock. Each lease has an open file of its own, so that one's end is no other's.
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK if alone else fcntl.F_RDLCK, os.SEEK_SET, token, 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return None
            raise
        return cls(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        """Give it back; once more does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def taken(path: Path, token: int) -> Lease:
    """Take a lease on an object that nobody knows yet.

    Raises:
        MemoryObjectError: the file can't be used.
    """
    lease = Lease.tried(path, token, alone=False)
    if lease is None:
        raise MemoryObjectError(f"{path} is locked as a whole: end what locks it")
    return lease


def file_beside(socket: Path) -> Path:
    """The file of the locks, made where it is not there, for whoever may use the socket.

    Raises:
        OSError: it can't be used.
    """
    path = socket.with_name(socket.name + SUFFIX)
    with suppress(FileExistsError):
        # Not opened with O_CREAT by all: in a folder that is sticky, the kernel refuses that for files of others.
        if not path.exists():
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.fchmod(descriptor, socket.stat().st_mode & 0o666)
            finally:
                os.close(descriptor)
    os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))  # so that who may not use it learns of it here
    return path
