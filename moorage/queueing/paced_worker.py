"""A worker over the fair queue: work for tenants at bounded rates, so that none can load what all of them share."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Self, TypeAlias

from moorage.queueing.fair_queue import FairQueue
from moorage.queueing.rate import Rate

Work: TypeAlias = Callable[[], Awaitable[None]]

_AT_ONCE = 8

_log = logging.getLogger(__name__)


class PacedWorker:
    """Does one piece of work for each key that is put in.

    Args:
        each: the rate of one tenant.
        total: the rate of all.
    """

    def __init__(self, each: Rate, total: Rate) -> None:
        self._queue: FairQueue[Hashable, Work] = FairQueue(each, total)
        self._due_at: Callable[[], float | None] = lambda: None
        self._on_due: Callable[[float], None] = lambda _: None
        self._awake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._loop_task = asyncio.create_task(self._run(), name="paced worker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._running, *([self._loop_task] if self._loop_task else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def also(self, due_at: Callable[[], float | None], on_due: Callable[[float], None]) -> None:
        """Call `on_due(now)` whenever the time that `due_at` gives has come; it puts work in."""
        self._due_at, self._on_due = due_at, on_due

    @staticmethod
    def now() -> float:
        """The clock of all times here."""
        return asyncio.get_running_loop().time()

    def put(self, tenant: str, key: Hashable, work: Work) -> None:
        """Have work done in its turn; a key that waits already is not put in again."""
        if self._queue.put(tenant, key, work, self.now()):
            self._awake.set()

    def wake(self) -> None:
        """Tell that `due_at` may give an earlier time."""
        self._awake.set()

    async def _run(self) -> None:
        free = asyncio.Semaphore(_AT_ONCE)
        while True:
            await free.acquire()
            task = asyncio.create_task(self._do(await self._next()))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: free.release())

    async def _next(self) -> Work:
        while True:
            self._awake.clear()
            now = self.now()
            due_at = self._due_at()
            if due_at is not None and due_at <= now:
                self._on_due(now)
            if (item := self._queue.take(now)) is not None:
                return item[1]
            times = [at for at in (self._due_at(), self._queue.ready_at(now)) if at is not None]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(times) if times else None):
                    await self._awake.wait()

    @staticmethod
    async def _do(work: Work) -> None:
        try:
            await work()
        except Exception:  # noqa: BLE001 - one key's trouble is not the others'
            _log.exception("unexpected")
