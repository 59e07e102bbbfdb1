"""Server-sent events: pages that follow what happens, so many of each person, so many in all, so long each.

A stream says that something changed, and the page reads itself again; only logs carry text. A page whose stream ends
opens another one by itself.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import hdrs, web

from moorage.serving.slots import Slots

_QUIET_SECONDS: Final = 15.0
"""The interval of comments, so that lost clients are noticed and no proxy closes the connection."""
_WRITE_SECONDS: Final = 20.0
_AGAIN_MILLISECONDS: Final = 2000


@dataclass(frozen=True, slots=True)
class Sent:
    """One event. `data`: any JSON."""

    event: str
    data: Any = None
    id: str = ""


@dataclass(slots=True)
class Streams:
    """The open event streams, with their limits.

    Attributes:
        slots: one for each.
        seconds: how long one lasts.
    """

    slots: Slots = field(default_factory=lambda: Slots(most=128, most_of_one=12))
    seconds: float = 600.0

    @contextmanager
    def counted(self, who: str) -> Iterator[None]:
        """Count a stream while it is open.

        Raises:
            web.HTTPTooManyRequests: there are as many as there may be.
        """
        with self.slots.taken(who) as there_is_one:
            if not there_is_one:
                raise web.HTTPTooManyRequests(
                    text="too many pages follow something: close some, or reload this one now and then\n",
                    headers={hdrs.RETRY_AFTER: "30"},
                )
            yield

    async def send(self, request: web.Request, who: str, events: AsyncIterator[Sent]) -> web.StreamResponse:
        """Answer with these events, until they end, the person goes, or it has lasted long enough."""
        with self.counted(who):
            answer = web.StreamResponse(
                headers={
                    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
                    hdrs.CACHE_CONTROL: "no-store",
                    "X-Accel-Buffering": "no",
                }
            )
            await answer.prepare(request)
            try:
                async with asyncio.timeout(self.seconds), aclosing(with_silence(events, _QUIET_SECONDS)) as told:
                    await _write(answer, f"retry: {_AGAIN_MILLISECONDS}\n\n")
                    async for each in told:
                        await _write(answer, ": still here\n\n" if each is None else written(each))
            except (TimeoutError, ConnectionError):
                pass
            return answer


def written(sent: Sent) -> str:
    """Serialize an event for the wire; JSON has no line breaks, so no data can begin another field."""
    data = json.dumps(sent.data, ensure_ascii=True)
    head = f"id: {sent.id}\n" if sent.id.isalnum() else ""
    return f"{head}event: {sent.event}\ndata: {data}\n\n"


async def with_silence(events: AsyncIterator[Sent], seconds: float) -> AsyncGenerator[Sent | None]:
    """Yield the same events, and None wherever nothing came for so long."""
    coming: asyncio.Future[Sent] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({coming}, timeout=seconds)
            if not done:
                yield None
                continue
            taken, coming = coming, None
            try:
                yield taken.result()
            except StopAsyncIteration:
                return
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _write(answer: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(_WRITE_SECONDS):
        await answer.write(text.encode())
