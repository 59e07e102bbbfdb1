"""A queue of keys to work on: each by one task at a time, and again later where its work failed.

Level-triggered: a key says only that something may have changed; the work looks at what is there then. So a key that
is added while it waits is worked on once, and one that is added while it is worked on, once more.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

K = TypeVar("K")

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


class WorkQueue(Generic[K]):
    """Runs `work(key)` for every key that is added.

    Args:
        name: for logs.
        work: must be repeatable; what it raises is logged, and the key tried again with a growing pause.
        at_once: how many keys are worked on at the same time; None: all, where `work` keeps limits of its own.
    """

    def __init__(self, name: str, work: Callable[[K], Awaitable[None]], *, at_once: int | None = None) -> None:
        self._name = name
        self._work = work
        self._limit = contextlib.nullcontext() if at_once is None else asyncio.Semaphore(at_once)
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._started: set[K] = set()
        self._again: set[K] = set()
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}

    def add(self, key: K) -> None:
        """Have the key worked on now; after the present work where that is under way."""
        self._cancel_timer(key)
        if key not in self._tasks:
            self._tasks[key] = asyncio.get_running_loop().create_task(self._run(key), name=f"{self._name} {key}")
        elif key in self._started:
            self._again.add(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Have the key worked on in so many seconds, or earlier where `add` is called meanwhile."""
        self._cancel_timer(key)
        self._later[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

    def forget(self, key: K) -> None:
        """Have nothing more done for the key once its present work is over."""
        self._cancel_timer(key)
        self._again.discard(key)
        self._failures.pop(key, None)

    def _cancel_timer(self, key: K) -> None:
        timer = self._later.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._later.values():
            timer.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, key: K) -> None:
        try:
            async with self._limit:
                self._started.add(key)
                await self._work(key)
            self._failures.pop(key, None)
        except Exception as error:  # noqa: BLE001 - one key's trouble is not the others'
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
            _log.warning("%s: %s failed, again in %g s", self._name, key, pause, exc_info=error)
            if key not in self._again:
                self.add_after(key, pause)
        finally:
            self._started.discard(key)
            del self._tasks[key]
            if key in self._again:
                self._again.discard(key)
                self.add(key)
