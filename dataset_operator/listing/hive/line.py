"""One connection to a metastore: each answer has a deadline and a number of bytes, all together have both, too."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.hive.thrift import Answer, Reader, ThriftError, Value, Wanted, call
from moorage.calling.endpoints import Endpoint
from moorage.errors import SourceError
from moorage.sources.reasons import Reason

_USUAL_PORT: Final = 9083
_PIECE_BYTES: Final = 64 * 1024
_NAMED_IN: Final = "hive.metastore"


class Line:
    """Calls methods, one after the other.

    Args:
        name: of the metastore, for messages.
        line: connected.
        budget: the bounds of one answer, and the time of all.
        allowance: the other bounds of all.
        stop: ends it.
    """

    def __init__(
        self, name: str, line: socket.socket, budget: Budget, allowance: Allowance, stop: Cancellation
    ) -> None:
        self._name = name
        self._line = line
        self._budget = budget
        self._stop = stop
        self._last_end = time.monotonic() + budget.seconds
        self._sequence = 0
        self._came = bytearray()
        self._left_bytes = 0
        self._end = 0.0
        self.allowance = allowance

    @property
    def answer_bytes(self) -> int:
        """Of the answer that came last."""
        return self._budget.page_bytes - self._left_bytes

    def call(self, method: str, arguments: dict[int, Value], wanted: Wanted) -> Answer:
        """The result of a method, as far as it is wanted.

        Raises:
            SourceError: CatalogueUnreachable, CatalogueUnreadable, ListTooSlow, ListTooLarge, Interrupted.
        """
        self._stop.check(self._name)
        self._sequence += 1
        self._end = min(time.monotonic() + self._budget.request_seconds, self._last_end)
        self._left_bytes = self._budget.page_bytes
        try:
            self._line.settimeout(self._budget.silence_seconds)
            self._line.sendall(call(method, self._sequence, arguments))
            return Reader(self._take, self.allowance).reply(method, self._sequence, wanted)
        except ThriftError as error:
            problem = f"what answers {method} is no Hive metastore that can be read: {error}: correct {_NAMED_IN}"
            raise SourceError(Reason.CATALOGUE_UNREADABLE, f"{self._name}: {problem}") from None
        except OSError as error:
            self._stop.check(self._name)
            if time.monotonic() >= self._end:
                raise self._too_slow() from None
            raise unreachable(self._name, error) from None

    def _too_slow(self) -> SourceError:
        most = f"{self._budget.request_seconds:g} s, or all answers in {self._budget.seconds:g} s"
        problem = f"an answer was not complete in {most}: check the metastore's load"
        return SourceError(Reason.LIST_TOO_SLOW, f"{self._name}: {problem}")

    def _take(self, size_bytes: int, rest_bytes: int) -> bytes:
        """The next bytes, without those after them that nobody wants: these are never together in memory."""
        sent_bytes = size_bytes + rest_bytes
        if sent_bytes > self._left_bytes:
            most = self._budget.page_bytes
            problem = f"one answer has more than {most:,} bytes: split the table, or correct {_NAMED_IN}"
            raise SourceError(Reason.LIST_TOO_LARGE, f"{self._name}: {problem}")
        self._left_bytes -= sent_bytes
        self.allowance.take(sent_bytes=sent_bytes)
        while len(self._came) < size_bytes:
            self._receive()
        taken = bytes(self._came[:size_bytes])
        del self._came[:size_bytes]
        while len(self._came) < rest_bytes:
            rest_bytes -= len(self._came)
            self._came.clear()
            self._receive()
        del self._came[:rest_bytes]
        return taken

    def _receive(self) -> None:
        left_seconds = self._end - time.monotonic()
        if left_seconds <= 0:
            raise self._too_slow()
        self._line.settimeout(min(left_seconds, self._budget.silence_seconds))
        piece = self._line.recv(_PIECE_BYTES)
        if not piece:
            raise ConnectionError("it closed the connection")
        self._came += piece


@contextmanager
def line_to(metastore: str, budget: Budget, allowance: Allowance, stop: Cancellation) -> Iterator[Line]:
    """A connection to a metastore while the block runs.

    Raises:
        SourceError: CatalogueUnreachable, CatalogueUnreadable, EndpointRefused.
    """
    host, port = _place(metastore)
    endpoint = Endpoint(
        metastore,
        None,
        named_in=_NAMED_IN,
        connect_seconds=budget.connect_seconds,
        silence_seconds=budget.silence_seconds,
    )
    try:
        made = endpoint.dial(host, port)
    except (OSError, UnicodeError) as error:
        raise unreachable(metastore, error) from None
    with contextlib.closing(made), stop.ending(lambda: _shut(made)):
        yield Line(metastore, made, budget, allowance, stop)


def unreachable(name: str, error: Exception) -> SourceError:
    """What to raise where nobody answers."""
    problem = f"does not answer ({type(error).__name__}): check {_NAMED_IN}, and that the operator can reach it"
    return SourceError(Reason.CATALOGUE_UNREACHABLE, f"{name}: {problem}")


def _place(metastore: str) -> tuple[str, int]:
    try:
        parts = urlsplit(metastore)
        port = parts.port or _USUAL_PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "thrift" or not parts.hostname or "," in metastore:
        problem = f"must be one address such as thrift://hive.example.com:{_USUAL_PORT}"
        raise SourceError(Reason.CATALOGUE_UNREADABLE, f"{_NAMED_IN} {problem}")
    return parts.hostname, port


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
