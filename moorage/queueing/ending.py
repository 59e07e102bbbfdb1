"""Ends a task that follows something for ever."""

import asyncio
import contextlib


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel it and wait for it; what it failed with is raised here."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
