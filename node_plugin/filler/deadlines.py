"""Ends conversations that go on by a byte now and then: each has a deadline, which only what comes moves on.

A socket's own timeout is for one call, so whoever sends a byte before each of them ends is never late, and a call that
fills a buffer, reads a header or shakes hands makes many of them. So a thread of its own looks at all conversations,
and shuts the lines of those whose time is over: whoever reads wakes up.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

PAGE_SECONDS: Final = 60.0
"""Of one page of a listing, from its first byte to its last."""
_LOOK_SECONDS: Final = 0.25


class Deadline:
    """Until when a conversation may go on; never further away than it was at the beginning.

    Args:
        seconds: without anything that comes.
        least_per_second: what has to come, in the long run; None: what comes moves nothing.
        clock: seconds, monotonic.
    """

    def __init__(
        self, seconds: float, least_per_second: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._least_per_second = least_per_second
        self._clock = clock
        self._ends_at = clock() + seconds

    def came(self, amount: int) -> None:
        """So much came."""
        if self._least_per_second is not None and not self.is_over:
            self._ends_at = min(self._clock() + self._seconds, self._ends_at + amount / self._least_per_second)

    @property
    def is_over(self) -> bool:
        """Whether it is too late."""
        return self._clock() > self._ends_at


class _Watch:
    """Looks at all conversations of the process."""

    def __init__(self) -> None:
        self._watched: dict[object, tuple[Deadline, Callable[[], None]]] = {}
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, deadline: Deadline, shut: Callable[[], None]) -> Iterator[None]:
        """Watch one while the block runs."""
        key = object()
        with self._condition:
            self._watched[key] = deadline, shut
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="deadlines", daemon=True)
                self._thread.start()
            self._condition.notify()
        try:
            yield
        finally:
            with self._condition:
                del self._watched[key]

    def _look(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._watched)
                late = [shut for deadline, shut in self._watched.values() if deadline.is_over]
            # Again and again: who was late may have made another connection meanwhile.
            for shut in late:
                shut()
            time.sleep(_LOOK_SECONDS)


_watch: Final = _Watch()


def ended_in_time(deadline: Deadline, shut: Callable[[], None]) -> AbstractContextManager[None]:
    """While the block runs, shut a line from the moment on at which its deadline is over.

    Args:
        deadline: of the conversation.
        shut: wakes up whoever reads; for any thread, and often.
    """
    return _watch.over(deadline, shut)
