"""The queue: one key at a time, once however often it is asked for, and again where it failed."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

import pytest

from moorage.queueing import work_queue
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from tests.polling import until

K = TypeVar("K", bound=Hashable)


def make_queue(work: Callable[[K], Awaitable[None]], at_once: int = 100) -> WorkQueue[K]:
    """A queue of one tenant."""
    return WorkQueue("test", work, shares=lambda _: (Share("namespace", "one"),), at_once=at_once)


async def test_a_key_is_worked_on_by_one_at_a_time_and_once_more_after_that() -> None:
    """Added ten times while it is worked on, a key is worked on once more."""
    running, most, done = 0, 0, 0
    gate = asyncio.Event()

    async def work(_: str) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        done += 1

    async with make_queue(work) as queue:
        queue.add("a")
        await until(lambda: running == 1)
        for _ in range(10):
            queue.add("a")
        gate.set()
        await until(lambda: done == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (most, done) == (1, 2)


async def test_a_slow_key_blocks_no_other() -> None:
    """Other keys go on beside it."""
    done: list[str] = []

    async def work(key: str) -> None:
        if key == "slow":
            await asyncio.Event().wait()
        done.append(key)

    async with make_queue(work) as queue:
        for key in ("slow", "a", "b"):
            queue.add(key)
        await until(lambda: sorted(done) == ["a", "b"])


async def test_a_bounded_queue_keeps_its_bound() -> None:
    """No more keys at once than it was told."""
    running, most, done = 0, 0, 0

    async def work(_: int) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        done += 1

    async with make_queue(work, at_once=3) as queue:
        for key in range(30):
            queue.add(key)
            queue.add(key)
        await until(lambda: done == 30)
    assert most == 3


async def test_what_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pause, and without stopping the queue."""
    monkeypatch.setattr(work_queue, "FIRST_PAUSE_SECONDS", 0.01)
    tries = 0

    async def work(_: str) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("not yet")

    async with make_queue(work) as queue:
        queue.add("a")
        await until(lambda: tries == 3)


async def test_what_is_cancelled_below_the_work_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is shut down cancels what waits for it: the key is tried again, as after any failure."""
    monkeypatch.setattr(work_queue, "FIRST_PAUSE_SECONDS", 0.01)
    tries = 0

    async def work(_: str) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            waits = asyncio.get_running_loop().create_future()
            waits.cancel()
            await waits

    async with make_queue(work) as queue:
        queue.add("a")
        await until(lambda: tries == 3)


async def test_a_queue_that_closes_cancels_its_work(caplog: pytest.LogCaptureFixture) -> None:
    """That is no failure: nothing is logged, and nothing is tried again."""
    begun = asyncio.Event()

    async def work(_: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with make_queue(work) as queue:
        queue.add("a")
        await begun.wait()
    assert not caplog.records


async def test_a_timer_fires_once_and_can_be_forgotten() -> None:
    """`add` before its time replaces it; `forget` ends it."""
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    async with make_queue(work) as queue:
        queue.add_after("a", 0.02)
        queue.add("a")
        queue.add_after("b", 0.02)
        queue.forget("b")
        queue.add_after("c", 0.03)
        await until(lambda: "c" in done)
    assert done == ["a", "c"]
