"""The cache's folder on the node's disk. Everything in it was made by rename, so it can be read back at any moment.

    whole/<namespace>_<name>_<version>/      complete and verified; nothing in it changes any more
    filling/<namespace>_<name>_<version>/    a fill under way, or one that was interrupted
    trash/<random>/                          renamed away, being removed

All three are root's alone (0700): what a pod reads comes through a mount that was granted to it.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from moorage.model import DatasetRef
from node_plugin.caching.holding import Holding, VersionKey, disk_bytes, key_of_folder
from node_plugin.caching.summaries import read_whole, sync_folder, write_summary
from node_plugin.filler import manifest

_log = logging.getLogger(__name__)

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Store:
    """What the node holds. Methods do short work on the disk; only `empty_trash` may take long.

    Args:
        directory: of the cache; it is made.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._whole = directory / "whole"
        self._filling = directory / "filling"
        self._trash = directory / "trash"
        for folder in (directory, self._whole, self._filling, self._trash):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        self._held: dict[VersionKey, Holding] = {}
        self._load(of_this_boot=self._mark_boot())

    # --- what is there ---

    def __iter__(self) -> Iterator[Holding]:
        return iter(list(self._held.values()))

    def get(self, key: VersionKey) -> Holding | None:
        """What is held of a version."""
        return self._held.get(key)

    def is_whole(self, key: VersionKey) -> bool:
        """Whether all of it is there."""
        held = self._held.get(key)
        return held is not None and held.whole

    def of(self, ref: DatasetRef) -> list[Holding]:
        """What is held of a dataset, all versions."""
        return [held for held in self if held.key.ref == ref]

    @property
    def disk_bytes(self) -> int:
        """What all of it takes, fills under way as if they were whole."""
        return sum(held.disk_bytes for held in self)

    def free_bytes(self) -> int:
        """What the file system has left."""
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize

    def total_bytes(self) -> int:
        """What the file system has."""
        found = os.statvfs(self.directory)
        return found.f_blocks * found.f_frsize

    def objects(self, key: VersionKey) -> Path:
        """The folder with a whole version's files."""
        return self._whole / key.folder / manifest.OBJECTS

    def folder(self, key: VersionKey) -> Path:
        """A whole version's folder."""
        return self._whole / key.folder

    # --- filling ---

    def begin(
        self, key: VersionKey, size_bytes: int, objects: int, owner: int | None, part_bytes: int | None = None
    ) -> Path:
        """The folder to fill, with what an interrupted fill left in it.

        Args:
            key: of what.
            size_bytes: of the whole version.
            objects: how many there are; 0 where it is not known yet.
            owner: who fills it; None: this process's own user.
            part_bytes: what it may take of the disk, where there is no room for all of it.
        """
        folder = self._filling / key.folder
        folder.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(folder, owner, owner)
        before = self._held.get(key)
        self._held[key] = Holding(
            key=key,
            size_bytes=0 if before is None else before.size_bytes,
            disk_bytes=disk_bytes(size_bytes, objects) if part_bytes is None else part_bytes,
            whole=False,
            last_used=time.time(),
            filled_at=time.time() if before is None else before.filled_at,
            begun=True,
            part_bytes=part_bytes,
        )
        return folder

    def progress(self, key: VersionKey, size_bytes: int, on_disk_bytes: int = 0, near_bytes: int = 0) -> None:
        """So many bytes are whole by now, some from neighbours; an archive takes more of the disk than it has bytes."""
        held = self._held.get(key)
        if held is not None and not held.whole:
            self._held[key] = replace(
                held,
                size_bytes=size_bytes,
                disk_bytes=max(held.disk_bytes, size_bytes, on_disk_bytes),
                near_bytes=min(near_bytes, size_bytes),
            )

    def ended(self, key: VersionKey) -> None:
        """A fill is not under way any more; nobody is to count on it."""
        held = self._held.get(key)
        if held is not None and not held.whole:
            self._held[key] = replace(held, begun=False)

    def parted(self, key: VersionKey, size_bytes: int, objects: int) -> None:
        """A fill has brought all that there is room for."""
        held = self._held.get(key)
        if held is not None and not held.whole:
            self._held[key] = replace(held, size_bytes=size_bytes, disk_bytes=disk_bytes(size_bytes, objects))

    def unfinished(self, key: VersionKey) -> Path:
        """The folder of a fill that is under way, or was interrupted."""
        return self._filling / key.folder

    def publish(self, key: VersionKey, size_bytes: int, objects: int, unpacked_bytes: int | None = None) -> None:
        """A fill is whole: give it its place, in one step.

        Args:
            key: of what.
            size_bytes: of the version, as the dataset has it.
            objects: files on the disk.
            unpacked_bytes: of an archive, what its files have.

        Raises:
            OSError: the disk refuses; nothing is published then.
        """
        source, target = self._filling / key.folder, self._whole / key.folder
        # Nobody but us changes it any more, the one who filled it included.
        os.chown(source, os.geteuid(), os.getegid())
        source.chmod(0o700)
        before = self._held.get(key)
        near_bytes = 0 if before is None else before.near_bytes
        on_disk_bytes = size_bytes if unpacked_bytes is None else unpacked_bytes
        write_summary(
            source, size_bytes=size_bytes, objects=objects, near_bytes=near_bytes, unpacked_bytes=unpacked_bytes
        )
        if target.exists():
            self._throw_away(target)
        source.rename(target)
        sync_folder(self._whole)
        self._held[key] = Holding(
            key=key,
            size_bytes=size_bytes,
            disk_bytes=disk_bytes(on_disk_bytes, objects),
            whole=True,
            last_used=time.time(),
            filled_at=time.time(),
            near_bytes=near_bytes,
        )

    def touch(self, key: VersionKey) -> None:
        """A volume that uses it came or went."""
        held = self._held.get(key)
        if held is None:
            return
        self._held[key] = replace(held, last_used=time.time())
        with contextlib.suppress(OSError):
            os.utime((self._whole if held.whole else self._filling) / key.folder)

    # --- removing ---

    def drop(self, key: VersionKey) -> None:
        """Take a version out of its place at once; `empty_trash` gives its room back."""
        self._held.pop(key, None)
        for parent in (self._whole, self._filling):
            folder = parent / key.folder
            if folder.exists():
                self._throw_away(folder)

    @property
    def has_trash(self) -> bool:
        """Whether something waits to be removed."""
        return next(self._trash.iterdir(), None) is not None

    def empty_trash(self) -> None:
        """Remove what was dropped; for a thread, as many files take long."""
        for path in self._trash.iterdir():
            shutil.rmtree(path, ignore_errors=True)

    def _throw_away(self, folder: Path) -> None:
        folder.rename(self._trash / uuid.uuid4().hex)

    # --- reading back ---

    def _mark_boot(self) -> bool:
        """Remember when the node was started; gives whether that is as it was."""
        path = self.directory / "boot"
        boot = _BOOT_ID.read_text(encoding="ascii")
        if path.exists() and path.read_text(encoding="ascii") == boot:
            return True
        path.write_text(boot, encoding="ascii")
        return False

    def _load(self, *, of_this_boot: bool) -> None:
        for folder in self._whole.iterdir():
            key = key_of_folder(folder.name)
            held = None if key is None else read_whole(key, folder)
            if held is None:
                _log.warning("a folder of the cache can't be read and is removed", extra={"path": str(folder)})
                self._throw_away(folder)
            else:
                self._held[held.key] = held
        for folder in self._filling.iterdir():
            key = key_of_folder(folder.name)
            # After a reboot nobody knows what of an unfinished fill came as far as the disk.
            if key is None or key in self._held or not of_this_boot:
                self._throw_away(folder)
                continue
            size_bytes, objects = _found_in(folder / manifest.OBJECTS)
            self._held[key] = Holding(
                key=key,
                size_bytes=size_bytes,
                disk_bytes=disk_bytes(size_bytes, objects),
                whole=False,
                last_used=folder.stat().st_mtime,
                filled_at=folder.stat().st_mtime,
            )


def claim(directory: Path) -> int:
    """Make the cache's folder ours; gives a descriptor that keeps it so as long as it is open.

    Raises:
        OSError: another node plugin has it, or the disk refuses.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _found_in(objects: Path) -> tuple[int, int]:
    """Bytes and files below a folder; links are not followed."""
    size_bytes = count = 0
    for folder, _below, files in os.walk(objects):
        for name in files:
            with contextlib.suppress(OSError):
                size_bytes += os.lstat(f"{folder}/{name}").st_size
                count += 1
    return size_bytes, count
