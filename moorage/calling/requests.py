"""One request to a stranger's server: no redirect, a bounded answer, and an end to it, however slowly it comes."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

from moorage.calling.endpoints import Endpoint

Ending: TypeAlias = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""While the block of what it gives runs, it calls the other function when the work is given up."""


class LateError(OSError):
    """The answer was not complete in time."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a store.

    Attributes:
        target: path and query, as they are sent.
        method: the HTTP method.
        body: "" for none.
        headers: beside the host's; never printed, since a token may be in them.
        most_bytes: of the answer's body that are read.
        seconds: from the first byte to the last of the answer.
    """

    target: str
    method: str = "GET"
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    most_bytes: int = 64 * 1024
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a request, cut off where it is too long.

    Attributes:
        status: the HTTP status.
        body: its first `most_bytes`.
        is_whole: whether that is all of it.
    """

    status: int
    body: bytes = field(repr=False)
    is_whole: bool


def to_its_end(end: Callable[[], None]) -> AbstractContextManager[None]:
    """Return the `Ending` of work that nobody gives up."""
    del end
    return contextlib.nullcontext()


def ask(endpoint: Endpoint, request: Request, ending: Ending = to_its_end) -> Reply:
    """Send one request, and read its answer. Blocks, for a bounded time.

    Raises:
        SourceError: the address may not be called; a certificate of the endpoint's can't be read.
        LateError: the answer was not complete in time.
        OSError: nobody answers, among others.
        HTTPException: what answers does not speak HTTP, or not to its end.
    """
    end_at = time.monotonic() + request.seconds
    try:
        reply = _ask(endpoint, request, ending)
    except (OSError, http.client.HTTPException):
        if time.monotonic() >= end_at:
            raise LateError from None
        raise
    if time.monotonic() >= end_at:
        # Of an answer that does not say how long it is, an end that was put to it looks like its own.
        raise LateError
    return reply


def _ask(endpoint: Endpoint, request: Request, ending: Ending) -> Reply:
    with contextlib.closing(endpoint.connect()) as connection, contextlib.ExitStack() as lines:
        line = lines.enter_context(endpoint.dial(connection.host, connection.port))
        # TLS takes the first handle over.
        with line.dup() as handle, _ended_in_time(handle, request.seconds, ending):
            connection.sock = endpoint.secured(line, connection.host) if endpoint.is_secure else line
            connection.request(request.method, request.target, request.body or None, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read(request.most_bytes)
            is_whole = not answer.read(1)
            if is_whole and answer.length:
                raise http.client.IncompleteRead(b"", answer.length)
            return Reply(answer.status, body, is_whole)


@contextlib.contextmanager
def _ended_in_time(line: socket.socket, seconds: float, ending: Ending) -> Iterator[None]:
    """End a conversation that goes on by a byte now and then, or that nobody wants any more."""

    def end() -> None:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        with ending(end):
            yield
    finally:
        watch.cancel()
