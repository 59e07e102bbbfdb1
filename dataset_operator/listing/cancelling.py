"""Cancellation across threads: wakes a thread that blocks on a socket when its work is no longer wanted."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from moorage.errors import SourceError
from moorage.sources.reasons import Reason


class Cancellation:
    """Handed to work in another thread; `cancel` may be called from any thread, more than once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._late = False
        self._ends: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether the work has to end."""
        return self._cancelled

    @property
    def late(self) -> bool:
        """Whether the work has to end because its time is up; its findings so far count."""
        return self._late

    def expire(self) -> None:
        """End the work because its time is up, unless it was cancelled before."""
        self._late = not self._cancelled
        self.cancel()

    def cancel(self) -> None:
        """End the work: whatever it blocks on is closed under it."""
        with self._lock:
            self._cancelled = True
            ends = tuple(self._ends)
        for end in ends:
            end()

    @contextlib.contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` when the work is cancelled while the block runs; at once where it was cancelled before.

        Args:
            end: quick, and harmless when called twice or late; it runs in the thread of whoever cancels.
        """
        with self._lock:
            self._ends.append(end)
            late = self._cancelled
        if late:
            end()
        try:
            yield
        finally:
            with self._lock:
                self._ends.remove(end)

    def check(self, name: str) -> None:
        """Go on only where the work is still wanted.

        Raises:
            SourceError: `Interrupted`, or `ListTooSlow` where its time is up.
        """
        if self._late:
            problem = "time is up for all sources: split the folder into several Datasets, or check the store's load"
            raise SourceError(Reason.LIST_TOO_SLOW, f"{name}: {problem}")
        if self._cancelled:
            raise SourceError(Reason.INTERRUPTED, f"{name}: the listing was given up")
