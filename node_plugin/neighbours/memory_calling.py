"""One neighbour's memory of a Dataset, as a node calls it: what lies there, and an object's bytes. For threads.

What a neighbour sends is bounded, and each piece is proved by its digest before it is written.
"""

import hashlib
import http.client
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from moorage.calling.failures import ChangedError, TryAgainError
from node_plugin.filler.deadlines import Deadline, ended_in_time
from node_plugin.filler.neighbour import BusyError, NodeConnection
from node_plugin.memory.holding import MemoryKey
from node_plugin.memory.lying import MOST_LISTING_BYTES, Lying, Told, read_listing
from node_plugin.memory.shelf import NoRoomError
from node_plugin.neighbours.memory_serving import DIGEST_BYTES, MEMORY_PATH
from node_plugin.neighbours.sending import PIECE_BYTES

_LISTING_SECONDS: Final = 30.0
_SILENCE_SECONDS: Final = 20.0
_LEAST_BYTES_PER_SECOND: Final = 1 << 20
_OK, _NOT_FOUND, _WRITTEN, _BUSY = 200, 404, 409, 503


class WrittenError(Exception):
    """Somebody writes to the file in place, so it is no object yet."""


class NeighbourMemory:
    """One Dataset's memory at one neighbour; each thread has one of its own, as its connection is kept.

    Args:
        node: whose.
        address: of its node plugin.
        context: ours towards it.
        key: the Dataset.
    """

    def __init__(self, node: str, address: str, context: ssl.SSLContext, key: MemoryKey) -> None:
        self.node = node
        self._path = MEMORY_PATH.format(namespace=key.ref.namespace, name=key.ref.name, uid=key.uid)
        self._connection = NodeConnection(node, address, context)

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        self._connection.close()

    def shut(self) -> None:
        """End the connection that there is, from any thread."""
        self._connection.shut()

    def told(self) -> Told | None:
        """What lies there; None where it has no memory of the Dataset any more.

        Raises:
            BusyError: later.
            TryAgainError: it does not say.
        """
        deadline = Deadline(_LISTING_SECONDS)
        with ended_in_time(deadline, self._connection.shut), self._get(self._path) as answer:
            if answer.status == _NOT_FOUND:
                return None
            if answer.status == _BUSY:
                raise BusyError
            body = b"" if answer.status != _OK else answer.read(MOST_LISTING_BYTES + 1)
            told = None if len(body) > MOST_LISTING_BYTES else read_listing(body, self.node)
            if told is None or deadline.is_over:
                raise TryAgainError(f"node {self.node} does not say what lies in its memory (HTTP {answer.status})")
            return told

    def bring(self, each: Lying, descriptor: int, offset: int, stopped: Callable[[], bool]) -> int:
        """Write an object's pieces into a file, from an offset on; how far it came.

        Args:
            each: the object.
            descriptor: of the file.
            offset: a number of whole pieces, or all of it.
            stopped: whether nobody wants it any more.

        Raises:
            BusyError: later.
            WrittenError: it is no object, or not yet.
            ChangedError: it is not there any more.
            NoRoomError: here.
        """
        path = f"{self._path}/{quote(each.name, safe='')}?tag={each.tag}&from={offset}"
        deadline = Deadline(_SILENCE_SECONDS, _LEAST_BYTES_PER_SECOND)
        try:
            with ended_in_time(deadline, self._connection.shut), self._get(path) as answer:
                if answer.status == _BUSY:
                    raise BusyError
                if answer.status == _WRITTEN:
                    raise WrittenError
                if answer.status != _OK:
                    raise ChangedError
                while offset < each.size_bytes and not stopped():
                    piece = answer.read(min(PIECE_BYTES, each.size_bytes - offset))
                    if hashlib.sha256(piece).digest() != answer.read(DIGEST_BYTES) or deadline.is_over:
                        break
                    _write(descriptor, piece, offset)
                    offset += len(piece)
                    deadline.came(len(piece))
        except TryAgainError:
            return offset
        return offset

    @contextmanager
    def _get(self, path: str) -> Iterator[http.client.HTTPResponse]:
        whole = False
        try:
            self._connection.request("GET", path)
            with self._connection.getresponse() as answer:
                yield answer
                whole = answer.isclosed() or not answer.read(1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TryAgainError(f"node {self.node}: {type(error).__name__}") from error
        finally:
            if not whole:
                self._connection.close()


def _write(descriptor: int, piece: bytes, offset: int) -> None:
    view = memoryview(piece)
    try:
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written
    except OSError as error:
        message = error.strerror or str(error)
        raise NoRoomError(message) from error
