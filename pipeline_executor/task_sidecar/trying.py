"""Trying again: with back-off, for as long as something goes on, and until somebody says stop."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from moorage.errors import TaskError

_FIRST_SECONDS: Final = 0.1
_MOST_SECONDS: Final = 10.0


class StoppedError(Exception):
    """The pod is to end; nobody needs what was under way."""


@dataclass
class Patience:
    """The patience with one action: retries with back-off until its time is over.

    Attributes:
        seconds: without anything that goes on.
        stop: ends it.
        clock: seconds, monotonic.
    """

    seconds: float
    stop: threading.Event
    clock: Callable[[], float] = monotonic
    _delay_seconds: float = 0.0
    _since: float = field(default=-1.0)

    def went_on(self) -> None:
        """Something worked: begin to count anew."""
        self._delay_seconds = 0.0
        self._since = self.clock()

    def wait(self, problem: str) -> None:
        """Wait before the next try.

        Args:
            problem: what does not work, a sentence that begins with what.

        Raises:
            TaskError: it was tried for long enough.
            StoppedError: the pod is to end.
        """
        now = self.clock()
        if self._since < 0:
            self._since = now
        if now - self._since > self.seconds:
            raise TaskError(f"{problem}; tried for {self.seconds:g} s")
        self._delay_seconds = min(_MOST_SECONDS, max(_FIRST_SECONDS, self._delay_seconds * 2))
        if self.stop.wait(self._delay_seconds * random.uniform(0.5, 1.0)):  # noqa: S311 - it only spreads the load
            raise StoppedError
