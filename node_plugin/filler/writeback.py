"""Has the kernel begin to write out what lies in its memory, so that little is left to wait for when all is synced.

A hint and no promise: what is on the disk is known after the sync at the end of a fill, and not before.
"""

import ctypes
from collections.abc import Callable
from typing import Final

_STEP_BYTES: Final = 4 << 20
_LEAST_BYTES: Final = 1 << 20
"""Smaller files are left to the kernel, which writes out many of them at once."""
_BEGIN: Final = 2  # SYNC_FILE_RANGE_WRITE: begins, and waits for nothing
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Writeback:
    """Of one file that is written from its start on.

    Args:
        descriptor: of the file.
        begin: has so many bytes at an offset written out.
    """

    def __init__(self, descriptor: int, begin: Callable[[int, int, int], object] | None = None) -> None:
        self._descriptor = descriptor
        self._begin = begin or begin_writing
        self._begun_bytes = 0

    def wrote(self, size_bytes: int, *, all_of_it: bool = False) -> None:
        """So many bytes are written by now."""
        waiting = size_bytes - self._begun_bytes
        if waiting >= (_LEAST_BYTES if all_of_it else _STEP_BYTES):
            self._begin(self._descriptor, self._begun_bytes, waiting)
            self._begun_bytes = size_bytes


def begin_writing(descriptor: int, offset: int, count: int) -> bool:
    """Begin, and wait for nothing; whether the kernel took it."""
    # Not every libc has it, and not every file system does it; the sync at the end does in any case.
    call = getattr(_LIBC, "sync_file_range", None)
    if call is None:
        return False
    return bool(call(descriptor, ctypes.c_int64(offset), ctypes.c_int64(count), ctypes.c_uint(_BEGIN)) == 0)
