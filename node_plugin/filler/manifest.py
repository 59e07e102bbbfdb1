"""The objects of one version, and which version they are. Pure, but for reading and writing the file.

One JSON list a line, `[key, bytes, etag, seconds since 1970]`, sorted bytewise by key: so the version is computed from
the file alone.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from moorage.errors import InputError
from moorage.sources.versions import version_line

NAME: Final = "manifest"
# Beside it, in a version's folder: whole objects, and those that are being written.
OBJECTS: Final = "objects"
PARTS: Final = "parts"
# A version that has more is not copied, and of more nothing is given to neighbours.
MOST_OBJECTS: Final = 200_000
_LONGEST_LINE: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One object.

    Attributes:
        key: relative to the folder.
        size_bytes: as it was listed.
        etag: without quotes.
        modified_seconds: since 1970; what a mount of the store shows as the file's time.
    """

    key: str
    size_bytes: int
    etag: str
    modified_seconds: int

    @property
    def sort_key(self) -> bytes:
        """Bytewise."""
        return self.key.encode(errors="surrogateescape")


def version_of(entries: Iterable[Entry]) -> str:
    """The version, of entries in bytewise order of their keys."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(version_line(entry.sort_key, entry.size_bytes, entry.etag))
    return digest.hexdigest()


def write(entries: Iterable[Entry], name: str = NAME) -> None:
    """Write the file, whole or not at all."""
    unfinished = f"{name}.new"
    with open(unfinished, "w", encoding="utf-8") as file:  # noqa: PTH123 - relative to where the process is
        for entry in entries:
            json.dump([entry.key, entry.size_bytes, entry.etag, entry.modified_seconds], file, ensure_ascii=True)
            file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.chmod(unfinished, 0o444)  # noqa: PTH101
    os.replace(unfinished, name)  # noqa: PTH105


def read(directory: int) -> Iterator[Entry]:
    """Read the file of a version whose folder is open as `directory`.

    Raises:
        OSError: there is none.
        InputError: a line is none of ours.
    """
    descriptor = os.open(NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=directory)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        while line := file.readline(_LONGEST_LINE):
            yield read_entry(line)


def read_entry(line: str) -> Entry:
    """Read one line of the file.

    Raises:
        InputError: it is none of ours.
    """
    try:
        key, size_bytes, etag, modified_seconds = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError("manifest", "line", "is none of ours") from None
    if not (isinstance(key, str) and isinstance(etag, str)):
        raise InputError("manifest", "line", "is none of ours")
    if not (isinstance(size_bytes, int) and isinstance(modified_seconds, int)):
        raise InputError("manifest", "line", "is none of ours")
    return Entry(key, size_bytes, etag, modified_seconds)
