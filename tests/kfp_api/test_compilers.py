"""Child processes that read packages: what a package does to one is its own tenant's trouble."""

import asyncio
import multiprocessing
import threading

import pytest

from kfp_api.answers import Code, RequestError
from kfp_api.compilers import MOST_WAITING, Compilers, Work
from tests.kfp_api import hungry


@pytest.mark.parametrize(
    ("work", "seconds", "told"),
    [(hungry.eat, 60.0, "too large"), (hungry.die, 60.0, "too large"), (hungry.dawdle, 1.0, "within 1 s")],
)
async def test_a_package_that_breaks_its_reader_is_refused(work: Work, seconds: float, told: str) -> None:
    """By memory, by time, by ending it; the next one is read."""
    async with Compilers(1, memory_bytes=1 << 28, seconds=seconds) as compilers:
        for _ in range(2):
            with pytest.raises(RequestError, match=told):
                await compilers.read(work, b"", "lab")
            assert (await compilers.read(hungry.echo, b"text", "lab")).kept == b"text"


async def test_nothing_is_left_at_the_end() -> None:
    """Neither a process that still reads, nor a thread that looks after one."""
    threads = set(threading.enumerate())
    async with Compilers(2, seconds=600.0) as compilers:
        await compilers.read(hungry.echo, b"", "lab")
        busy = asyncio.create_task(compilers.read(hungry.dawdle, b"", "lab"))
        await asyncio.sleep(0.5)
    assert (await asyncio.gather(busy, return_exceptions=True))[0] is not None
    assert multiprocessing.active_children() == []
    left = {each.name for each in set(threading.enumerate()) - threads if not each.name.startswith("asyncio")}
    assert left == set()


async def test_a_tenant_has_one_process_at_a_time() -> None:
    """While one tenant's packages dawdle, another's is read; too many that wait are refused at once."""
    async with Compilers(2, seconds=3.0) as compilers:
        await compilers.read(hungry.echo, b"", "other")
        slow = [asyncio.create_task(compilers.read(hungry.dawdle, b"", "lab")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(RequestError) as caught:
            await compilers.read(hungry.echo, b"", "lab")
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
        assert (await compilers.read(hungry.echo, b"mine", "other")).kept == b"mine"
        assert not slow[1].done()
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
