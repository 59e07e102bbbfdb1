"""In which pieces files cross, and the budget of buffers."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_executor.task_sidecar.pieces import MOST_PARTS, WHOLE_BYTES, part_bytes, piece_of, pieces_of
from pipeline_executor.transfers.budget import ByteBudget

MIB = 1 << 20
sizes = st.integers(0, 5 << 40) | st.integers(-3, 3).map(lambda near: WHOLE_BYTES + near)
least = st.sampled_from([16 * MIB, WHOLE_BYTES])


@settings(deadline=None)
@given(sizes, least)
def test_a_plan_covers_the_file(size: int, least_bytes: int) -> None:
    """Pieces follow each other without gap or overlap, S3 takes them, and each is found by its number."""
    plan = pieces_of(size, least_bytes)
    assert len(plan) <= MOST_PARTS
    assert [piece.offset for piece in plan] == [index * plan[0].size_bytes for index in range(len(plan))]
    assert sum(piece.size_bytes for piece in plan) == size
    assert plan[-1].offset + plan[-1].size_bytes == size
    if size <= WHOLE_BYTES:
        assert [piece.number for piece in plan] == [0]
    else:
        assert [piece.number for piece in plan] == list(range(1, len(plan) + 1))
        assert all(piece.size_bytes == part_bytes(size, least_bytes) >= 5 * MIB for piece in plan[:-1])
        assert plan[-1].size_bytes > 0
    for piece in (plan[0], plan[-1]):
        assert piece_of(size, piece.number, least_bytes) == piece
    assert piece_of(size, plan[-1].number + 1, least_bytes) is None
    assert piece_of(size, -1, least_bytes) is None
    assert (piece_of(size, 0, least_bytes) is None) == (size > WHOLE_BYTES)


async def test_a_budget_is_never_exceeded() -> None:
    """However many want buffers, what is taken stays below the budget, and all get theirs in turn."""
    budget, taken, most, order = ByteBudget(100), 0, 0, []

    async def use(number: int, size: int) -> None:
        nonlocal taken, most
        async with budget.taken(size):
            order.append(number)
            taken += size
            most = max(most, taken)
            await asyncio.sleep(0)
            taken -= size

    await asyncio.gather(*(use(number, (number * 37) % 100 + 1) for number in range(300)))
    assert (taken, most <= 100, order) == (0, True, list(range(300)))
    with pytest.raises(ValueError, match="larger than the budget"):
        await budget.take(101)


async def test_who_is_cancelled_takes_nothing() -> None:
    """One that gave up waiting does not keep others from theirs."""
    budget = ByteBudget(10)
    await budget.take(10)
    waiting = [asyncio.ensure_future(budget.take(10)), asyncio.ensure_future(budget.take(5))]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    budget.give_back(10)
    await asyncio.wait_for(waiting[1], 5)
    # Cancelled in the very moment in which it got its turn: it gives it back.
    budget.give_back(5)
    await budget.take(10)
    late = asyncio.ensure_future(budget.take(10))
    await asyncio.sleep(0)
    budget.give_back(10)
    late.cancel()
    await asyncio.sleep(0)
    await asyncio.wait_for(budget.take(10), 5)
