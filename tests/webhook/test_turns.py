"""Searches take turns."""

import asyncio
from contextlib import AsyncExitStack

from webhook.turns import AT_ONCE, MOST_ASKING, MOST_ASKING_OF_A_NAMESPACE, Turns


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Asking:
    """Questions that hold their turn until they are told to end."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.running: list[str] = []
        self.refused: list[str] = []
        self.end = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, *namespaces: str) -> None:
        """One question of each."""
        self.tasks += [asyncio.create_task(self._ask(namespace)) for namespace in namespaces]
        await _settle()

    async def _ask(self, namespace: str) -> None:
        async with self.turns.turn(namespace) as has_turn:
            (self.running if has_turn else self.refused).append(namespace)
            if has_turn:
                await self.end.wait()


async def test_one_of_a_namespace_and_few_in_all() -> None:
    """The others wait, and each is answered in the end."""
    asking = Asking()
    await asking.ask("a", "a", "a")
    assert asking.running == ["a"]
    await asking.ask("b", "c")
    assert (asking.running, AT_ONCE) == (["a", "b"], 2)
    asking.end.set()
    await asyncio.gather(*asking.tasks)
    assert (sorted(asking.running), asking.refused) == (["a", "a", "a", "b", "c"], [])


async def test_a_queue_is_short() -> None:
    """Of a namespace, and of all together; whoever is refused may ask again once others were answered."""
    asking = Asking()
    await asking.ask(*["a"] * (MOST_ASKING_OF_A_NAMESPACE + 1))
    assert asking.refused == ["a"]
    await asking.ask(*(f"n{number}" for number in range(MOST_ASKING)))
    assert len(asking.refused) == 1 + MOST_ASKING_OF_A_NAMESPACE
    asking.end.set()
    await asyncio.gather(*asking.tasks)
    await asking.ask("a")
    assert asking.running[-1] == "a"


async def test_a_question_that_is_given_up_leaves_its_place() -> None:
    """While it waits, and while it is answered."""
    asking = Asking()
    await asking.ask("a", "a", "b", "c")
    for task in asking.tasks:
        task.cancel()
    await asyncio.gather(*asking.tasks, return_exceptions=True)
    async with AsyncExitStack() as stack:
        for namespace in ("a", "b"):
            assert await stack.enter_async_context(asking.turns.turn(namespace))
