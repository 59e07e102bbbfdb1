"""Which objects of a version are on this node's disk, and one of them, opened.

An object is named by its number in the manifest, so that nothing that a neighbour sends becomes a path. What a fill
under way has is in a folder of the filler's: it is no more trusted than the store that the filler talks to, so no link
in it is followed.
"""

import os
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from moorage.errors import InputError
from node_plugin.caching.holding import VersionKey
from node_plugin.filler import keys
from node_plugin.filler.lines import entry_at, starts_of
from node_plugin.filler.manifest import NAME, OBJECTS, PARTS, Entry
from node_plugin.filler.objects import FOLDER_FLAGS, open_object

_MOST_VERSIONS: Final = 8
_LOOK_SECONDS: Final = 1.0


class NotHereError(Exception):
    """The node does not have it."""


@dataclass(slots=True)
class _Known:
    """One version, as it was looked at last.

    Attributes:
        manifest: which file that was.
        starts: where each object's line begins in it.
        objects: a bit for each that is there.
        missing: the others.
        look_at: when to look again.
    """

    manifest: tuple[int, int]
    starts: "array[int]"
    objects: bytearray
    missing: list[int]
    look_at: float = float("-inf")


@dataclass(slots=True)
class Shelf:
    """All that a node can give. Its methods look at the disk: they are for threads."""

    _known: OrderedDict[VersionKey, _Known] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def having(self, key: VersionKey, folder: Path) -> bytes:
        """Which objects are there: one bit each, in the manifest's order, the lowest of a byte first.

        Args:
            key: of the version.
            folder: where it is; what is there stays, while this is so.

        Raises:
            NotHereError: nothing of it is there yet.
        """
        with self._lock, _opened(folder) as (root, manifest):
            known = self._version(key, manifest)
            began = time.monotonic()
            if began >= known.look_at:
                known.missing = [number for number in known.missing if not _note(known, number, root, manifest)]
                now = time.monotonic()
                known.look_at = now + max(_LOOK_SECONDS, 10 * (now - began))
            return bytes(known.objects)

    def open(self, key: VersionKey, folder: Path, number: int) -> tuple[int, int]:
        """An object, as a descriptor and its size.

        Raises:
            NotHereError: it is not there.
        """
        with _opened(folder) as (root, manifest):
            with self._lock:
                known = self._version(key, manifest)
            if number >= len(known.starts):
                raise NotHereError
            entry = _entry(known, number, manifest)
            descriptor = _open_object(entry.key, root)
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes != entry.size_bytes:
            os.close(descriptor)
            raise NotHereError
        return descriptor, size_bytes

    def _version(self, key: VersionKey, manifest: int) -> _Known:
        told = os.fstat(manifest)
        which = told.st_ino, told.st_mtime_ns
        known = self._known.get(key)
        if known is None or known.manifest != which:
            starts = starts_of(manifest)
            known = _Known(which, starts, bytearray((len(starts) + 7) // 8), list(range(len(starts))))
            self._known[key] = known
        self._known.move_to_end(key)
        while len(self._known) > _MOST_VERSIONS:
            self._known.popitem(last=False)
        return known


def progress(folder: Path) -> str:
    """Something that changes as long as a fill in the folder brings bytes."""
    newest, size_bytes = 0, 0
    try:
        with os.scandir(folder / PARTS) as found:
            for each in found:
                told = each.stat(follow_symlinks=False)
                newest, size_bytes = max(newest, told.st_mtime_ns), size_bytes + told.st_size
    except OSError:
        return ""
    return f"{newest}-{size_bytes}"


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[int, int]]:
    """A version's folder and its manifest, opened."""
    with ExitStack() as closing:
        try:
            root = os.open(folder, FOLDER_FLAGS)
            closing.callback(os.close, root)
            manifest = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root)
            closing.callback(os.close, manifest)
        except OSError as error:
            raise NotHereError from error
        yield root, manifest


def _entry(known: _Known, number: int, manifest: int) -> Entry:
    try:
        return entry_at(manifest, known.starts[number])
    except (OSError, InputError) as error:
        raise NotHereError from error


def _note(known: _Known, number: int, root: int, manifest: int) -> bool:
    """Note an object that is there."""
    try:
        entry = _entry(known, number, manifest)
        if keys.is_marker(entry.key, entry.size_bytes):
            return True
        if keys.problem_of(entry.key) is not None:
            return True
        # Cheap for those that are not there; the others are looked at once, without following a link.
        os.stat(f"{OBJECTS}/{entry.key}", dir_fd=root, follow_symlinks=False)
        descriptor = _open_object(entry.key, root)
    except (OSError, NotHereError):
        return False
    try:
        if os.fstat(descriptor).st_size != entry.size_bytes:
            return False
    finally:
        os.close(descriptor)
    known.objects[number >> 3] |= 1 << (number & 7)
    return True


def _open_object(key: str, root: int) -> int:
    """Open an object's file.

    Raises:
        NotHereError: it is not there.
    """
    try:
        objects = os.open(OBJECTS, FOLDER_FLAGS, dir_fd=root)
    except OSError as error:
        raise NotHereError from error
    try:
        descriptor = open_object(key, objects)
    finally:
        os.close(objects)
    if descriptor is None:
        raise NotHereError
    return descriptor
