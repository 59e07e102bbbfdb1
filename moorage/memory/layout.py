"""What an object's bytes are: a description, and buffers that are read where they lie.

    magic (8 bytes) | length of the description (8 bytes, little endian) | description, JSON | buffers

Each buffer begins at a multiple of 64 bytes, as Arrow wants it. An object that is one table has no such frame: it is an
Arrow IPC file, whose schema's metadata says the rest, so that any Arrow program reads it.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from moorage.errors import MoorageError

MAGIC: Final = b"MOORMEM1"
ARROW_MAGIC: Final = b"ARROW1"
ALIGNMENT: Final = 64
MOST_DESCRIPTION_BYTES: Final = 16 << 20
MOST_BUFFERS: Final = 100_000
_HEAD_BYTES: Final = 16
_PIECE_BYTES: Final = 1 << 30

Node = dict[str, Any]
"""What a value is, as JSON: its kind, and the numbers of its buffers."""


class MemoryObjectError(MoorageError):
    """An object can't be kept, or what lies there is none."""


class UntrustedObjectError(MemoryObjectError):
    """It was pickled, and its reader did not say that it trusts the writer."""


class PrivatePagesNeededError(MemoryObjectError):
    """It holds what any code can write to, so its bytes have to be the reader's own."""


@dataclass(slots=True)
class Parts:
    """The buffers of an object that is being described.

    Attributes:
        are_written: by readers, who therefore need pages of their own.
    """

    buffers: list[memoryview] = field(default_factory=list)
    are_written: bool = False

    def add(self, buffer: Any) -> int:  # noqa: ANN401 - whatever has the buffer protocol
        """Add one; its number."""
        view = memoryview(buffer)
        if view.nbytes and not view.contiguous:
            raise MemoryObjectError("a buffer is not contiguous: copy the object first")
        self.buffers.append(view.cast("B") if view.nbytes else memoryview(b""))
        if len(self.buffers) > MOST_BUFFERS:
            raise MemoryObjectError(f"the object has more than {MOST_BUFFERS:,} parts: put parts of it under own names")
        return len(self.buffers) - 1


@dataclass(frozen=True, slots=True)
class Frame:
    """An object that is ready to be written.

    Attributes:
        head: all that comes before the first buffer.
        buffers: with the offset of each.
        size_bytes: of all.
    """

    head: bytes
    buffers: Sequence[tuple[int, memoryview]]
    size_bytes: int

    def write(self, descriptor: int) -> None:
        """Write it to an open file.

        Raises:
            OSError: there is no room, among others.
        """
        _write_at(descriptor, memoryview(self.head), 0)
        for offset, buffer in self.buffers:
            _write_at(descriptor, buffer, offset)
        os.ftruncate(descriptor, self.size_bytes)

    def write_into(self, target: memoryview) -> None:
        """Write it into memory of that size."""
        end = 0
        for offset, buffer in ((0, memoryview(self.head)), *self.buffers):
            # Nothing of what lay there before stays between buffers. Assigned by numpy, which lets other threads run.
            target[end:offset] = bytes(offset - end)
            end = offset + buffer.nbytes
            np.frombuffer(target, dtype=np.uint8)[offset:end] = np.frombuffer(buffer, dtype=np.uint8)
        target[end : self.size_bytes] = bytes(self.size_bytes - end)


def frame(root: Node, parts: Parts) -> Frame:
    """Lay an object out.

    Raises:
        MemoryObjectError: its description is too long.
    """
    sizes = [buffer.nbytes for buffer in parts.buffers]
    told = {"root": root, "sizes": sizes} | ({"are_written": True} if parts.are_written else {})
    description = json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode()
    if len(description) > MOST_DESCRIPTION_BYTES:
        problem = f"has a description of more than {MOST_DESCRIPTION_BYTES:,} bytes"
        raise MemoryObjectError(f"the object {problem}: put parts of it under names of their own")
    head = MAGIC + len(description).to_bytes(8, "little") + description
    offset, placed = _aligned(len(head)), []
    for buffer in parts.buffers:
        placed.append((offset, buffer))
        offset = _aligned(offset + buffer.nbytes)
    return Frame(head, placed, max(offset, 1))


@dataclass(frozen=True, slots=True)
class Read:
    """An object that was read: its description, and its buffers where they lie."""

    root: Node
    buffers: Sequence[memoryview]


def read_frame(content: memoryview) -> Read:
    """Read an object's frame. Nothing in it is believed.

    Raises:
        PrivatePagesNeededError: its readers write to it, and `content` can't be written to.
        MemoryObjectError: it is none.
    """
    if bytes(content[:8]) != MAGIC or len(content) < _HEAD_BYTES:
        raise MemoryObjectError("what lies there is no object")
    length = int.from_bytes(content[8:_HEAD_BYTES], "little")
    if length > min(MOST_DESCRIPTION_BYTES, len(content) - _HEAD_BYTES):
        raise MemoryObjectError("the object is cut short")
    try:
        description = json.loads(bytes(content[_HEAD_BYTES : _HEAD_BYTES + length]))
        root, sizes = description["root"], description["sizes"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise MemoryObjectError("the object's description can't be read") from None
    if not isinstance(root, dict) or not isinstance(sizes, list) or len(sizes) > MOST_BUFFERS:
        raise MemoryObjectError("the object's description can't be read")
    if description.get("are_written") is True and content.readonly:  # said before anything of it is read, or unpickled
        raise PrivatePagesNeededError("it holds what any code may write to")
    offset, buffers = _aligned(_HEAD_BYTES + length), []
    for size in sizes:
        if type(size) is not int or size < 0 or offset + size > len(content):
            raise MemoryObjectError("the object is cut short")
        buffers.append(content[offset : offset + size])
        offset = _aligned(offset + size)
    return Read(root, buffers)


def _write_at(descriptor: int, buffer: memoryview, offset: int) -> None:
    while buffer:
        written = os.pwrite(descriptor, buffer[:_PIECE_BYTES], offset)
        buffer, offset = buffer[written:], offset + written


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
