"""What an etag of an S3 store says of an object's bytes. Pure.

One of 32 digits is the MD5 of the object. One with a dash and a number is that of an upload in parts: the MD5 of the
parts' MD5s. How long a part was is not told; uploaders take whole MiB, so few lengths fit, and the right one proves
itself.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

from node_plugin.filler.manifest import Entry

_MD5: Final = re.compile(r"[0-9a-f]{32}")
_IN_PARTS: Final = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,4})")
_MIB: Final = 1 << 20
_MOST_LENGTHS: Final = 32
_USUAL_MIB: Final = (8, 5, 16, 64, 10, 50, 100)
"""What uploaders take where they are not told otherwise."""


def is_md5(etag: str) -> bool:
    """Whether it may be an object's MD5; it is none where the store keeps the object under a key of its own."""
    return _MD5.fullmatch(etag) is not None


def verifies(entry: Entry) -> bool:
    """Whether the etag can prove that bytes are the object's, whoever sends them."""
    return is_md5(entry.etag) or bool(part_lengths(entry))


def part_lengths(entry: Entry) -> list[int]:
    """How long the parts of an upload may have been, the usual lengths first; none where it was no such upload."""
    found = _IN_PARTS.fullmatch(entry.etag)
    if found is None:
        return []
    parts = int(found[2])
    if parts == 1:
        return [max(entry.size_bytes, 1)]
    # The least length of which so many hold all of it, and the greatest of which one fewer does not.
    least = -(-entry.size_bytes // parts)
    greatest = (entry.size_bytes - 1) // (parts - 1)
    first, last = -(-least // _MIB), greatest // _MIB
    if last - first >= _MOST_LENGTHS:
        return []
    fitting = range(first, last + 1)
    usual = [each for each in _USUAL_MIB if each in fitting]
    return [each * _MIB for each in [*usual, *(each for each in fitting if each not in usual)] if each > 0]


def fits_parts(entry: Entry, read: Callable[[int, int], bytes]) -> bool:
    """Whether bytes are those of an upload in parts.

    Args:
        entry: with the etag.
        read: so many bytes at an offset.
    """
    return any(_etag_of(entry.size_bytes, length, read) == entry.etag for length in part_lengths(entry))


def _etag_of(size_bytes: int, part_bytes: int, read: Callable[[int, int], bytes]) -> str:
    digests = b""
    for start in range(0, size_bytes, part_bytes):
        digest = hashlib.md5(usedforsecurity=False)
        for offset in range(start, min(start + part_bytes, size_bytes), _MIB):
            digest.update(read(min(_MIB, start + part_bytes - offset), offset))
        digests += digest.digest()
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(digests) // 16}"
