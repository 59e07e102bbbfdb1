"""What the queue of plannings does with wishes that change, are dropped, and come again."""

import asyncio

from moorage.runs import RunRef
from pipeline_executor.hub.deciding import PlanFound
from pipeline_executor.hub.plannings import Plannings, Wish

_RUN = RunRef("fraud", "weekly", "u-1")
_DEADLINE_SECONDS = 60.0


async def test_a_planning_that_is_cancelled_while_its_wish_holds_is_made_again() -> None:
    """A cancellation that nobody asked for strands no run."""
    asked: list[Wish] = []
    told = asyncio.Event()

    async def make(_: RunRef, wish: Wish) -> PlanFound:
        asked.append(wish)
        if len(asked) == 1:
            raise asyncio.CancelledError
        return PlanFound(problem="no site may read it", asked_without=wish.without)

    async with Plannings(make, lambda _: told.set(), at_once=1) as plannings:
        plannings.wish(_RUN, Wish(1))
        await asyncio.wait_for(told.wait(), _DEADLINE_SECONDS)
        found = plannings.found(_RUN, 1)
    assert asked == [Wish(1), Wish(1)]
    assert found is not None
    assert found.problem == "no site may read it"


async def test_a_wish_that_is_dropped_and_made_again_under_way_is_worked_on_again() -> None:
    """The first planning is ended; the second one counts."""
    begun, told = asyncio.Event(), asyncio.Event()
    finished: list[Wish] = []

    async def make(_: RunRef, wish: Wish) -> PlanFound:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        finished.append(wish)
        return PlanFound(problem="none", asked_without=wish.without)

    async with Plannings(make, lambda _: told.set(), at_once=1) as plannings:
        plannings.wish(_RUN, Wish(1))
        await asyncio.wait_for(begun.wait(), _DEADLINE_SECONDS)
        plannings.forget(_RUN)
        plannings.wish(_RUN, Wish(1))
        await asyncio.wait_for(told.wait(), _DEADLINE_SECONDS)
    assert finished == [Wish(1)]


async def test_what_is_under_way_at_the_end_is_waited_for() -> None:
    """A planning is a process: a hub that ends takes it along."""
    begun = asyncio.Event()
    taken_along: list[Wish] = []

    async def make(_: RunRef, wish: Wish) -> PlanFound:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)  # as a process takes a moment to end
            taken_along.append(wish)
        return PlanFound()

    async with Plannings(make, lambda _: None, at_once=1) as plannings:
        plannings.wish(_RUN, Wish(1))
        await asyncio.wait_for(begun.wait(), _DEADLINE_SECONDS)
    assert taken_along == [Wish(1)]
