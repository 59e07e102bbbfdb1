"""Totals of a folder, updated object by object: pure, and as small for a million objects as for ten."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from moorage.sources.versions import version_line

SAMPLES_OF_EACH_KIND = 3

Entry = tuple[bytes, int, str]
"""Key relative to the folder, size in bytes, etag without quotes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One object to look into."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder's objects, all told.

    Attributes:
        version: SHA-256 over `key NUL size NUL etag LF`, keys in bytewise order.
        shape: the same without etags: equal for true copies.
        objects: the number of objects.
        size_bytes: their sum.
        samples: the first objects by name of each file name suffix kind, see `tables.names`.
        in_order: whether the store listed in bytewise order.
    """

    version: str
    shape: str
    objects: int
    size_bytes: int
    samples: Mapping[str, tuple[Sample, ...]]
    in_order: bool = True


class Tally:
    """A fold of entries, in bytewise order of their keys, into a listing."""

    def __init__(self) -> None:
        self._version = hashlib.sha256()
        self._shape = hashlib.sha256()
        self._objects = 0
        self._size_bytes = 0
        self._samples: dict[str, list[Sample]] = {}
        self._last: bytes | None = None

    def fits(self, key: bytes) -> bool:
        """Return whether the key comes after the last one."""
        return self._last is None or key > self._last

    def add(self, entry: Entry, kind: str | None) -> None:
        """Take one entry; `kind` is what its name says it is, None for what is no data (`_SUCCESS`)."""
        key, size_bytes, etag = entry
        self._last = key
        self._version.update(version_line(key, size_bytes, etag))
        self._shape.update(b"%b\0%d\n" % (key, size_bytes))
        self._objects += 1
        self._size_bytes += size_bytes
        if kind is None:
            return
        kept = self._samples.setdefault(kind, [])
        if len(kept) < SAMPLES_OF_EACH_KIND:
            kept.append(Sample(key.decode(errors="surrogateescape"), size_bytes))

    def listing(self, *, in_order: bool) -> Listing:
        """Return the listing of all that was added so far."""
        return Listing(
            version=self._version.hexdigest(),
            shape=self._shape.hexdigest(),
            objects=self._objects,
            size_bytes=self._size_bytes,
            samples=MappingProxyType({kind: tuple(kept) for kind, kept in self._samples.items()}),
            in_order=in_order,
        )
