"""An archive's members as files beneath a folder: read-only, each where `members` says, all within bounds.

Files are new files, never opened through a name that was there, and nothing of what the archive says of rights and
owners is taken over. Symbolic links come last, so that nothing is written through one.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node_plugin.filler.archives import PIECE_BYTES, Read, members_of
from node_plugin.filler.fetching import DiskError
from node_plugin.filler.members import ArchiveError, Kind, Layout, Member, Place

MOST_RATIO: Final = 200
_LEAST_BUDGET_BYTES: Final = 256 << 20
_HEADERS_BYTES: Final = 512 << 20
SECONDS: Final = 3600.0
_LOOK_AT_DISK_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an archive may become.

    Attributes:
        most_objects: files and folders.
        most_bytes: of all files.
        spare_bytes: that the disk must have left.
        seconds: that it may take.
        least_budget_bytes: that even the smallest archive may have; beyond it counts how often larger than itself.
    """

    most_objects: int
    most_bytes: int
    spare_bytes: int = 0
    seconds: float = SECONDS
    least_budget_bytes: int = _LEAST_BUDGET_BYTES


@dataclass(frozen=True, slots=True)
class Contents:
    """What came out."""

    objects: int
    size_bytes: int


def unpack(archive: str, into: str, limits: Limits, tell: Callable[[int], None]) -> Contents:
    """Unpack an archive into an empty folder that nobody else writes to.

    Args:
        archive: its path.
        into: the folder's.
        limits: beyond which it ends.
        tell: hears how many bytes were written.

    Raises:
        ArchiveError: it is none, is damaged, or is made to hurt.
        DiskError: it can't be written.
    """
    path = Path(archive)
    meter = _Meter(path.stat().st_size, limits, tell)
    writer = _Writer(into, Layout(limits.most_objects), meter)
    with members_of(path, meter.passed) as members:
        for member, read in members:
            writer.add(member, read)
    writer.add_links()
    if not writer.objects:
        raise ArchiveError("it holds no file: pack the data again")
    return Contents(writer.objects, meter.written_bytes)


class _Meter:
    """Counts, and ends what is too much."""

    def __init__(self, archive_bytes: int, limits: Limits, tell: Callable[[int], None]) -> None:
        self._limits = limits
        self._tell = tell
        self._ratio_bytes = max(limits.least_budget_bytes, archive_bytes * MOST_RATIO)
        self._deadline = time.monotonic() + limits.seconds
        self._passed_bytes = 0
        self._looked_at_bytes = -_LOOK_AT_DISK_BYTES
        self.written_bytes = 0

    def passed(self, size_bytes: int) -> None:
        """So many bytes came out of a compressed tar."""
        self._passed_bytes += size_bytes
        if self._passed_bytes > min(self._limits.most_bytes, self._ratio_bytes) + _HEADERS_BYTES:
            raise ArchiveError("it unpacks to far more than its files: pack it again")
        self._check_time()

    def will_write(self, size_bytes: int) -> None:
        """So many bytes are about to be written."""
        self.written_bytes += size_bytes
        if self.written_bytes > self._limits.most_bytes:
            problem = f"it unpacks to more than the {self._limits.most_bytes:,} bytes that a copy of it may take"
            raise ArchiveError(f"{problem}: raise spec.cache.sizeLimit or the node's limit, or split it")
        if self.written_bytes > self._ratio_bytes:
            raise ArchiveError(f"it unpacks to more than {MOST_RATIO} times its size: pack less into it, or split it")
        if self.written_bytes - self._looked_at_bytes >= _LOOK_AT_DISK_BYTES:
            self._looked_at_bytes = self.written_bytes
            self._check_disk()
        self._check_time()
        self._tell(self.written_bytes)

    def _check_disk(self) -> None:
        found = os.statvfs(".")
        if self._limits.spare_bytes and found.f_bavail * found.f_frsize < self._limits.spare_bytes:
            raise DiskError(OSError(28, "the node's disk is nearly full"))

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise ArchiveError(f"it takes more than {self._limits.seconds:g} s to unpack: split it")


class _Writer:
    """Writes members beneath a folder."""

    def __init__(self, root: str, layout: Layout, meter: _Meter) -> None:
        self._root = root
        self._layout = layout
        self._meter = meter
        self._links: list[Place] = []
        self.objects = 0

    def add(self, member: Member, read: Read) -> None:
        """A member; a symbolic link is kept for the end."""
        place = self._layout.place(member)
        try:
            for folder in place.folders:
                os.mkdir(f"{self._root}/{folder}", 0o755)  # noqa: PTH102 - names are no Paths, which fold slashes
        except OSError as error:
            raise _trouble(error, place.path) from error
        match member.kind:
            case Kind.FILE:
                self._write(member, place.path, read)
            case Kind.ALIAS:
                self._alias(place)
            case Kind.LINK:
                self._links.append(place)
        self._meter.will_write(0)

    def add_links(self) -> None:
        """Last: nothing is written any more."""
        for place in self._links:
            try:
                os.symlink(place.target, f"{self._root}/{place.path}")  # noqa: PTH211
            except OSError as error:
                raise _trouble(error, place.path) from error
            self.objects += 1

    def _write(self, member: Member, path: str, read: Read) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(f"{self._root}/{path}", flags, 0o600)
        except OSError as error:
            raise _trouble(error, path) from error
        try:
            while piece := read(PIECE_BYTES):
                self._meter.will_write(len(piece))
                _write_all(descriptor, piece)
            os.fchmod(descriptor, 0o444)
            os.utime(descriptor, (member.modified_seconds, member.modified_seconds))
        except OSError as error:
            raise DiskError(error) from error
        finally:
            os.close(descriptor)
        self.objects += 1

    def _alias(self, place: Place) -> None:
        try:
            os.link(f"{self._root}/{place.target}", f"{self._root}/{place.path}", follow_symlinks=False)
        except OSError as error:
            raise _trouble(error, place.path) from error
        self.objects += 1


def _write_all(descriptor: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(descriptor, left) :]


def _trouble(error: OSError, path: str) -> Exception:
    """A disk that does not tell names apart finds some there already."""
    if isinstance(error, FileExistsError):
        return ArchiveError(f"member {path[:80]!a} is in it twice, as the node's disk reads names: rename it")
    return DiskError(error)
