"""Waiting for what happens elsewhere, without guessing how long it takes."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], bool | Awaitable[bool]], *, seconds: float = 60) -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: it did not within so many seconds, generously more than it can take on a busy machine.
    """
    async with asyncio.timeout(seconds):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.02)
