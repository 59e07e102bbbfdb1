"""The objects in one Dataset's memory on this node: which lie there, one of them to send, one that came.

An object is a file that a rename published. What a program writes in place is none as long as it has the file open.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from moorage.headroom import headroom
from node_plugin.memory.lying import MOST_OBJECTS, Home, Lying, Told, is_name, read_home, write_home

_ROOM: Final = "trusted.moorage.room"
_HOME: Final = "trusted.moorage.home"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNFINISHED: Final = ".unfinished-"  # as the library's own, which sweeps them
_ITSELF_BYTES: Final = 256 << 20


class NotHereError(Exception):
    """It does not lie here, or is another one by now."""


class InUseError(Exception):
    """Somebody has it open to write to it."""


class NoRoomError(Exception):
    """It has no room here; the message says which."""


class MemoryShelf:
    """One Dataset's memory, opened. Its methods are for threads.

    Args:
        folder: where it is mounted.
        node: this one.

    Raises:
        OSError: it is not there any more.
    """

    def __init__(self, folder: Path, node: str) -> None:
        self._root = os.open(folder, _FOLDER)
        try:
            self.home = Home(node, _room_of(self._root))
        except BaseException:
            os.close(self._root)
            raise

    def close(self) -> None:
        """Close it; once."""
        os.close(self._root)

    def told(self) -> Told:
        """What lies here. Of more than can be told, some are not.

        Raises:
            OSError: it is gone.
        """
        found: dict[str, Lying] = {}
        with os.scandir(self._root) as entries:
            for entry in entries:
                if len(found) == MOST_OBJECTS:
                    break
                if is_name(entry.name):
                    with suppress(NotHereError):
                        found[entry.name] = self._look(entry.name)
        return Told(self.home, found)

    def open(self, name: str, tag: str) -> int:
        """One object's descriptor.

        Raises:
            NotHereError: it is not there, or another one.
            InUseError: it can be written to now.
        """
        descriptor = self._open(name)
        problem = NotHereError() if tag_of(descriptor) != tag else InUseError() if is_written(descriptor) else None
        if problem is not None:
            os.close(descriptor)
            raise problem
        return descriptor

    def free(self) -> tuple[int, int]:
        """How many bytes have room here still, and how many files."""
        found = os.statvfs(self._root)
        return found.f_bavail * found.f_frsize, found.f_favail

    def begin(self, each: Lying) -> int:
        """A file for what is brought, which nobody sees and which goes with its descriptor, however this process ends.

        Raises:
            NoRoomError: it has none.
            OSError: it can't be here, whatever room there is.
        """
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(each.name, dir_fd=self._root, follow_symlinks=False).st_mode):
                raise IsADirectoryError(errno.EISDIR, "a folder here has its name")
        # Its pages count against this container; beyond its limit the kernel would end the node plugin.
        limit = headroom()
        if limit is not None and not limit.holds(each.size_bytes + _ITSELF_BYTES):
            message = f"the node plugin's memory limit of {limit.limit_bytes:,} bytes is reached"
            raise NoRoomError(message)
        with _room_needed():
            descriptor = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o444, dir_fd=self._root)
        try:
            if each.size_bytes:
                os.posix_fallocate(descriptor, 0, each.size_bytes)
        except OSError as error:
            os.close(descriptor)
            raise NoRoomError(error.strerror or str(error)) from error
        return descriptor

    def publish(self, each: Lying, descriptor: int, instead: Lying | None) -> bool:
        """Give a copy that is whole its name; False where something newer has it meanwhile.

        Args:
            each: the object.
            descriptor: of the copy.
            instead: what had the name when that was decided.

        Raises:
            NoRoomError: there is none for its name, or for what it says of its home.
            OSError: it can't be.
        """
        unfinished = f"{_UNFINISHED}{secrets.token_hex(8)}"
        root = self._root
        with _room_needed():
            os.fchmod(descriptor, 0o444)  # whatever this process masks
            os.setxattr(descriptor, _HOME, write_home(each.home, each.name))
            os.utime(descriptor, ns=(each.put_ns, each.put_ns))
            os.link(f"/proc/self/fd/{descriptor}", unfinished, src_dir_fd=root, dst_dir_fd=root, follow_symlinks=True)
        try:
            if self._is_newer(each, instead):
                return False
            os.rename(unfinished, each.name, src_dir_fd=root, dst_dir_fd=root)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(unfinished, dir_fd=root)
        return True

    def drop(self, each: Lying) -> None:
        """Remove a copy, if it is that very one still; those who have it keep it."""
        with suppress(NotHereError, FileNotFoundError):
            if self._look(each.name) == each:
                os.unlink(each.name, dir_fd=self._root)

    def _is_newer(self, each: Lying, instead: Lying | None) -> bool:
        try:
            there = self._look(each.name)
        except NotHereError:
            return False
        return there != instead and there > each

    def _look(self, name: str) -> Lying:
        descriptor = self._open(name)
        try:
            found = os.fstat(descriptor)
            if found.st_mtime_ns < 0:
                raise NotHereError  # who wrote it says so, and no object was put then
            try:
                home = read_home(os.getxattr(descriptor, _HOME), name)
            except OSError:
                home = None
            return Lying(found.st_mtime_ns, home or self.home, name, found.st_size)
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        if not is_name(name):
            raise NotHereError
        try:
            descriptor = os.open(name, _FILE, dir_fd=self._root)
        except OSError as error:
            raise NotHereError from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotHereError
        return descriptor


@contextmanager
def _room_needed() -> Iterator[None]:
    """What fails within because a file system is full has no room."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM}:
            raise
        raise NoRoomError(error.strerror or str(error)) from error


def tag_of(descriptor: int) -> str:
    """The tag of what is open."""
    found = os.fstat(descriptor)
    return f"{found.st_size}-{found.st_mtime_ns}"


def is_written(descriptor: int) -> bool:
    """Whether anybody has the file open to write to it, or mapped: the kernel leases no such file.

    Where it leases none at all, nobody can say; what was put by a rename is whole all the same.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _room_of(root: int) -> str:
    """The word that tells this memory from all others; it is made with the first look."""
    with suppress(FileExistsError):
        os.setxattr(root, _ROOM, secrets.token_hex(16).encode(), os.XATTR_CREATE)
    return os.getxattr(root, _ROOM).decode("ascii")
