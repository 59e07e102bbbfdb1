"""Floods of connections against a process on loopback: bounded in number, and gone when the block is left."""

import itertools
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parent.parent / "charts/moorage"
ONE_ADDRESS = ("127.0.3.1",)
MANY_ADDRESSES = tuple(f"127.0.3.{number}" for number in range(1, 201))
_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


class Flood(Enum):
    """How far each connection goes before it falls silent."""

    CONNECTED = "nothing is sent"
    HELLO = "half a TLS handshake"
    HEADER = "the handshake, and half a header"
    BODY = "the handshake, a header, and half a large body"


FLOODS = [
    pytest.param(Flood.CONNECTED, 2000, ONE_ADDRESS, id="2,000 half-open, one address"),
    pytest.param(Flood.CONNECTED, 2000, MANY_ADDRESSES, id="2,000 half-open, many addresses"),
    pytest.param(Flood.HELLO, 2000, MANY_ADDRESSES, id="2,000 half a handshake"),
    pytest.param(Flood.HEADER, 600, MANY_ADDRESSES, id="600 half a header"),
    pytest.param(Flood.BODY, 200, MANY_ADDRESSES, id="200 half a large body"),
]


@contextmanager
def flooded(port: int, path: str, flood: Flood, count: int, sources: tuple[str, ...]) -> Iterator[None]:
    """Hold so many connections open, as far as the server lets us, in turn from these addresses."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    assert most > 2 * count, f"this test needs {2 * count} open files, and may have {most}"
    held: list[socket.socket] = []
    try:
        for _, source in zip(range(count), itertools.cycle(sources), strict=False):
            with suppress(OSError):  # refused, or closed already: that is the server's right
                held.append(_connect(port, path, flood, source))
        yield
    finally:
        for connection in held:
            connection.close()


def _connect(port: int, path: str, flood: Flood, source: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0))
    try:
        if flood is Flood.HELLO:
            connection.sendall(_client_hello()[:-50])
        elif flood in {Flood.HEADER, Flood.BODY}:
            connection = _trusting().wrap_socket(connection)
            header = f"POST {path} HTTP/1.1\r\nHost: test\r\n"
            if flood is Flood.BODY:
                header += "Content-Length: 4000000\r\n\r\n" + "x" * 200_000
            connection.sendall(header.encode())
    except OSError:
        connection.close()
        raise
    return connection


@cache
def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@cache
def _client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        _trusting().wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


def peak_bytes(pid: int) -> int:
    """The most memory that a process had resident so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def chart_limit_bytes(component: str) -> int:
    """The memory limit that the chart gives a component."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    limit = values[component]["resources"]["limits"]["memory"]
    return int(limit[:-2]) * _BINARY[limit[-2:]]
