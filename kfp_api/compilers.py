"""Child processes that read what tenants send: bounded in memory and time, one package of a namespace at a time."""

import asyncio
import multiprocessing
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import FrameType, TracebackType
from typing import Final, Self

from kfp_api.answers import Code, RequestError, invalid
from kfp_api.compiling import Compiled, Refused
from moorage.queueing.keyed_locks import KeyedLocks

MOST_WAITING: Final = 8
"""Packages of one namespace that are read or wait."""
_MEMORY_BYTES: Final = 1 << 30
_SECONDS: Final = 20.0
_TOO_LARGE: Final = "the pipeline is too large to be read: leave data out of it"

Work = Callable[[bytes], Compiled | Refused]


class Compilers:
    """A pool of processes that run `compiling`, started when they are needed; they end with its `async with` block.

    Args:
        processes: how many packages are read at once.
        memory_bytes: what one process may have.
        seconds: what one package may take.
    """

    def __init__(self, processes: int, memory_bytes: int = _MEMORY_BYTES, seconds: float = _SECONDS) -> None:
        self._start = partial(_limit, memory_bytes)
        self._seconds = seconds
        # Each process has a pool of its own: one that dies takes nobody else's package along.
        self._slots: asyncio.Queue[ProcessPoolExecutor | None] = asyncio.Queue()
        for _ in range(processes):
            self._slots.put_nowait(None)
        self._turns: KeyedLocks[str] = KeyedLocks()
        self._pools: set[ProcessPoolExecutor] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes, whatever they read, and wait for the threads that look after them.

        A thread that is left to the interpreter's own end can close its pipe while that writes to it.
        """
        for child in multiprocessing.active_children():
            child.terminate()
        for pool in tuple(self._pools):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def read(self, work: Work, content: bytes, namespace: str) -> Compiled:
        """Compile a package in a child process.

        Raises:
            RequestError: it can't be used; or too many of this namespace wait already.
        """
        users = self._turns.users(namespace)
        if users >= MOST_WAITING:
            message = f"{users} pipelines of namespace {namespace} are being read already; ask again later"
            raise RequestError(Code.RESOURCE_EXHAUSTED, message)
        async with self._turns.hold(namespace):
            read = await self._run(work, content)
        if isinstance(read, Refused):
            raise invalid(read.message)
        return read

    async def _run(self, work: Work, content: bytes) -> Compiled | Refused:
        pool = await self._slots.get()
        if pool is None:
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(1, context, initializer=self._start)
            self._pools.add(pool)
        kept: ProcessPoolExecutor | None = pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _bounded, work, content, self._seconds)
        except BrokenProcessPool:
            kept = None
            self._pools.discard(pool)
            pool.shutdown(wait=False)
            return Refused(_TOO_LARGE)
        finally:
            self._slots.put_nowait(kept)


def _limit(memory_bytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, _overdue)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _overdue(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _bounded(work: Work, content: bytes, seconds: float) -> Compiled | Refused:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return work(content)
    except TimeoutError:
        return Refused(f"the pipeline could not be read within {seconds:g} s: make it smaller")
    except (MemoryError, RecursionError):
        return Refused(_TOO_LARGE)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
