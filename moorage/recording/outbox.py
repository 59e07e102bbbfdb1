"""Lines that wait for the store: in order, bounded in bytes, in batches that don't change once they were tried."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from moorage.evidence.line import Line, Link

_MOST_BATCH_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """Lines that are stored together.

    Attributes:
        first: the number of the first.
        last: how far the chain goes with them.
        lines: the number of lines.
        content: as it is stored.
    """

    first: int
    last: Link
    lines: int
    content: bytes


class Outbox:
    """A queue of lines until they are stored.

    Args:
        most_bytes: how much may wait.
        clock: monotonic, in seconds.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._lines: deque[tuple[Line, bytes, float]] = deque()
        self._batch: Waiting | None = None
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._lines)

    def has_room(self, share: float = 1.0) -> bool:
        """Return whether less than this share of the outbox is used."""
        return self._bytes < self._most_bytes * share

    @property
    def oldest_seconds(self) -> float:
        """The seconds that the oldest line has waited; 0 where none does."""
        return self._clock() - self._lines[0][2] if self._lines else 0.0

    def put(self, line: Line) -> None:
        """Take a line, whether there is room or not."""
        written = line.write() + b"\n"
        self._lines.append((line, written, self._clock()))
        self._bytes += len(written)

    def batch(self) -> Waiting | None:
        """Return the oldest lines; the same ones until `stored`. None where nothing waits."""
        if self._batch is None and self._lines:
            chosen: list[bytes] = []
            size = 0
            for _, written, _ in self._lines:
                if chosen and size + len(written) > _MOST_BATCH_BYTES:
                    break
                chosen.append(written)
                size += len(written)
            first, last = self._lines[0][0], self._lines[len(chosen) - 1][0]
            self._batch = Waiting(first.sequence, last.link, len(chosen), b"".join(chosen))
        return self._batch

    def stored(self) -> None:
        """Note that the batch is in the store."""
        if self._batch is None:
            return
        for _ in range(self._batch.lines):
            _, written, _ = self._lines.popleft()
            self._bytes -= len(written)
        self._batch = None
