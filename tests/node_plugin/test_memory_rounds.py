"""A round with neighbours that are dead, slow or hostile, and with a file system that refuses: real TLS, real tmpfs."""

import asyncio
import hashlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from broker.passes import reading_pass, serving_pass
from moorage.errors import NotYetError
from moorage.grants.neighbours import Neighbour, Neighbourhood, Pass, Reading
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.model import DatasetRef
from moorage.serving.certificates import KeyPair, make_authority
from node_plugin.filler.neighbour import client_context
from node_plugin.journal import Journal
from node_plugin.memfd_files import anonymous_file
from node_plugin.memory.holding import MemoryKey
from node_plugin.memory.lying import Home, Lying, Told, write_listing
from node_plugin.memory.shared import SharedMemory
from node_plugin.neighbours import memory_bringing, memory_round
from node_plugin.neighbours.credit import Credit
from node_plugin.neighbours.memory_bringing import MemoryBringer
from node_plugin.neighbours.memory_round import Round

pytestmark = pytest.mark.real

KEY = MemoryKey(DatasetRef("fraud", "features"), "6ff6ac31-8f32-4cc4-9cbe-cd4bdee1f4b4")
MIB = 1 << 20
NOW = datetime.now(tz=UTC)
GOOD, BUSY, SILENT, STUCK, WRITTEN = "gives", "busy", "silent", "stuck", "written"


@dataclass
class Played:
    """A node that answers as a test wants.

    Attributes:
        objects: that it tells of, with their content.
        manner: how it answers whoever asks for one of them, or for the list.
        asked: for which.
    """

    name: str
    objects: dict[str, bytes]
    manner: str = GOOD
    listing: str = GOOD
    address: str = ""
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def told(self) -> bytes:
        """Its list."""
        home = Home(self.name, "room")
        return write_listing(Told(home, {n: Lying(5, home, n, len(c)) for n, c in self.objects.items()}))

    def answer(self, path: str) -> tuple[int, bytes]:
        """What it says, where it says anything."""
        name = path.split("?", maxsplit=1)[0].removeprefix(f"/v1/memory/fraud/features/{KEY.uid}").strip("/")
        self.asked.append(name)
        manner = self.manner if name else self.listing
        if manner == SILENT:
            return 0, b""
        if manner == STUCK:
            self.over.wait(60)
        if manner in {BUSY, WRITTEN}:
            return (503 if manner == BUSY else 409), b""
        if not name:
            return 200, self.told()
        content = self.objects[name]
        return 200, content + hashlib.sha256(content).digest() if content else b""


@contextmanager
def serve(authority: KeyPair, node: Played) -> Iterator[None]:
    """Have it served."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = node.answer(self.path)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Callers go away."""

    shown = serving_pass(authority, node.name, NOW)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with anonymous_file("c", shown.certificate) as certificate, anonymous_file("k", shown.key) as key:
        context.load_cert_chain(f"/proc/self/fd/{certificate}", f"/proc/self/fd/{key}")
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    node.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    node.over.set()
    server.shutdown()
    server.server_close()


@dataclass
class Place:
    """Where a round brings to."""

    directory: Path
    authority: KeyPair
    stack: ExitStack

    @property
    def folder(self) -> Path:
        """The Dataset's memory."""
        return self.directory / KEY.folder

    def serve(self, *nodes: Played) -> None:
        """Have nodes served."""
        for node in nodes:
            self.stack.enter_context(serve(self.authority, node))

    @property
    def given(self) -> Pass:
        """This node's pass."""
        return reading_pass(self.authority, Reading("here", KEY.ref, KEY.uid), NOW)

    def round(self, *nodes: Played, busy_seconds: float = 120.0) -> Round:
        """A round with them."""
        self.serve(*nodes)
        context = client_context(self.authority.certificate.pem.decode(), self.given)
        addresses = {node.name: node.address for node in nodes}
        return Round(KEY, self.folder, "here", addresses, context, busy_seconds=busy_seconds)

    def lies(self) -> set[str]:
        """What lies here."""
        return {each.name for each in self.folder.iterdir() if each.is_file()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A memory with room for some files."""
    monkeypatch.setattr(memory_round, "_PAUSE_SECONDS", 0.01)
    with ExitStack() as stack:
        made = Place(tmp_path, make_authority("played", NOW, timedelta(days=1)), stack)
        made.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MIB},nr_inodes=64", "none", made.folder], check=True)
        stack.callback(lambda: subprocess.run(["umount", "-l", made.folder], check=True))
        yield made


MANY = {f"x{number}": b"content" for number in range(40)}


@pytest.mark.parametrize("manner", [BUSY, SILENT, WRITTEN])
def test_a_node_that_gives_nothing_is_left(place: Place, manner: str) -> None:
    """For all its objects at once, so that what others have comes."""
    bad, good = Played("bad", MANY, manner), Played("good", {"y": b"content"})
    brought = place.round(bad, good, busy_seconds=0.01).run()
    assert (place.lies(), set(brought.trouble)) == ({"y"}, {"bad"}), brought
    # A list, and what eight threads ask until one of them has had enough.
    assert len(bad.asked) <= 1 + 8 * 4


def test_a_node_that_does_not_say_what_it_has_is_left(place: Place) -> None:
    """After it was busy for so long."""
    bad, good = Played("bad", MANY, listing=BUSY), Played("good", {"y": b"content"})
    brought = place.round(bad, good, busy_seconds=0.01).run()
    assert (place.lies(), set(brought.trouble)) == ({"y"}, {"bad"}), brought


def test_lists_that_are_too_many_are_not_held(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all neighbours together."""
    monkeypatch.setattr(memory_round, "_MOST_ENTRIES", 40)
    brought = place.round(Played("one", {"y": b"content"}), Played("many", MANY)).run()
    assert place.lies() in ({"y"}, set(MANY))
    assert not brought.trouble


def test_what_the_kernel_refuses_costs_nothing_else(place: Place) -> None:
    """A folder here has the name of an object there: that one is not brought, nor asked for."""
    (place.folder / "x1").mkdir()
    node = Played("good", {"x1": b"content", "x2": b"content"})
    brought = place.round(node).run()
    assert place.lies() == {"x2"}
    assert (brought.objects, brought.refused, brought.trouble) == (1, 1, {})
    assert "x1" not in node.asked


def test_what_has_no_file_left_stays_away(place: Place) -> None:
    """It is counted beforehand; and what the kernel says then fails no round."""
    for number in range(40):
        (place.folder / f".{number}").touch()
    brought = place.round(Played("good", MANY)).run()
    assert 0 < brought.objects < len(MANY)
    assert brought.objects + brought.without_room == len(MANY)
    assert len(place.lies() & set(MANY)) == brought.objects


@dataclass
class Knowing:
    """A broker that knows the nodes."""

    place: Place
    nodes: tuple[Played, ...]

    async def ask_neighbours(self, asked: GrantQuestion) -> Neighbourhood:
        """All of them."""
        del asked
        return Neighbourhood(neighbours=tuple(Neighbour(node.name, node.address, whole=True) for node in self.nodes))

    async def ask_pass(self, asked: GrantQuestion | None) -> Pass:
        """One for this node."""
        del asked
        return self.place.given


def test_a_pod_waits_no_longer_than_its_patience(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing comes, what is under way is ended, and the pod starts with what came."""
    monkeypatch.setattr(memory_bringing, "_WAIT_SECONDS", 0.5)
    node = Played("stuck", {"y": b"content"}, STUCK)
    place.serve(node)
    authority = place.directory / "ca"
    authority.write_bytes(place.authority.certificate.pem)
    memory = SharedMemory(place.directory / "memory", Journal(place.directory / "journal"), 16 * MIB)
    pod = PodIdentity("fraud", "pod", "a-uid")

    async def wait() -> bool:
        bringer = MemoryBringer("here", Knowing(place, (node,)), authority, memory, patience_seconds=0.2)
        try:
            for _ in range(20):
                with suppress(NotYetError):
                    await bringer.bring(KEY, MIB, pod)
                    return True
            return False
        finally:
            await bringer.close()

    place.stack.callback(lambda: subprocess.run(["umount", "-l", memory.folder(KEY)], check=True))
    assert asyncio.run(wait())


def test_credit_is_spent_once_by_all_who_wait_and_earned_by_what_comes() -> None:
    """Two threads that wait at the same time take one time from it; a node that drips is left in the end."""
    now = [0.0]
    credit = Credit(30.0, lambda: now[0])
    now[0] = 20.0
    credit.spend(0.0)
    credit.spend(0.0)
    assert not credit.is_spent
    for _ in range(3):
        now[0] += 20.0
        credit.spend(now[0] - 20.0, 20 * MIB)
    assert not credit.is_spent
    now[0] += 20.0
    credit.spend(now[0] - 20.0, MIB)
    assert credit.is_spent
