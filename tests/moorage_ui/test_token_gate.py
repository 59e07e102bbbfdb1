"""Requests of one bearer that come at once: one asks the API server, and its connection is closed once."""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from moorage.errors import ForbiddenError
from moorage.kube import Client
from moorage_ui.gates.tokens import TokenGate


class SlowServer:
    """An API server that says a moment later who asks, or that it knows nobody."""

    def __init__(self) -> None:
        self.connections = self.asked = self.closed = 0
        self.knows = True

    def connect(self, _: str) -> Client:
        """Open a connection."""
        self.connections += 1
        return cast("Client", self)

    async def close(self) -> None:
        """Close a connection."""
        self.closed += 1

    async def request(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - JSON
        """Answer who asks."""
        self.asked += 1
        await asyncio.sleep(0.01)
        if not self.knows:
            raise ForbiddenError("Unauthorized", status=401)
        return {"status": {"userInfo": {"username": "ann"}}}


def ask(gate: TokenGate) -> asyncio.Task[Any]:
    """One request with the token."""
    request = make_mocked_request("GET", "/runs", headers={"Authorization": "Bearer one"})
    return asyncio.ensure_future(gate.admit(request))


async def test_first_requests_share_one_question_and_one_connection() -> None:
    """None of them is forgotten open."""
    server = SlowServer()
    gate = TokenGate(server.connect, 60.0)
    viewers = await asyncio.gather(*(ask(gate) for _ in range(10)))
    assert (server.connections, server.asked, len(set(map(id, viewers)))) == (1, 1, 1)
    await gate.close()
    assert server.closed == 1


async def test_a_token_that_expired_is_refused_to_all_who_bring_it_at_once() -> None:
    """Each gets 401, and none an error of ours."""
    server, now = SlowServer(), [0.0]
    gate = TokenGate(server.connect, 60.0, clock=lambda: now[0])
    await ask(gate)
    server.knows, now[0] = False, 1000.0
    found = await asyncio.gather(*(ask(gate) for _ in range(10)), return_exceptions=True)
    assert [type(each) for each in found] == [web.HTTPUnauthorized] * 10
    assert server.closed == server.connections
