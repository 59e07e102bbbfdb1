"""What a node serves to others, and when it stops: the server itself on loopback, over TLS."""

import http.client
import os
import socket
import ssl
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.passes import READING_LIFE, reading_pass, serving_pass
from moorage.grants.neighbours import Pass, server_name
from moorage.grants.neighbours import Reading as Said
from moorage.grants.question import GrantQuestion
from moorage.grants.standing import Standing
from moorage.model import DatasetRef
from moorage.queueing.keyed_locks import KeyedLocks
from moorage.serving.certificates import KeyPair, make_authority
from node_plugin.caching.holding import VersionKey
from node_plugin.caching.state import CacheLimits, CacheState
from node_plugin.caching.store import Store
from node_plugin.caching.usage import Usage
from node_plugin.filler import manifest
from node_plugin.filler.manifest import Entry
from node_plugin.filler.neighbour import client_context, version_path
from node_plugin.journal import Journal
from node_plugin.neighbours import sending
from node_plugin.neighbours.sending import Sending
from node_plugin.neighbours.serving import Server, serving_neighbours
from tests.polling import until
from tests.ports import free_port

REF = DatasetRef("stewards", "claims")
KEY = VersionKey(REF, "a" * 64)
PIECE = 1 << 20
SIZE = 128 << 20
"""More than the sockets between two processes hold."""


class Signs:
    """The broker, as far as a server asks it."""

    def __init__(self, authority: KeyPair) -> None:
        self._authority = authority

    async def ask_pass(self, _asked: GrantQuestion | None) -> Pass:
        """To serve with."""
        return serving_pass(self._authority, "n1", datetime.now(tz=UTC))


@dataclass
class Served:
    """A node that has one large object, and a neighbour that has a pass."""

    server: Server
    state: CacheState
    port: int
    context: ssl.SSLContext

    def connect(self) -> http.client.HTTPSConnection:
        """A connection that is kept."""
        line = socket.create_connection(("127.0.0.1", self.port), 30)
        made = http.client.HTTPSConnection("127.0.0.1", self.port)
        made.sock = self.context.wrap_socket(line, server_hostname=server_name("n1"))
        return made

    def status(self, connection: http.client.HTTPSConnection, path: str = "") -> int:
        """What it answers, all of it read."""
        connection.request("GET", version_path(REF, KEY.version) + path)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status

    def begin(self) -> "Reading":
        """Ask for the object, and read its beginning."""
        connection = self.connect()
        connection.request("GET", version_path(REF, KEY.version) + "/0")
        answer = connection.getresponse()
        assert len(answer.read(PIECE)) == PIECE
        return Reading(connection, answer)

    def is_free(self) -> bool:
        """Whether there is a place for one more object."""
        connection = self.connect()
        connection.request("GET", version_path(REF, KEY.version) + "/0")
        with closing(connection), connection.getresponse() as answer:
            return answer.status == 200


@dataclass
class Reading:
    """An object that is being read."""

    connection: http.client.HTTPSConnection
    answer: http.client.HTTPResponse

    def rest(self) -> int:
        """How many bytes come yet."""
        found = 0
        with closing(self.connection), self.answer, suppress(OSError, http.client.HTTPException):
            while piece := self.answer.read(PIECE):
                found += len(piece)
        return found


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Served]:
    """Serve."""
    now = datetime.now(tz=UTC)
    authority = make_authority("test", now, timedelta(days=1))
    ca_file = folder / "ca.crt"
    ca_file.write_bytes(authority.certificate.pem)
    store = Store(folder / "cache")
    filled = store.begin(KEY, SIZE, 1, None)
    (filled / "objects").mkdir()
    with (filled / "objects" / "a").open("wb") as file:
        file.truncate(SIZE)
    before = Path.cwd()
    os.chdir(filled)
    try:
        manifest.write([Entry("a", SIZE, "0" * 32, 0)])
    finally:
        os.chdir(before)
    store.publish(KEY, SIZE, 1)
    signs = Signs(authority)
    state = CacheState(
        store=store,
        usage=Usage(folder / "usage", time.time),
        journal=Journal(folder / "journal"),
        broker=signs,  # type: ignore[arg-type]
        watcher=signs,  # type: ignore[arg-type]
        locks=KeyedLocks(),
        limits=CacheLimits(size_bytes=1 << 40),
    )
    port = free_port()
    server = Server(state, signs, f"127.0.0.1:{port}", ca_file, Sending(10**9))  # type: ignore[arg-type]
    shown = reading_pass(authority, Said("n2", REF), now)
    async with serving_neighbours(server, "127.0.0.1", port):
        await state.moved.wait()
        yield Served(server, state, port, client_context(authority.certificate.pem.decode(), shown))


async def test_nothing_is_served_before_the_broker_has_spoken(tmp_path: Path) -> None:
    """A node that restarts has copies that may have been withdrawn meanwhile; nor long after it has."""
    async with served(tmp_path) as node:
        connection = await to_thread(node.connect)
        assert await to_thread(node.status, connection) == 503
        node.state.asked_at = time.monotonic()
        assert await to_thread(node.status, connection) == 200
        node.state.asked_at -= 91
        assert await to_thread(node.status, connection) == 503
        connection.close()


async def test_a_pass_ends_on_a_connection_that_is_kept(tmp_path: Path) -> None:
    """It is compared with the clock for each request, and for each piece of an object."""
    async with served(tmp_path) as node:
        node.state.asked_at = time.monotonic()
        connection = await to_thread(node.connect)
        assert await to_thread(node.status, connection) == 200
        reading = await to_thread(node.begin)
        node.server.clock = lambda: time.time() + READING_LIFE.total_seconds() + 1
        assert await to_thread(node.status, connection) == 403
        assert await to_thread(reading.rest) < SIZE - PIECE
        connection.close()


@pytest.mark.parametrize("standing", [Standing(ref=REF, rule="SiteDenied", message="no"), None], ids=["refused", "old"])
async def test_what_is_being_sent_ends_with_the_right_to_hold_it(tmp_path: Path, standing: Standing | None) -> None:
    """In the middle of an object: the broker refuses it, or has not said for a while that it may stay."""
    async with served(tmp_path) as node:
        node.state.asked_at = time.monotonic()
        reading = await to_thread(node.begin)
        if standing is None:
            node.state.asked_at -= 91
        else:
            node.state.standings = {REF: standing}
        assert await to_thread(reading.rest) < SIZE - PIECE


async def test_who_takes_nothing_keeps_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight that a node asks for and does not read are ended, and then it is served again."""
    monkeypatch.setattr(sending, "_PIECE_SECONDS", 0.3)
    async with served(tmp_path) as node:
        node.state.asked_at = time.monotonic()
        readings = [await to_thread(node.begin) for _ in range(8)]
        await until(lambda: to_thread(node.is_free))
        for reading in readings:
            reading.connection.close()
            reading.answer.close()
