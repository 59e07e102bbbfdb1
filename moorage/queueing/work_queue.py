"""A work queue: each key is worked on by one task at a time, and again later where its work failed.

Level-triggered: a key says only that something may have changed; the work looks at what is there then. So a key that
is added while it waits is worked on once, and one that is added while it is worked on, once more. Who goes first is
decided by `shares`: tenants take turns.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping
from types import TracebackType
from typing import Generic, Self, TypeVar

from moorage.queueing.backing_off import backoff_seconds
from moorage.queueing.shares import FairShares, Share

K = TypeVar("K", bound=Hashable)

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


class WorkQueue(Generic[K]):
    """Runs `work(key)` for every key that is added.

    Args:
        name: for logs.
        work: must be repeatable; what it raises is logged, and the key tried again with a growing pause.
        shares: what a key uses, its tenant first; asked when it is added.
        at_once: how many keys are worked on at the same time.
        each: how many of one share, by the share's kind.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[K], Awaitable[None]],
        *,
        shares: Callable[[K], tuple[Share, ...]],
        at_once: int,
        each: Mapping[str, int] | None = None,
    ) -> None:
        self._name = name
        self._work = work
        self._shares_of = shares
        self._shares: FairShares[K] = FairShares(at_once, each)
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._begun: set[K] = set()
        self._again: set[K] = set()
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._closed = False

    @property
    def name(self) -> str:
        """For logs and metrics."""
        return self._name

    def __len__(self) -> int:
        """How many keys wait."""
        return len(self._shares)

    def add(self, key: K) -> None:
        """Have the key worked on in its turn; once more after the present work where that is under way."""
        self._cancel_timer(key)
        if self._closed or self._shares.waits(key):
            return
        if key in self._tasks:
            if key in self._begun:
                self._again.add(key)
            return
        self._shares.put(key, self._shares_of(key), _now())
        if self._shares.take_this(key):
            self._start(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Have the key worked on in so many seconds, or earlier where `add` is called meanwhile."""
        self._cancel_timer(key)
        self._later[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

    def forget(self, key: K) -> None:
        """Have nothing more done for the key once its present work is over."""
        self._cancel_timer(key)
        self._shares.discard(key)
        self._again.discard(key)
        self._failures.pop(key, None)

    def starved(self) -> tuple[str, float]:
        """The tenant that has waited longest with nothing worked on, and for how many seconds; ("", 0.0) for none."""
        return self._shares.starved(_now())

    def _cancel_timer(self, key: K) -> None:
        timer = self._later.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        for timer in self._later.values():
            timer.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _start(self, key: K) -> None:
        self._tasks[key] = asyncio.get_running_loop().create_task(self._run(key), name=f"{self._name} {key}")

    async def _run(self, key: K) -> None:
        self._begun.add(key)
        try:
            await self._uncancelled(key)
            self._failures.pop(key, None)
        except Exception as error:  # noqa: BLE001 - one key's trouble is not the others'
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = backoff_seconds(failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            _log.warning("%s: %s failed, again in %g s", self._name, key, pause, exc_info=error)
            if key not in self._again:
                self.add_after(key, pause)
        finally:
            del self._tasks[key]
            self._begun.discard(key)
            self._shares.done(key, _now())
            if key in self._again:
                self._again.discard(key)
                self._shares.put(key, self._shares_of(key), _now())  # behind those that wait
            while not self._closed and (following := self._shares.take()) is not None:
                self._start(following)

    async def _uncancelled(self, key: K) -> None:
        """Do the work. Where something that it waits for is cancelled, and not the work itself, it has failed."""
        try:
            await self._work(key)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if self._closed or (task is not None and task.cancelling()):
                raise
            message = "what it waited for was cancelled"
            raise RuntimeError(message) from error


def _now() -> float:
    return asyncio.get_running_loop().time()
