"""Locks by key: one holder a key, other keys beside it, nothing kept of a key that nobody uses."""

import asyncio

import pytest

from moorage.queueing.keyed_locks import KeyedLocks
from tests.polling import until


async def test_one_holds_a_key_and_the_others_wait_in_turn() -> None:
    """They come in the order in which they asked; another key is free meanwhile."""
    locks, seen = KeyedLocks[str](), []
    gate = asyncio.Event()

    async def hold(name: str) -> None:
        async with locks.hold("a"):
            await gate.wait()
            seen.append(name)

    tasks = [asyncio.create_task(hold(name)) for name in ("first", "second", "third")]
    await until(lambda: locks.users("a") == 3)
    async with locks.hold("b"):
        assert locks.total_users == 4
    gate.set()
    await asyncio.gather(*tasks)
    assert seen == ["first", "second", "third"]
    assert locks.total_users == 0
    assert not locks._locks  # noqa: SLF001 - nothing may stay of a key


async def test_whoever_gives_up_or_fails_leaves_the_lock() -> None:
    """A cancelled wait and an error within the block free it, too."""
    locks = KeyedLocks[str]()
    async with locks.hold("a"):
        waiting = asyncio.create_task(locks.hold("a").__aenter__())
        await until(lambda: locks.users("a") == 2)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert locks.users("a") == 1
    with pytest.raises(ValueError, match="failed"):
        async with locks.hold("a"):
            raise ValueError("failed")
    assert locks.total_users == 0
