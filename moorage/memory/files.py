"""Whole objects under names, in a directory of shared memory: files that are published by a rename.

What a killed writer left goes when the next store is opened.
"""

import errno
import fcntl
import mmap
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from moorage.headroom import headroom, is_in_memory
from moorage.memory.layout import MemoryObjectError
from moorage.memory.space import Content, absent, no_room, quoted

_UNFINISHED: Final = ".unfinished-"
_YOUNG_SECONDS: Final = 60.0
_SMALL_BYTES: Final = 1 << 20
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM})
_NO_RIGHT: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class FileSpace:
    """One directory.

    Args:
        directory: made where it is not there, for its owner alone.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._is_in_memory = is_in_memory(directory)
        self._sweep()

    @property
    def place(self) -> str:
        """The directory."""
        return str(self.directory)

    def write(self, name: str, content: Content) -> int:
        """Publish an object in place of what was there; its size in bytes.

        Raises:
            MemoryObjectError: the name can't be used, or there is no room: what is there stays as it was.
        """
        target = self._path(name)
        self._look_for_room(name, content.size_bytes)
        # Where others may put objects, whoever may look into the directory may read them: a pod that has it is trusted
        # with all of it, and containers run as many users.
        is_private = self.is_private()
        unfinished = self.directory / f"{_UNFINISHED}{secrets.token_hex(8)}"
        descriptor = self._open_new(unfinished, name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not is_private:
                os.fchmod(descriptor, 0o644)  # so that others can see whether it is locked, and sweep it
            # By writes, not through a mapping: a page that can't be had is an error here, and would be a SIGBUS there.
            content.write(descriptor)
            size_bytes = os.fstat(descriptor).st_size
            os.fchmod(descriptor, 0o440 if is_private else 0o444)
            unfinished.replace(target)
        except BaseException as error:
            unfinished.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in _NO_SPACE:
                raise no_room(name, self.place, error.strerror or str(error)) from None
            raise
        finally:
            os.close(descriptor)
        return size_bytes

    def read(self, name: str, *, writable: bool = False) -> memoryview:
        """An object's bytes, where they lie; they stay as long as somebody holds them.

        Args:
            name: of it.
            writable: what is written goes to copies of the pages, for this mapping alone.

        Raises:
            MemoryObjectError: there is none of that name.
        """
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise absent(name, self.place) from None
        try:
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes == 0:
                raise MemoryObjectError(f"what lies at {name!r} is no object")
            protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
            return memoryview(mmap.mmap(descriptor, size_bytes, flags=mmap.MAP_PRIVATE, prot=protection))
        finally:
            os.close(descriptor)

    def delete(self, name: str) -> bool:
        """Delete an object; whether it was there."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in _NO_RIGHT:
                raise self._only_read(name, "deleted from") from None
            raise
        return True

    def names(self) -> list[str]:
        """All names, sorted."""
        found = (unquote(entry.name) for entry in os.scandir(self.directory) if not entry.name.startswith("."))
        return sorted(found)

    def delete_older(self, prefix: str, than_seconds: float) -> int:
        """Delete objects that were put longer ago than that; how many.

        Args:
            prefix: of their names.
            than_seconds: since they were put.
        """
        before, deleted = time.time() - than_seconds, 0
        for entry in os.scandir(self.directory):
            if entry.name.startswith(".") or not unquote(entry.name).startswith(prefix):
                continue
            with suppress(FileNotFoundError):  # somebody else was faster
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    Path(entry.path).unlink()
                    deleted += 1
        return deleted

    def is_private(self) -> bool:
        """Whether this user alone can have put what lies there, pickles among it."""
        found = self.directory.stat()
        return found.st_uid == os.getuid() and not found.st_mode & 0o022

    def _look_for_room(self, name: str, expected_bytes: int) -> None:
        """Refuse what the container's limit does not hold: the kernel would not fail the write, but kill a process."""
        if expected_bytes < _SMALL_BYTES or not self._is_in_memory:
            return
        found = headroom()
        if found is not None and not found.holds(expected_bytes):
            problem = (
                f"object {name!r} has no room in the memory of this container: it needs {expected_bytes:,} bytes, and "
                f"of its limit of {found.limit_bytes:,} are {max(found.left_bytes, 0):,} left"
            )
            raise MemoryObjectError(f"{problem}: raise resources.limits.memory, or delete objects that it put")

    def _open_new(self, path: Path, name: str) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if error.errno in _NO_RIGHT:
                raise self._only_read(name, "put into") from None
            raise

    def _only_read(self, name: str, doing: str) -> MemoryObjectError:
        problem = f"object {name!r} can't be {doing} {self.directory}, which this process may only read"
        return MemoryObjectError(f"{problem}: a pod that writes has the label dataset.N.access: readWrite")

    def _path(self, name: str) -> Path:
        return self.directory / quoted(name)

    def _sweep(self) -> None:
        """Remove what writers left that are gone: whoever writes holds a lock."""
        for entry in os.scandir(self.directory):
            if not entry.name.startswith(_UNFINISHED):
                continue
            with suppress(OSError):
                if time.time() - entry.stat().st_mtime < _YOUNG_SECONDS:  # perhaps not locked yet
                    continue
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    Path(entry.path).unlink()
                finally:
                    os.close(descriptor)
