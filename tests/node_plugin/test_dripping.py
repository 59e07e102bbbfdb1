"""Servers that send a byte now and then, forever: a fill leaves them, whatever it is that they drip."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from broker.passes import reading_pass, serving_pass
from moorage.calling.endpoints import Endpoint
from moorage.calling.failures import TryAgainError
from moorage.errors import SourceError
from moorage.grants.grant import FillTerms, Grant
from moorage.grants.neighbours import Reading
from moorage.model import DatasetRef
from moorage.serving.certificates import make_authority
from moorage.serving.context import load_pair
from moorage.sources.http import HttpSource
from moorage.sources.s3 import S3Source
from node_plugin.filler import fetching, filling, neighbour, s3
from node_plugin.filler.deadlines import Deadline
from node_plugin.filler.exchange import Job
from node_plugin.filler.fetching import Fetcher
from node_plugin.filler.manifest import OBJECTS, PARTS, Entry
from node_plugin.filler.neighbour import NeighbourError, NeighbourFolder, client_context
from node_plugin.filler.s3 import S3Folder
from node_plugin.filler.web import CopiedWebFolder

NOWHERE = HttpSource("http://127.0.0.1:1/")
ENTRY = Entry("a", 1_000_000, "0" * 32, 0)
HEADERS = b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: "%s"\r\n\r\n' % ENTRY.etag.encode()

Speak = Callable[[socket.socket, threading.Event], None]


def drip(line: socket.socket, over: threading.Event, *, first: bytes = b"") -> None:
    """Something whole, then a byte at a time."""
    line.sendall(first)
    while not over.wait(0.02):
        line.sendall(b"H")


def a_byte_each(line: socket.socket, over: threading.Event) -> None:
    """One byte, and the connection ends: what was asked for goes on from there."""
    line.settimeout(5)
    asked = line.recv(65_536)
    start = int(asked.partition(b"bytes=")[2].partition(b"-")[0] or b"0")
    headers = HEADERS.replace(b"200 OK", b"206 Partial") if start else HEADERS
    line.sendall(headers.replace(b"1000000", str(1_000_000 - start).encode()) + b"x")
    over.wait(0.02)


def pages_without_end(line: socket.socket, over: threading.Event) -> None:
    """Listings with nothing in them, and always another token."""
    line.settimeout(5)
    line.recv(65_536)
    body = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>"
        b"</ListBucketResult>" % time.monotonic_ns()
    )
    line.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    over.wait(0.01)


@contextmanager
def serving(speak: Speak, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server; gives its port."""
    over = threading.Event()

    def answer(line: socket.socket) -> None:
        with contextlib.suppress(OSError), line:
            if context is None:
                speak(line, over)
                return
            with context.wrap_socket(line, server_side=True) as secured:
                speak(secured, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listener.accept()
                threading.Thread(target=answer, args=(line,), daemon=True).start()

    # Without the deadlines, the tests would not end; with this they fail.
    too_long = threading.Timer(20.0, over.set)
    too_long.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            too_long.cancel()
            listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short deadlines, in a folder to fill."""
    monkeypatch.setattr(fetching, "_STALL_SECONDS", 0.5)
    monkeypatch.setattr(fetching, "_NEAR_STALL_SECONDS", 0.5)
    monkeypatch.setattr(neighbour, "_HAVING_SECONDS", 0.5)
    monkeypatch.setattr(filling, "_LIST_SECONDS", 0.5)
    monkeypatch.setattr(s3, "PAGE_SECONDS", 0.2)
    monkeypatch.chdir(tmp_path)
    for name in (PARTS, OBJECTS):
        (tmp_path / name).mkdir()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "speak", [drip, partial(drip, first=HEADERS), a_byte_each], ids=["header", "object", "a byte a connection"]
)
def test_an_object_that_drips_ends_the_fill(speak: Speak, scheme: str) -> None:
    """Its bytes, what comes before them, and the handshake before that; also where each try brings a byte."""
    with serving(speak) as port:
        url = f"{scheme}://127.0.0.1:{port}"
        with closing(S3Folder(S3Source(url, "b"), None, Endpoint(url, None))) as folder:
            fetcher = Fetcher(folder, 0, threading.Event())
            with pytest.raises(SourceError, match="less than 5,000 bytes a second"):
                fetcher.fetch(ENTRY)


def test_a_file_behind_a_web_server_ends_the_fill_as_well() -> None:
    """Its server drips."""
    with serving(partial(drip, first=HEADERS)) as port:
        place = HttpSource(f"http://127.0.0.1:{port}/")
        with closing(CopiedWebFolder(place, Endpoint(place.url, None))) as folder:
            fetcher = Fetcher(folder, 0, threading.Event())
            with pytest.raises(SourceError, match="less than 5,000 bytes a second"):
                fetcher.fetch(replace(ENTRY, etag=f'"{ENTRY.etag}"'))


@pytest.mark.parametrize("speak", [drip, pages_without_end], ids=["a page", "all pages"])
def test_a_listing_has_an_end(speak: Speak) -> None:
    """One that drips, and one whose pages bring nothing but the name of the next."""
    with serving(speak) as port:
        location = S3Source(f"http://127.0.0.1:{port}", "b")
        terms = FillTerms(size_bytes=1, far_seconds=1.0, listed_version="v")
        job = Job(
            grant=Grant(location=location, local=False, credentials=None, fill=terms),
            connections=1,
            most_objects=9,
            most_bytes=9,
        )
        ended = filling.fill(job, lambda _: None)
    assert "listing is not complete" in ended.message


@pytest.mark.parametrize("first", [b"", HEADERS], ids=["header", "object"])
def test_a_neighbour_that_drips_is_left(first: bytes) -> None:
    """Also one that has all of it, as it says; and it is not waited for when it says what it has."""
    now = datetime.now(tz=UTC)
    authority = make_authority("test", now, timedelta(days=1))
    made, ref = serving_pass(authority, "n2", now), DatasetRef("stewards", "claims")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, made.certificate.encode(), made.key.encode())
    ours = client_context(authority.certificate.pem.decode(), reading_pass(authority, Reading("n1", ref), now))
    with (
        serving(partial(drip, first=first), context) as port,
        closing(NeighbourFolder("n2", f"127.0.0.1:{port}", ours, "/x")) as folder,
    ):
        # A source is never called.
        fetcher = Fetcher(CopiedWebFolder(NOWHERE, Endpoint(NOWHERE.url, None)), 0, threading.Event())
        with pytest.raises(NeighbourError, match="slower than the source"):
            fetcher.fetch_near(ENTRY, 0, lambda: folder, 50_000.0)
        with pytest.raises(TryAgainError):
            folder.having(8_000_000)


def test_what_comes_moves_a_deadline_but_never_far() -> None:
    """A burst at the beginning gives nobody an hour of silence."""
    now = [0.0]
    deadline = Deadline(20.0, 1_000.0, lambda: now[0])
    for now[0] in (10.0, 20.0, 30.0):
        deadline.came(10_000)
        assert not deadline.is_over
    deadline.came(10**9)
    now[0] = 50.0
    assert not deadline.is_over
    now[0] = 50.1
    assert deadline.is_over
    deadline.came(10**9)
    assert deadline.is_over
