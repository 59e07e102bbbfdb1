"""An object as a file: unbuffered, by ranges, all of them within a number of bytes."""

import io
from collections.abc import Callable
from typing import Any

from moorage.errors import SourceError
from moorage.sources.reasons import Reason


class RangedObject(io.RawIOBase):
    """An object as a raw file, read by ranges.

    Args:
        fetch: takes its key, an offset and a length; what it returns is as long as asked.
        key: relative to the folder.
        size_bytes: as it was listed.
    """

    def __init__(self, fetch: Callable[[str, int, int], bytes], key: str, size_bytes: int) -> None:
        self._fetch = fetch
        self._key = key
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        """Report that reading is supported."""
        return True

    def seekable(self) -> bool:
        """Report that seeking is supported."""
        return True

    def tell(self) -> int:
        """Return the offset of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, fewer at the end only."""
        left = max(self._size_bytes - self._position, 0)
        length = left if size is None or size < 0 else min(size, left)
        if length == 0:
            return b""
        body = self._fetch(self._key, self._position, length)
        self._position += length
        return body

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever holds bytes
        """Read the same into a buffer."""
        body = self.read(len(buffer))
        buffer[: len(body)] = body
        return len(body)


class Allowance:
    """The allowance of bytes that may be read of all objects of a source.

    Args:
        name: the name of the source, for the message.
        most_bytes: of all.
    """

    def __init__(self, name: str, most_bytes: int) -> None:
        self._name = name
        self._most_bytes = self._left_bytes = most_bytes

    def take(self, length: int) -> None:
        """Take so many.

        Raises:
            SourceError: FormatUnreadable, they are more than are left.
        """
        self._left_bytes -= length
        if self._left_bytes < 0:
            problem = f"more than {self._most_bytes:,} bytes would have to be read to tell the format"
            raise SourceError(Reason.FORMAT_UNREADABLE, f"{self._name}: {problem}: write files with smaller footers")
