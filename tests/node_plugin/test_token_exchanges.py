"""Which tokens leave the node, and how many exchanges there are at once."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest

from moorage.calling.role_sessions import Rejected
from moorage.errors import BrokerError
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.model import DatasetRef
from moorage.refusal import DENIED, Refusal
from moorage.sources.permitted_roles import PermittedRole
from moorage.sources.web_identity import SessionRequest
from node_plugin import web_identity
from node_plugin.broker import HttpsBroker
from node_plugin.exchanges import Exchanges
from node_plugin.web_identity import PodTokens, WebIdentityBroker
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import AUDIENCE
from tests.polling import until
from tests.token_thief import ROLE, Thief, run_thief

QUESTION = GrantQuestion(PodIdentity("fraud", "trainer", "uid"), DatasetRef("fraud", "claims"))
REQUEST = SessionRequest(
    endpoint="https://x", named_in="s3.endpoint", ca_bundle=None, role_arn="r", seconds=900, policy=""
)


@pytest.fixture
def thief() -> Iterator[Thief]:
    """A server that keeps tokens."""
    with run_thief() as running:
        yield running


def asking(broker: PlayedBroker, *roles: PermittedRole) -> WebIdentityBroker:
    """A node plugin's way to the broker, with the pod's token."""
    tokens = PodTokens(AUDIENCE)
    tokens.keep("uid", "fraud/default", json.dumps({AUDIENCE: {"token": "a.b.c"}}))
    decider = HttpsBroker(
        url=broker.url,
        server_name="moorage-broker.moorage-system.svc",
        ca_file=broker.ca_file,
        token_file=broker.token_file,
    )
    return WebIdentityBroker(decider, tokens, roles)


async def test_no_token_is_sent_where_the_platform_does_not_say_so(broker: PlayedBroker, thief: Thief) -> None:
    """Whatever the Dataset's author wrote and the broker granted: not to his server, nor for a role of another."""
    broker.grant("fraud/claims", {"kind": "s3", **thief.source.write()})
    fine = PermittedRole(ROLE, thief.url, frozenset({"fraud"}))
    for roles in (
        (),
        (PermittedRole(ROLE, "https://sts.test", frozenset({"fraud"})),),
        (PermittedRole("arn:other", thief.url, frozenset({"fraud"})),),
        (PermittedRole(ROLE, thief.url, frozenset({"steward"})),),
    ):
        refused = await asking(broker, *roles).ask(QUESTION)
        assert isinstance(refused, Refusal)
        assert refused.code == DENIED
        assert all(word in refused.message for word in ("fraud/claims", ROLE, thief.url, "webIdentity.roles"))
    assert thief.tokens == []
    asked = await asking(broker, fine).ask(QUESTION)
    assert isinstance(asked, Refusal)
    assert "(AccessDenied)" in asked.message
    assert thief.tokens == ["a.b.c"]


class Dead:
    """A store that does not answer: each exchange waits until it is let go."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.names: list[str] = []

    def exchange(self, request: SessionRequest, name: str, token: str) -> Rejected:
        """Begin one, and wait."""
        del request, token
        self.names.append(name)
        self.began.release()
        assert self.go_on.wait(60)
        return Rejected("AccessDenied", "no")

    async def wait_for(self, count: int) -> None:
        """Wait until so many more exchanges have begun."""
        for _ in range(count):
            assert await asyncio.to_thread(self.began.acquire, timeout=60)


async def test_who_lost_patience_takes_no_further_thread() -> None:
    """A namespace's turns are its threads, which go on when nobody waits for them any more; others have their own."""
    store = Dead()
    exchanges = Exchanges(store.exchange)
    first = [asyncio.create_task(exchanges.run("a", REQUEST, f"a{n}", "t")) for n in range(2)]
    await store.wait_for(2)
    for task in first:
        task.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*first, return_exceptions=True)
    )
    late = asyncio.create_task(exchanges.run("a", REQUEST, "late", "t"))
    other = asyncio.create_task(exchanges.run("b", REQUEST, "b", "t"))
    await store.wait_for(1)
    assert store.names == ["a0", "a1", "b"]
    store.go_on.set()
    assert list(await asyncio.gather(late, other)) == [Rejected("AccessDenied", "no")] * 2
    await until(lambda: exchanges.namespaces == 0)


async def test_a_store_that_takes_too_long_is_asked_again_later(
    monkeypatch: pytest.MonkeyPatch, broker: PlayedBroker, thief: Thief
) -> None:
    """It is no refusal; and who does not wait for his turn any more leaves nothing behind."""
    monkeypatch.setattr(web_identity, "_PATIENCE_SECONDS", 0.05)
    store = Dead()
    monkeypatch.setattr(web_identity, "assume_role", store.exchange)
    broker.grant("fraud/claims", {"kind": "s3", **thief.source.write()})
    slow = asking(broker, PermittedRole(ROLE, thief.url, frozenset({"fraud"})))
    for _ in range(4):
        with pytest.raises(BrokerError, match="its store takes too long to answer"):
            await slow.ask(QUESTION)
    assert len(store.names) == 2
    store.go_on.set()
