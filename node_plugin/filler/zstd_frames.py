"""Where the frames of a zstd stream begin and end, told from its bytes as they pass by. Pure.

The decompressor takes the end of its input for the end of the stream, wherever that is, so somebody has to know whether
a frame was cut. And it takes as much memory for what it may look back at, the window, as a frame asks for: that is seen
here before it is. RFC 8878 has the format.
"""

from collections.abc import Generator
from typing import Final, TypeAlias

from node_plugin.filler.members import ArchiveError

MAGIC: Final = b"\x28\xb5\x2f\xfd"
MOST_WINDOW_BYTES: Final = 32 << 20
"""More than `zstd -19` takes; decompressors need not have more than 8 MiB."""
_MAGIC: Final = int.from_bytes(MAGIC, "little")
_SKIPPABLE: Final = range(0x184D2A50, 0x184D2A60)
_NUMBER_BYTES: Final = 4
_BLOCK_HEADER_BYTES: Final = 3
_MOST_BLOCK_BYTES: Final = 128 << 10
_RUN, _RESERVED = 1, 3
_DICTIONARY_BYTES: Final = (0, 1, 2, 4)
_SIZE_BYTES: Final = (0, 2, 4, 8)
_SMALLEST_WINDOW_LOG: Final = 10

Steps: TypeAlias = Generator[int, bytes, None]
"""Each asks for so many bytes; a number below 0, that so many are passed over."""


class Frames:
    """Hears all bytes of a stream, in order."""

    def __init__(self) -> None:
        self._is_between = True
        self._steps = self._all_frames()
        self._step = next(self._steps)
        self._taken_bytes = 0
        self._taken = bytearray()

    @property
    def is_whole(self) -> bool:
        """Whether the stream may end here: no frame is cut."""
        return self._is_between and not self._taken_bytes

    def hear(self, piece: bytes) -> None:
        """The next bytes.

        Raises:
            ArchiveError: they are no frames, or such as would take too much memory.
        """
        at = 0
        while at < len(piece):
            taken_bytes = min(abs(self._step) - self._taken_bytes, len(piece) - at)
            if self._step > 0:
                self._taken += piece[at : at + taken_bytes]
            self._taken_bytes += taken_bytes
            at += taken_bytes
            if self._taken_bytes == abs(self._step):
                taken = bytes(self._taken)
                self._taken.clear()
                self._taken_bytes = 0
                self._step = self._steps.send(taken)

    def _all_frames(self) -> Steps:
        while True:
            self._is_between = True
            magic = _number((yield _NUMBER_BYTES))
            self._is_between = False
            if magic == _MAGIC:
                yield from _frame()
            elif magic in _SKIPPABLE:
                size_bytes = _number((yield _NUMBER_BYTES))
                if size_bytes:
                    yield -size_bytes
            else:
                raise ArchiveError("it is damaged: something follows its zstd frames that is none: upload it again")


def _frame() -> Steps:
    (descriptor,) = yield 1
    is_single = descriptor & 0x20
    window_bytes = 0 if is_single else _window_bytes((yield 1))
    if (dictionary_bytes := _DICTIONARY_BYTES[descriptor & 0x3]) and any((yield dictionary_bytes)):
        raise ArchiveError("it was packed with a dictionary of zstd's, which is not here: pack it without")
    size_bytes = _SIZE_BYTES[descriptor >> 6] or (1 if is_single else 0)
    if size_bytes:
        told = _number((yield size_bytes))
        # What has no window of its own is looked back at as a whole.
        window_bytes = window_bytes or told
    if window_bytes > MOST_WINDOW_BYTES:
        most = f"{MOST_WINDOW_BYTES >> 20} MiB"
        raise ArchiveError(f"unpacking it would take more than {most} of memory: pack it with zstd --long=25 or less")
    is_last = False
    while not is_last:
        header = _number((yield _BLOCK_HEADER_BYTES))
        is_last, kind, block_bytes = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == _RESERVED or block_bytes > _MOST_BLOCK_BYTES:
            raise ArchiveError("it is damaged: a block of its zstd frames is none: upload it again")
        if kind == _RUN or block_bytes:
            yield -1 if kind == _RUN else -block_bytes
    if descriptor & 0x4:
        yield -_NUMBER_BYTES


def _window_bytes(descriptor: bytes) -> int:
    base = 1 << (_SMALLEST_WINDOW_LOG + (descriptor[0] >> 3))
    return base + base // 8 * (descriptor[0] & 7)


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
