"""Stores that mean harm, on loopback: each answers in a way that should cost whoever asks nothing."""

import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PACKER = zlib.compressobj(wbits=31)
_BOMB = b"".join(_PACKER.compress(b" " * 1024 * 1024) for _ in range(64)) + _PACKER.flush()

Answer = Callable[[socket.socket, "Hostile", str], None]


@dataclass
class Hostile:
    """A running one.

    Attributes:
        endpoint: its URL.
        requests: the request lines that came.
        open: how many connections are open now.
        sent_bytes: how much it could send.
    """

    endpoint: str = ""
    requests: list[str] = field(default_factory=list)
    open: int = 0
    sent_bytes: int = 0


@contextmanager
def hostile_store(answer: Answer) -> Iterator[Hostile]:
    """Serve `answer(connection, store, request line)` for each request, a thread for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        store = Hostile(f"http://127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=_accept, args=(listener, store, answer), daemon=True).start()
        yield store


def _accept(listener: socket.socket, store: Hostile, answer: Answer) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, store, answer), daemon=True).start()


def _serve(connection: socket.socket, store: Hostile, answer: Answer) -> None:
    store.open += 1
    try:
        with connection, suppress(OSError):
            while head := _head(connection):
                store.requests.append(head.splitlines()[0])
                answer(connection, store, store.requests[-1])
    finally:
        store.open -= 1


def _head(connection: socket.socket) -> str:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            return ""
        head += piece
    return head.decode("latin-1")


def send(connection: socket.socket, store: Hostile, data: bytes) -> None:
    """Send, and count it."""
    connection.sendall(data)
    store.sent_bytes += len(data)


def whole(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A complete answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/xml", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def page(keys: list[str], following: str = "", size: int = 1) -> bytes:
    """A page of a listing; `following` is the token of the next one."""
    contents = "".join(f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>x</ETag></Contents>" for key in keys)
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
    tail = more if following else "<IsTruncated>false</IsTruncated>"
    return f"<ListBucketResult><Name>data</Name>{contents}{tail}</ListBucketResult>".encode()


# --- what they answer ---


def drip(connection: socket.socket, store: Hostile, _: str) -> None:
    """A byte now and then, in the body: never silent, never done."""
    send(connection, store, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n<")
    while True:
        time.sleep(0.05)
        send(connection, store, b" ")


def drip_part(connection: socket.socket, store: Hostile, _: str) -> None:
    """The same, for a range of an object."""
    send(connection, store, b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1000000\r\n\r\n<")
    while True:
        time.sleep(0.3)
        send(connection, store, b" ")


def drip_head(connection: socket.socket, store: Hostile, _: str) -> None:
    """The same in the head, before there is an answer at all."""
    send(connection, store, b"HTTP/1.1 200 OK\r\n")
    while True:
        time.sleep(0.05)
        send(connection, store, b"a")


def flood(connection: socket.socket, store: Hostile, _: str) -> None:
    """A body without an end."""
    send(connection, store, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b" " * 65536
    while True:
        send(connection, store, f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


def endless(connection: socket.socket, store: Hostile, _: str) -> None:
    """Page after page, each with another token."""
    number = len(store.requests)
    keys = [f"{number:08}-{key:04}" for key in range(1000)]
    send(connection, store, whole(page(keys, following=f"t{number}")))


def shuffled(connection: socket.socket, store: Hostile, _: str) -> None:
    """The same, in an order of its own, so that it has to be sorted."""
    number = 100_000_000 - len(store.requests)
    keys = [f"{number:09}-{key:04}" for key in range(1000)]
    send(connection, store, whole(page(keys, following=f"t{number}")))


def entities(connection: socket.socket, store: Hostile, _: str) -> None:
    """Entities of entities."""
    names = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha" * 100}">' for n in range(9)]
    body = f"<?xml version='1.0'?><!DOCTYPE x [{''.join(names)}]><ListBucketResult>&a8;</ListBucketResult>"
    send(connection, store, whole(body.encode()))


def elements(connection: socket.socket, store: Hostile, _: str) -> None:
    """As many elements as fit into a page's bytes."""
    send(connection, store, whole(b"<ListBucketResult>" + b"<a/>" * 900_000 + b"</ListBucketResult>"))


def packed(connection: socket.socket, store: Hostile, _: str) -> None:
    """A small answer that would unfold to 64 MiB."""
    send(connection, store, whole(_BOMB, "200 OK", "Content-Encoding: gzip"))


def huge_sizes(connection: socket.socket, store: Hostile, _: str) -> None:
    """Sizes that no integer field takes."""
    send(connection, store, whole(page(["a", "b"], size=2**63 - 1)))


def long_key(connection: socket.socket, store: Hostile, _: str) -> None:
    """A key of a megabyte."""
    send(connection, store, whole(page(["k" * 1_000_000])))


def moved_to(target: str, status: str) -> Answer:
    """Sends whoever asks to another place."""

    def answer(connection: socket.socket, store: Hostile, _: str) -> None:
        send(connection, store, whole(b"", status, f"Location: {target}/data", "x-amz-bucket-region: evil.example/"))

    return answer


def bait(body: Answer) -> Answer:
    """Lists one table, and answers `body` when it is read."""

    def answer(connection: socket.socket, store: Hostile, line: str) -> None:
        if "list-type=2" in line:
            send(connection, store, whole(page(["a.parquet"], size=10_000_000)))
        else:
            body(connection, store, line)

    return answer
