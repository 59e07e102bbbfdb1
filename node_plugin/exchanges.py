"""Exchanges of tokens for keys: they block, so they are made in threads, a few at once."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from moorage.calling.role_sessions import Rejected
from moorage.sources import Credentials
from moorage.sources.web_identity import SessionRequest

# A store that does not answer must not keep the pods of others waiting, nor may one namespace's many pods.
_THREADS: Final = 16
_AT_ONCE_OF_A_NAMESPACE: Final = 2


@dataclass(slots=True)
class _Turns:
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE_OF_A_NAMESPACE))
    users: int = 0


class Exchanges:
    """Exchanges in threads, some at once, and fewer of one namespace. For one event loop.

    Args:
        exchange: blocks, for a bounded time.
    """

    def __init__(self, exchange: Callable[[SessionRequest, str, str], Credentials | Rejected]) -> None:
        self._exchange = exchange
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="web-identity")
        # Only of namespaces with an exchange under way, or waiting for its turn.
        self._turns: dict[str, _Turns] = {}

    @property
    def namespaces(self) -> int:
        """Of how many there are exchanges now, or somebody who waits for one."""
        return len(self._turns)

    async def run(self, namespace: str, request: SessionRequest, name: str, token: str) -> Credentials | Rejected:
        """Exchange a token when it is the namespace's turn.

        Whoever waits no longer leaves the thread to its end, and the namespace's turn with it: else a store that does
        not answer would get as many threads as pods lost patience.
        """
        turns = self._turns.setdefault(namespace, _Turns())
        turns.users += 1
        try:
            await turns.free.acquire()
        except BaseException:
            self._leave(namespace, turns)
            raise
        loop = asyncio.get_running_loop()

        def end() -> None:
            turns.free.release()
            self._leave(namespace, turns)

        work = self._threads.submit(self._exchange, request, name, token)
        work.add_done_callback(lambda _: _tell(loop, end))
        return await asyncio.wrap_future(work)

    def _leave(self, namespace: str, turns: _Turns) -> None:
        turns.users -= 1
        if not turns.users:
            del self._turns[namespace]


def _tell(loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the process is at its end
        loop.call_soon_threadsafe(end)
