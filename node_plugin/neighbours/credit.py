"""How long one node may keep a round waiting, however many threads wait for it, and however often it is asked."""

import threading
import time
from collections.abc import Callable
from typing import Final

_LEAST_BYTES_PER_SECOND: Final = 1 << 20


class Credit:
    """Seconds that are spent by waiting, once for all threads that wait at the same time, and earned by what comes.

    Args:
        seconds: without anything that comes.
        clock: seconds, monotonic.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = self._left = seconds
        self._clock = clock
        self._spent_until = clock()
        self._lock = threading.Lock()

    @property
    def is_spent(self) -> bool:
        """Whether it has kept this one waiting for long enough."""
        return self._left <= 0

    def spend(self, began: float, came_bytes: int = 0) -> None:
        """Somebody has waited since then, and so much came."""
        with self._lock:
            now = self._clock()
            self._left -= max(0.0, now - max(began, self._spent_until))
            self._left = min(self._most, self._left + came_bytes / _LEAST_BYTES_PER_SECOND)
            self._spent_until = now
