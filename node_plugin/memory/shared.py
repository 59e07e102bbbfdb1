"""The file systems in the node's memory: made, shown, measured, freed.

They are mounted below a folder that is root's alone. Pods see them through volumes, which the broker grants: those that
read have a bind that is read-only, whatever user they run as. Those that write may replace and delete each other's
objects, as several of one Dataset's writers, with users of their own, must be able to. So there is no sticky bit.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from moorage.errors import MountError
from node_plugin import binding, mountinfo, mounts
from node_plugin.journal import Journal
from node_plugin.memory import deciding
from node_plugin.memory.holding import HeldMemory, MemoryKey, key_of_folder

_log = logging.getLogger(__name__)

_TYPE: Final = "tmpfs"
_USED: Final = ".used"
_FEWEST_FILES, _MOST_FILES = 1024, 1 << 20
_BYTES_PER_FILE: Final = 16 * 1024
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class SharedMemory:
    """One node's.

    Args:
        directory: where the file systems are mounted; the node plugin's own.
        journal: the volumes that show them.
        limit_bytes: the most that all of them may hold together.
    """

    def __init__(self, directory: Path, journal: Journal, limit_bytes: int) -> None:
        self._directory = directory
        self._journal = journal
        self._limit_bytes = limit_bytes
        self.awaited: Counter[MemoryKey] = Counter()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)

    def __iter__(self) -> Iterator[HeldMemory]:
        """All that is held, by name. The kernel is asked, so that nothing is believed that a restart made untrue."""
        for mount in sorted(mountinfo.read(), key=lambda mount: mount.mount_point):
            path = Path(mount.mount_point)
            key = key_of_folder(path.name)
            if path.parent == self._directory and mount.fs_type == _TYPE and key is not None:
                yield self._measure(key, path)

    def used(self) -> set[MemoryKey]:
        """What a volume shows, or a pod waits for."""
        keys = (key_of_folder(volume.memory_folder) for volume in self._journal if volume.memory_folder)
        return {key for key in keys if key is not None} | self.awaited.keys()

    def folder(self, key: MemoryKey) -> Path:
        """Where a Dataset's memory is, if it is there."""
        return self._directory / key.folder

    @contextmanager
    def waiting(self, key: MemoryKey) -> Iterator[None]:
        """Keep it while the block runs: a pod is about to have it."""
        self.awaited[key] += 1
        try:
            yield
        finally:
            self.awaited[key] -= 1
            if not self.awaited[key]:
                del self.awaited[key]

    def show(self, key: MemoryKey, size_bytes: int, target: Path, *, writable: bool) -> None:
        """Show a Dataset's memory at a pod's mount point; it is made if it is not there.

        Raises:
            MountError: there is no room, or the kernel refused.
        """
        self.make(key, size_bytes)
        binding.bind(self.folder(key), target, writable=writable)

    def make(self, key: MemoryKey, size_bytes: int) -> None:
        """Have a Dataset's memory here, of that size.

        Raises:
            MountError: there is no room, or the kernel refused.
        """
        held = list(self)
        folder = self.folder(key)
        there = next((each for each in held if each.key == key), None)
        if there is None or size_bytes > there.size_bytes:
            problem = deciding.no_room(key, size_bytes, held, self._limit_bytes)
            if problem is not None:
                raise MountError(problem)
        if there is None:
            self._make(folder, size_bytes)
        elif there.size_bytes != _whole_pages(size_bytes):
            self._resize(folder, there, size_bytes)
        self.touch(key)

    def touch(self, key: MemoryKey) -> None:
        """It is used, or was until now."""
        self._marker(key).touch(mode=0o600)

    def free(self, departure: deciding.Departure) -> None:
        """Free what no volume shows.

        Raises:
            MountError: the kernel refused.
        """
        folder = self.folder(departure.key)
        mounts.unmount_all(folder)
        self._clear(folder)
        facts = {"dataset": str(departure.key.ref), "rule": departure.rule, "reason": departure.message}
        _log.info("memory was freed", extra=facts)

    def tidy(self) -> None:
        """Remove the folders and marks of what is not mounted any more, as after the node started anew."""
        held = {each.key.folder for each in self}
        for entry in os.scandir(self._directory):
            if entry.name.removesuffix(_USED) not in held:
                self._clear(self._directory / entry.name.removesuffix(_USED))

    def _make(self, folder: Path, size_bytes: int) -> None:
        files = min(max(_FEWEST_FILES, size_bytes // _BYTES_PER_FILE), _MOST_FILES)
        options = f"size={size_bytes},nr_inodes={files},mode=0777"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            message = f"{folder} can't be made: {error.strerror}"
            raise MountError(message) from error
        try:
            # What is confidential should be on no disk. Linux before 6.4 has no word for it.
            mounts.mount("moorage-memory", str(folder), _TYPE, mounts.SAFE_TO_WRITE, f"{options},noswap")
        except MountError:
            mounts.mount("moorage-memory", str(folder), _TYPE, mounts.SAFE_TO_WRITE, options)

    def _resize(self, folder: Path, there: HeldMemory, size_bytes: int) -> None:
        flags = mounts.MS_REMOUNT | mounts.SAFE_TO_WRITE
        try:
            mounts.mount(None, str(folder), None, flags, f"size={size_bytes}")
        except MountError as error:
            # More lies there than may. Those who have it keep it, and it is smaller when it is made anew.
            facts = {"dataset": str(there.key.ref), "used_bytes": there.used_bytes, "cause": str(error)}
            _log.warning("memory keeps its size", extra=facts)

    def _measure(self, key: MemoryKey, path: Path) -> HeldMemory:
        found = os.statvfs(path)
        try:
            last_used = self._marker(key).stat().st_mtime
        except FileNotFoundError:
            last_used = time.time()
        return HeldMemory(
            key=key,
            size_bytes=found.f_blocks * found.f_frsize,
            used_bytes=(found.f_blocks - found.f_bfree) * found.f_frsize,
            last_used=last_used,
        )

    def _marker(self, key: MemoryKey) -> Path:
        return self._directory / f"{key.folder}{_USED}"

    def _clear(self, folder: Path) -> None:
        folder.with_name(f"{folder.name}{_USED}").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            folder.rmdir()


def _whole_pages(size_bytes: int) -> int:
    return -(-size_bytes // _PAGE_BYTES) * _PAGE_BYTES
