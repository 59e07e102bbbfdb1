"""Which fills run: nobody's Datasets hold up those of another namespace."""

import asyncio

import pytest

from moorage.model import DatasetRef
from node_plugin.caching.turns import Turns, next_turn, to_stop


def refs(*names: str) -> list[DatasetRef]:
    """Datasets, each by its namespace and a digit."""
    return [DatasetRef(name[:-1], name) for name in names]


@pytest.mark.parametrize(
    ("waiting", "running", "goes", "stops"),
    [
        ([], ["a1", "a2"], None, []),
        (["a1", "b1"], [], "a1", []),
        (["a2", "b1"], ["a1"], "b1", []),
        (["a3"], ["a1", "a2"], "a3", []),
        (["b1"], ["a1", "a2"], "b1", ["a2"]),
        (["a3", "b1"], ["a1", "a2"], "b1", ["a2"]),
        (["b1", "b2"], ["a1", "a2", "a3"], "b1", ["a3"]),
        (["c1"], ["a1", "b1"], "c1", []),
        (["b1", "c1"], ["a1", "a2", "a3"], "b1", ["a3", "a2"]),
        (["b1", "c1"], ["a1", "a2"], "b1", ["a2"]),
        (["c1"], ["a1", "b1", "b2", "a2"], "c1", ["a2"]),
    ],
)
def test_whose_turn_it_is(waiting: list[str], running: list[str], goes: str | None, stops: list[str]) -> None:
    """The namespace with the fewest goes first; one that has several makes room for one that has none."""
    found = next_turn(refs(*waiting), refs(*running))
    assert (None if found is None else found.name) == goes
    assert [each.name for each in to_stop(refs(*waiting), refs(*running))] == stops


def test_what_was_told_to_stop_counts_as_room() -> None:
    """Nobody else is stopped for the same one that waits."""
    assert to_stop(refs("b1"), refs("a1", "a2", "a3"), refs("a3")) == []
    assert to_stop(refs("b1", "c1"), refs("a1", "a2", "a3"), refs("a3")) == refs("a2")


async def test_fills_that_never_end_hold_up_nobody_else() -> None:
    """Two of one namespace have all places; another's gets one, and afterwards the first goes on."""
    tasks: dict[str, asyncio.Task[None]] = {}
    begun: list[str] = []
    over = {name: asyncio.Event() for name in ("a1", "a2", "b1")}
    other_began = asyncio.Event()

    async def fill(ref: DatasetRef) -> None:
        async with turns.taken(ref):
            begun.append(ref.name)
            if ref.name == "b1":
                other_began.set()
            await over[ref.name].wait()

    def begin(name: str) -> asyncio.Task[None]:
        (ref,) = refs(name)
        tasks[name] = asyncio.create_task(fill(ref))
        return tasks[name]

    def make_way(ref: DatasetRef) -> None:
        tasks[ref.name].cancel()

    turns = Turns(2, make_way)
    first, second = begin("a1"), begin("a2")
    await asyncio.sleep(0)
    other = begin("b1")
    with pytest.raises(asyncio.CancelledError):
        await second
    again = begin("a2")
    async with asyncio.timeout(30):
        await other_began.wait()
        assert begun == ["a1", "a2", "b1"]
        over["b1"].set()
        await other
        over["a2"].set()
        await again
        over["a1"].set()
        await first
