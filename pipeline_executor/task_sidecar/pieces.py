"""Sizes of the pieces in which a file crosses: whole up to 64 MiB, above that in parts. Pure.

Both ends make the same plan from the size alone, so that parts which were uploaded before somebody was killed can be
told from those that are missing.
"""

from dataclasses import dataclass
from typing import Final

WHOLE_BYTES: Final = 64 << 20
"""Up to this a file crosses whole."""
MOST_PARTS: Final = 10_000
"""S3 takes no more."""
_GRAIN_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """`size_bytes` of a file from `offset` on; `number` is the part's, from 1, and 0 where it is the whole file."""

    number: int
    offset: int
    size_bytes: int


def part_bytes(file_bytes: int, least_bytes: int = WHOLE_BYTES) -> int:
    """Return the size of a file's parts: `least_bytes`, or more where there would be too many parts.

    Args:
        file_bytes: of the file.
        least_bytes: at least 5 MiB, which is the least that S3 takes.
    """
    enough = -(-file_bytes // MOST_PARTS)
    return max(least_bytes, -(-enough // _GRAIN_BYTES) * _GRAIN_BYTES)


def pieces_of(file_bytes: int, least_bytes: int = WHOLE_BYTES) -> list[Piece]:
    """Return all pieces of a file, in order.

    Args:
        file_bytes: of the file.
        least_bytes: see `part_bytes`.
    """
    if file_bytes <= WHOLE_BYTES:
        return [Piece(0, 0, file_bytes)]
    size = part_bytes(file_bytes, least_bytes)
    return [
        Piece(number, offset, min(size, file_bytes - offset))
        for number, offset in enumerate(range(0, file_bytes, size), start=1)
    ]


def piece_of(file_bytes: int, number: int, least_bytes: int = WHOLE_BYTES) -> Piece | None:
    """Return one piece; None: a file of this size has no such piece.

    Args:
        file_bytes: of the file.
        number: the piece's.
        least_bytes: see `part_bytes`.
    """
    if file_bytes <= WHOLE_BYTES:
        return Piece(0, 0, file_bytes) if number == 0 else None
    size = part_bytes(file_bytes, least_bytes)
    offset = (number - 1) * size
    return Piece(number, offset, min(size, file_bytes - offset)) if number >= 1 and offset < file_bytes else None
