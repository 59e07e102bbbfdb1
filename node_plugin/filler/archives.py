"""The members of a tar (plain, gzip, bzip2 or zstd) or a zip, read from its start to its end within bounds of memory.

The file was made by a stranger. What Python's modules say of it is never acted on here, only told: `members` decides.
"""

import bz2
import calendar
import gzip
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

from node_plugin.filler import zstd_frames
from node_plugin.filler.members import ArchiveError, Kind, Member

PIECE_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 64 << 10
"""Of one header of a tar: a name and what else is said of a member."""
_HEADERS_BYTES: Final = 1 << 20
"""Of all headers before one member: there may be many, and a sparse file's map is read like them."""
_DIRECTORY_BYTES: Final = 16 << 20
"""Of a zip's list of its members."""
_ZSTD_READ_BYTES: Final = 128 << 10
_BLOCK: Final = b"\0" * 512
_TARGET_BYTES: Final = 4096
_UNIX: Final = 3
_ENCRYPTED: Final = 0x1
_LAST_SECOND: Final = 1 << 33
_FORMS: Final = "tar, tar.gz, tar.bz2, tar.zst or zip"
_OTHERS: Final = (
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "RAR"),
)

_DAMAGED: Final = "it is damaged or cut short"

Read = Callable[[int], bytes]
Members = Iterator[tuple[Member, Read]]
"""Members in the archive's order; each is read before the next one is asked for."""


class Bytes(Protocol):
    """What comes out of a decompressor."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at its end."""
        ...


def members_of(path: Path, passing: Callable[[int], None]) -> AbstractContextManager[Members]:
    """The members of an archive.

    Args:
        path: of the archive.
        passing: told how many bytes have come out of a compressed tar, headers and all; what it raises ends it.

    Raises:
        ArchiveError: it is none, is damaged, or is made to hurt; also while members are read.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(path)
    if start.startswith(b"\x1f\x8b"):
        return _tar(path, passing, lambda file: gzip.GzipFile(fileobj=file), "gzip")
    if start.startswith(b"BZh"):
        return _tar(path, passing, bz2.BZ2File, "bzip2")
    if start.startswith(zstd_frames.MAGIC):
        return _tar(path, passing, lambda file: _Unzstd(file, passing), "zstd")
    for magic, name in _OTHERS:
        if start.startswith(magic):
            raise ArchiveError(f"it is packed with {name}, which is not unpacked here: pack it as {_FORMS}")
    return _tar(path, passing, lambda file: file, "")


class _Unzstd:
    """What comes out of a stream of zstd frames, all of which have to be whole."""

    def __init__(self, file: IO[bytes], passing: Callable[[int], None]) -> None:
        import zstandard  # noqa: PLC0415 - few archives need it, and every filler would load it

        self._file = file
        self._passing = passing
        self._frames = zstd_frames.Frames()
        opened = zstandard.ZstdDecompressor(max_window_size=zstd_frames.MOST_WINDOW_BYTES)
        self._frames_read = opened.stream_reader(
            cast("IO[bytes]", _Heard(self._next)), read_size=_ZSTD_READ_BYTES, read_across_frames=True
        )

    def read(self, size: int, /) -> bytes:
        piece = self._frames_read.read(size)
        if not piece and size and not self._frames.is_whole:
            raise ArchiveError("it is cut short: upload it again")
        return piece

    def _next(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._frames.hear(piece)
        # Frames may be empty: time passes all the same.
        self._passing(0)
        return piece


@dataclass(frozen=True, slots=True)
class _Heard:
    """A file as the decompressor reads it."""

    read: Read


class _Forward:
    """What tarfile reads from: it moves on only, and no header is larger than it may be."""

    def __init__(self, source: Bytes, passing: Callable[[int], None]) -> None:
        self._source = source
        self._passing = passing
        self._position = 0
        self._header_bytes = 0
        self._is_header = True
        self.last = b""

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, _whence: int = 0) -> int:
        if position < self._position:
            raise ArchiveError("it is damaged: a member lies before the one that comes before it")
        while self._position < position:
            if not self._take(min(PIECE_BYTES, position - self._position)):
                raise ArchiveError("it is cut short: upload it again")
        return position

    def expect(self, *, header: bool) -> None:
        """Say whether headers or a member's content are read next."""
        self._is_header, self._header_bytes = header, 0

    def read(self, size: int) -> bytes:
        most_bytes = _HEADER_BYTES if self._is_header else 2 * PIECE_BYTES
        if not 0 <= size <= most_bytes:
            raise ArchiveError(f"one of its headers has more than {most_bytes:,} bytes: pack it again")
        if self._is_header:
            self._header_bytes += size
            if self._header_bytes > _HEADERS_BYTES:
                raise ArchiveError(f"the headers of a member have more than {_HEADERS_BYTES:,} bytes: pack it again")
        whole = b""
        while len(whole) < size and (piece := self._take(size - len(whole))):
            whole += piece
        self.last = whole
        return whole

    def drain(self) -> None:
        """To the end, where a compressed file says what its bytes sum up to."""
        while self._take(PIECE_BYTES):
            pass

    def _take(self, size: int) -> bytes:
        piece = self._source.read(size)
        self._position += len(piece)
        self._passing(len(piece))
        return piece


@contextmanager
def _tar(path: Path, passing: Callable[[int], None], opened: Callable[[Any], Bytes], packing: str) -> Iterator[Members]:
    with path.open("rb") as file:
        stream = _Forward(opened(file), passing)
        with _told(f"it is no {_FORMS}" if not packing else f"it is one {packing} file, and no archive"):
            # Its constructor reads the first header; a link's target is read as a name is.
            tar = tarfile.TarFile(
                fileobj=cast("IO[bytes]", stream), mode="r", encoding="utf-8", errors="surrogateescape"
            )
        yield _tar_members(tar, stream)


def _tar_members(tar: tarfile.TarFile, stream: _Forward) -> Members:
    with _told(_DAMAGED):
        while (found := _next(tar, stream)) is not None:
            member = Member(found.name, _tar_kind(found), found.linkname, _second(found.mtime))
            content = tar.extractfile(found) if member.kind is Kind.FILE else None
            stream.expect(header=False)
            yield member, _nothing if content is None else _safely(content.read)
            # Neither its list of members nor what holds for all of them may grow for ever.
            cast("Any", tar).members.clear()
            if sum(len(name) + len(str(value)) for name, value in tar.pax_headers.items()) > _HEADER_BYTES:
                raise ArchiveError("its headers say too much of all members: pack it again")
        if stream.last != _BLOCK:
            raise ArchiveError("it has no end, so part of it may be missing: upload it again")
        stream.drain()


def _next(tar: tarfile.TarFile, stream: _Forward) -> tarfile.TarInfo | None:
    stream.expect(header=True)
    return tar.next()


def _tar_kind(found: tarfile.TarInfo) -> Kind:
    if found.isreg():
        return Kind.FILE
    if found.isdir():
        return Kind.FOLDER
    if found.issym():
        return Kind.LINK
    return Kind.ALIAS if found.islnk() else Kind.SPECIAL


class _Bounded:
    """What zipfile reads from: nothing of it is read at once that is larger than a list of members may be."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(_DIRECTORY_BYTES + 1 if size < 0 else min(size, _DIRECTORY_BYTES + 1))
        if len(found) > _DIRECTORY_BYTES:
            raise ArchiveError(f"its list of members has more than {_DIRECTORY_BYTES:,} bytes: split it")
        return found


@contextmanager
def _zip(path: Path) -> Iterator[Members]:
    with path.open("rb") as file:
        with _told(_DAMAGED):
            packed = zipfile.ZipFile(cast("IO[bytes]", _Bounded(file)))
        yield _zip_members(packed)


def _zip_members(packed: zipfile.ZipFile) -> Members:
    with _told(_DAMAGED):
        for found in packed.infolist():
            name = ascii(found.filename[:80])
            if found.flag_bits & _ENCRYPTED:
                raise ArchiveError(f"member {name} is encrypted: pack it again without a password")
            if found.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise ArchiveError(f"member {name} is packed in a way that is not unpacked here: use deflate")
            kind = _zip_kind(found)
            if kind is Kind.FOLDER:
                yield Member(found.filename, kind), _nothing
                continue
            with packed.open(found) as content:
                target = content.read(_TARGET_BYTES).decode() if kind is Kind.LINK else ""
                yield Member(found.filename, kind, target, _zip_second(found)), _safely(content.read)


def _zip_kind(found: zipfile.ZipInfo) -> Kind:
    mode = found.external_attr >> 16 if found.create_system == _UNIX else 0
    if found.is_dir() or stat.S_ISDIR(mode):
        return Kind.FOLDER
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.FILE if stat.S_IFMT(mode) in {0, stat.S_IFREG} else Kind.SPECIAL


def _zip_second(found: zipfile.ZipInfo) -> int:
    try:
        return _second(calendar.timegm(time.struct_time((*found.date_time, 0, 0, 0))))
    except (ValueError, OverflowError):
        return 0


def _second(seconds: float) -> int:
    """One that any file system takes."""
    return int(min(max(seconds, 0), _LAST_SECOND))


def _nothing(_size: int) -> bytes:
    return b""


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Whatever a parser raises of a stranger's file, in words. What is done between two members raises elsewhere."""
    try:
        yield
    except (ArchiveError, GeneratorExit):
        raise
    except Exception as error:
        words = _DAMAGED if isinstance(error, (EOFError, OSError, zlib.error)) else what
        raise ArchiveError(f"{words} ({type(error).__name__}): upload it again") from error


def _safely(read: Read) -> Read:
    def read_safely(size: int) -> bytes:
        with _told(_DAMAGED):
            return read(size)

    return read_safely
