"""A listener under floods, over real sockets: whoever asks in earnest is answered, whatever others hold open."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from moorage.serving.certificates import make_authority, make_leaf
from moorage.serving.context import load_pair, make_server_context
from moorage.serving.limits import Limits
from moorage.serving.run import Listener, serve
from tests.polling import until

NOW = datetime.now(UTC)
PAIR = make_leaf(make_authority("test", NOW, timedelta(days=1)), ("127.0.0.1",), NOW, timedelta(days=1))
OTHERS = [f"127.0.1.{number}" for number in range(1, 60)]
ATTACKER, HONEST = "127.0.1.1", "127.0.2.1"
GET = b"GET /echo HTTP/1.1\r\nHost: test\r\n\r\n"


@dataclass
class Served:
    """A listener that serves /echo and /slow, and those that are connected to it."""

    port: int
    tls: bool
    stack: AsyncExitStack
    slow_started: asyncio.Event = field(default_factory=asyncio.Event)
    slow_may_end: asyncio.Event = field(default_factory=asyncio.Event)

    def half_open(self, source: str) -> socket.socket:
        """A TCP connection on which nothing is sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), source_address=(source, 0))
        self.stack.callback(connection.close)
        return connection

    async def connect(self, source: str = HONEST) -> "Client":
        """A connection whose TLS handshake is done."""
        context = None
        if self.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with asyncio.timeout(30):
            client = Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context, local_addr=(source, 0)))
        self.stack.push_async_callback(client.abort)
        return client

    async def flood(self, count: int, *sources: str) -> list[socket.socket]:
        """So many half-open connections, in turn from these addresses."""
        connections = []
        for number in range(count):
            connections.append(self.half_open(sources[number % len(sources)]))
            if number % 8 == 7:
                await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        return connections


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def abort(self) -> None:
        """Be gone."""
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def ask(self, request: bytes = GET) -> tuple[int, bytes]:
        """Send a request as it is, and read the answer's status and body."""
        self.writer.write(request)
        async with asyncio.timeout(30):
            header = await self.reader.readuntil(b"\r\n\r\n")
            lines = header.split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length"))
            return int(lines[0].split()[1]), await self.reader.readexactly(length)

    async def is_closed(self) -> bool:
        """Wait until the server closes it."""
        async with asyncio.timeout(30):
            with suppress(ConnectionError):
                return await self.reader.read(1) == b""
        return True


def post(body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A request with a body, or with the beginning of one."""
    lines = ["POST /echo HTTP/1.1", "Host: test", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


@asynccontextmanager
async def listening(limits: Limits, *, tls: bool = True) -> AsyncIterator[Served]:
    """Serve with these limits."""
    app = web.Application(client_max_size=1 << 24)
    async with AsyncExitStack() as stack:
        context = None
        if tls:
            context = make_server_context()
            load_pair(context, PAIR.certificate.pem, PAIR.key_pem)
        listener = Listener(host="127.0.0.1", port=0, tls=context, drain_seconds=0, limits=limits)
        served = Served(0, tls, stack)

        async def echo(request: web.Request) -> web.Response:
            return web.Response(body=await request.read())

        async def slow(_request: web.Request) -> web.Response:
            served.slow_started.set()
            await served.slow_may_end.wait()
            return web.Response(text="at last")

        app.router.add_route("*", "/echo", echo)
        app.router.add_get("/slow", slow)
        served.port = await stack.enter_async_context(serve(app, listener))
        yield served


SMALL = Limits(connections=16, connections_per_peer=12)


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
@pytest.mark.parametrize("sources", [[ATTACKER], OTHERS, [HONEST]], ids=["one address", "many", "the same"])
async def test_half_open_connections_lock_out_nobody(sources: list[str], *, tls: bool) -> None:
    """Ten times as many as there is room for, held open: new clients and old ones are served."""
    async with listening(SMALL, tls=tls) as served:
        before = await served.connect()
        assert await before.ask() == (200, b"")
        for _ in range(4):
            await served.flood(40, *sources)
            assert await before.ask() == (200, b"")  # was idle, and settled: the flood replaced itself
            client = await served.connect()
            assert await client.ask() == (200, b"")
            await client.abort()


async def test_no_more_connections_are_kept_than_the_limit_says() -> None:
    """The server closes the surplus itself; it does not wait for a timeout."""
    async with listening(Limits(connections=16, connections_per_peer=12, handshake_seconds=600)) as served:
        connections = await served.flood(60, *OTHERS)
        await until(lambda: sum(map(_was_closed, connections)) >= 60 - 16)
        assert sum(map(_was_closed, connections)) == 60 - 16


def _was_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)  # noqa: FBT003 - the socket's own signature
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_idle_connections_lock_out_nobody() -> None:
    """Handshake done, a request answered, then kept open for nothing, from many addresses: a newcomer finds room."""
    async with listening(SMALL) as served:
        for number in range(40):
            assert await (await served.connect(OTHERS[number])).ask() == (200, b"")
        for _ in range(4):
            await served.flood(8, *OTHERS)
            assert await (await served.connect()).ask() == (200, b"")


async def test_one_address_takes_no_more_than_its_share() -> None:
    """Idle clients of other addresses keep their connections."""
    async with listening(SMALL) as served:
        others = [await served.connect(source) for source in OTHERS[10:13]]
        for client in others:
            await client.ask()
        for _ in range(30):
            await (await served.connect(ATTACKER)).ask()
        await served.flood(60, ATTACKER)
        assert [await client.ask() for client in others] == [(200, b"")] * 3


async def test_a_request_that_is_being_answered_is_not_dropped() -> None:
    """Whatever else connects meanwhile."""
    async with listening(SMALL) as served:
        client = await served.connect()
        answer = asyncio.create_task(client.ask(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n"))
        await served.slow_started.wait()
        await served.flood(60, *OTHERS)
        served.slow_may_end.set()
        assert await answer == (200, b"at last")


async def test_where_all_are_busy_a_newcomer_is_refused_at_once() -> None:
    """And served as soon as one is done."""
    async with listening(Limits(connections=2, connections_per_peer=2)) as served:
        busy = [await served.connect() for _ in range(2)]
        answers = [asyncio.create_task(client.ask(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")) for client in busy]
        await served.slow_started.wait()
        await asyncio.sleep(0.2)
        with pytest.raises(ConnectionError):
            await served.connect()
        served.slow_may_end.set()
        assert await asyncio.gather(*answers) == [(200, b"at last")] * 2
        assert await (await served.connect()).ask() == (200, b"")


@pytest.mark.parametrize(
    ("limits", "sent"),
    [
        pytest.param(Limits(header_seconds=0.3), b"", id="no header"),
        pytest.param(Limits(header_seconds=0.3), b"GET /echo HTTP/1.1\r\nHo", id="half a header"),
        pytest.param(Limits(idle_seconds=0.3), GET, id="no further request"),
        pytest.param(Limits(body_seconds=0.3), post(b"half", length=100), id="half a body"),
    ],
)
async def test_who_keeps_it_waiting_is_closed(limits: Limits, sent: bytes) -> None:
    """Each phase has its timeout."""
    async with listening(limits) as served:
        client = await served.connect()
        if sent == GET:
            await client.ask()
        else:
            client.writer.write(sent)
        assert await client.is_closed()


async def test_a_byte_now_and_then_buys_no_time() -> None:
    """A body that drips is closed as one that does not come."""
    async with listening(Limits(body_seconds=0.5)) as served:
        client = await served.connect()
        client.writer.write(post(b"", length=1000))

        async def drip() -> None:
            while not client.writer.transport.is_closing():
                client.writer.write(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await client.is_closed()
        dripping.cancel()


async def test_a_handshake_that_does_not_end_is_closed() -> None:
    """Long before a header's timeout."""
    async with listening(Limits(handshake_seconds=0.3, header_seconds=600)) as served:
        connection = served.half_open(ATTACKER)
        await until(lambda: _was_closed(connection))


async def test_an_answer_that_takes_too_long_is_given_up() -> None:
    """The client is told, and the room is free again."""
    async with listening(Limits(connections=2, connections_per_peer=2, answer_seconds=0.2)) as served:
        for _ in range(4):
            client = await served.connect()
            assert await client.ask(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n") == (503, b"no answer within 0.2 s\n")


async def test_bodies_that_never_come_lock_out_no_body() -> None:
    """Large bodies that are announced have a limit together, and those that come are read."""
    large = b"x" * 400_000
    async with listening(Limits(body_bytes=1_000_000)) as served:
        for number in range(20):
            client = await served.connect(OTHERS[number])
            client.writer.write(post(b"", length=900_000))
        await asyncio.sleep(0.2)
        assert await (await served.connect()).ask(post(large)) == (200, large)
        assert await (await served.connect()).ask(post(large)) == (200, large)


async def test_a_body_of_unknown_length_is_refused() -> None:
    """It could not be counted before it came; no client of ours sends one."""
    async with listening(SMALL) as served:
        client = await served.connect()
        request = b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf"
        assert (await client.ask(request))[0] == 411


async def test_a_compressed_body_is_not_unpacked() -> None:
    """A few kilobytes must not become megabytes after they were counted."""
    packed = gzip.compress(b"0" * 10_000_000)
    async with listening(SMALL) as served:
        status, body = await (await served.connect()).ask(post(packed, "Content-Encoding: gzip"))
        assert (status, body) == (200, packed)


async def test_it_listens_at_all_addresses_of_both_families() -> None:
    """As a pod's server does, whichever family the cluster has."""
    app = web.Application()
    async with serve(app, Listener(port=0)) as port:
        for address in ("127.0.0.1", "::1"):
            if address == "127.0.0.1" or _has_ipv6():
                _, writer = await asyncio.open_connection(address, port)
                writer.close()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
