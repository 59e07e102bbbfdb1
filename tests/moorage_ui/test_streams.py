"""Server-sent events: bounded in number and time, and no event begins another."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from moorage.serving.slots import Slots
from moorage_ui.streams import Sent, Streams, with_silence, written


@given(st.text(), st.text())
def test_an_event_is_one_event(text: str, identity: str) -> None:
    """Whatever is in the text, there is one line of data, and it is that text."""
    lines = written(Sent("text", {"text": text}, identity)).split("\n")
    data = [line for line in lines if line.startswith("data: ")]
    assert len(data) == 1
    assert json.loads(data[0].removeprefix("data: ")) == {
        "text": text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    }
    assert all(line.startswith(("id: ", "event: text", "data: ")) or not line for line in lines)


def test_one_person_has_so_many() -> None:
    """Beyond that they are told; others still find room, until there is none for anybody."""
    streams = Streams(Slots(most=3, most_of_one=2))
    with streams.counted("a"), streams.counted("a"):
        with pytest.raises(web.HTTPTooManyRequests), streams.counted("a"):
            pass
        with streams.counted("b"):
            assert streams.slots.count == 3
            with pytest.raises(web.HTTPTooManyRequests), streams.counted("c"):
                pass
    assert streams.slots.count == 0


async def test_silence_is_told_and_the_end_is_an_end() -> None:
    """Nothing is lost while nothing comes, and what is left is closed."""
    closed = asyncio.Event()
    go = asyncio.Event()

    async def events() -> AsyncIterator[Sent]:
        try:
            yield Sent("one")
            await go.wait()
            yield Sent("two")
        finally:
            closed.set()

    found: list[str] = []
    async for each in with_silence(events(), 0.01):
        found.append("silence" if each is None else each.event)
        if each is None:
            go.set()
    assert found[0] == "one"
    assert found[1] == "silence"
    assert found[-1] == "two"
    assert closed.is_set()


async def test_who_leaves_ends_what_was_under_way() -> None:
    """A reader that goes while nothing comes leaves no task behind."""
    ended = asyncio.Event()

    async def events() -> AsyncIterator[Sent]:
        try:
            yield Sent("one")
            await asyncio.Event().wait()
        finally:
            ended.set()

    stream = with_silence(events(), 0.01)
    assert (await anext(stream)) == Sent("one")
    assert (await anext(stream)) is None
    await stream.aclose()
    assert ended.is_set()
