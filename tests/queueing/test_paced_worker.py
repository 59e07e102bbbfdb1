"""The paced worker: each key's work once, and one tenant's many before nobody else's one."""

import asyncio

from moorage.queueing.paced_worker import PacedWorker
from moorage.queueing.rate import Rate
from tests.polling import until


async def test_work_of_one_tenant_does_not_delay_that_of_another() -> None:
    """A thousand of the one are put in first; the other's is done although most of them still wait."""
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    async with PacedWorker(Rate(per_second=1, burst=3), Rate(per_second=1000, burst=1000)) as worker:
        for number in range(1000):
            worker.put("loud", number, lambda: work("loud"))
        worker.put("quiet", "q", lambda: work("quiet"))
        await until(lambda: "quiet" in done)
        assert done.count("loud") <= 4


async def test_work_that_fails_stops_no_other() -> None:
    """What it raises is logged."""
    done = asyncio.Event()

    async def fail() -> None:
        raise ValueError

    async def work() -> None:
        done.set()

    rate = Rate(per_second=100, burst=100)
    async with PacedWorker(rate, rate) as worker:
        worker.put("a", 1, fail)
        worker.put("a", 2, work)
        async with asyncio.timeout(10):
            await done.wait()
