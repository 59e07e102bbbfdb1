"""One neighbour as a filler calls it: which objects it has, and an object's bytes, over mutual TLS.

What a neighbour sends is believed no more than what a stranger's store sends: it is bounded, and verified by whoever
asked for it.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from moorage.calling.endpoints import Connection
from moorage.calling.failures import ChangedError, TryAgainError
from moorage.grants.neighbours import Pass, server_name
from moorage.model import DatasetRef
from moorage.sources.store_addresses import is_refused
from node_plugin.filler.deadlines import Deadline, ended_in_time
from node_plugin.memfd_files import anonymous_file

_CONNECT_SECONDS: Final = 3.0
_SILENCE_SECONDS: Final = 10.0
_HAVING_SECONDS: Final = 20.0
_RECEIVE_BUFFER_BYTES: Final = 4 << 20
# Where a version is, at every node: GET which of its objects are there; an object is one step below, by its number.
VERSION_PATH: Final = "/v1/objects/{namespace}/{name}/{version}"
PROGRESS_HEADER: Final = "Moorage-Progress"
_OK, _PARTIAL, _PASS_ENDED, _BUSY = 200, 206, 403, 503


@dataclass(frozen=True, slots=True)
class Having:
    """What a neighbour has of a version.

    Attributes:
        objects: one bit each, in the manifest's order, the lowest of a byte first.
        progress: grows as long as the neighbour is bringing something.
    """

    objects: bytes
    progress: str

    def __contains__(self, number: int) -> bool:
        return bool(self.objects[number >> 3] & 1 << (number & 7)) if number >> 3 < len(self.objects) else False


class NeighbourError(Exception):
    """A neighbour is of no use; the message says why."""


class BusyError(Exception):
    """It serves as many as it can; asking again will help."""


def client_context(authorities: str, shown: Pass) -> ssl.SSLContext:
    """The TLS of this node towards neighbours.

    Raises:
        TryAgainError: certificate, key or authorities can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=authorities)
        with (
            anonymous_file("moorage-pass", shown.certificate) as certificate,
            anonymous_file("moorage-pass", shown.key) as key,
        ):
            # Python takes names only.
            context.load_cert_chain(f"/proc/self/fd/{certificate}", f"/proc/self/fd/{key}")
    except (OSError, ValueError) as error:
        # The text may hold a part of the key.
        message = f"the pass to neighbours can't be used ({type(error).__name__})"
        raise TryAgainError(message) from None
    return context


class NeighbourFolder:
    """One version at one neighbour; each thread has one of its own, as its connection is kept.

    Args:
        node: whose.
        address: of its node plugin.
        context: ours towards it.
        path: of the version there.
    """

    def __init__(self, node: str, address: str, context: ssl.SSLContext, path: str) -> None:
        self.node = node
        self._path = path
        self._connection = NodeConnection(node, address, context)

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        self._connection.close()

    def shut(self) -> None:
        """End the connection that there is, from any thread."""
        self._connection.shut()

    def having(self, objects: int) -> Having:
        """Which of so many objects it has.

        Raises:
            TryAgainError: it does not say.
        """
        deadline = Deadline(_HAVING_SECONDS)
        with ended_in_time(deadline, self.shut), self._get(self._path, {}) as answer:
            if answer.status != _OK:
                raise TryAgainError(f"HTTP {answer.status}")
            found = answer.read((objects + 7) // 8 + 1)
            if deadline.is_over:
                raise TryAgainError("it takes too long")
            if len(found) > (objects + 7) // 8:
                raise TryAgainError("it has more objects than the version")
            return Having(found, answer.headers.get(PROGRESS_HEADER) or "")

    @contextmanager
    def open(self, number: int, offset: int) -> Iterator[http.client.HTTPResponse]:
        """An object's bytes from an offset on.

        Raises:
            BusyError: later.
            ChangedError: it does not have it any more.
            TryAgainError: it does not answer, or the connection breaks meanwhile.
        """
        with self._get(f"{self._path}/{number}", {"Range": f"bytes={offset}-"} if offset else {}) as answer:
            if answer.status == _BUSY:
                raise BusyError
            if answer.status == _PASS_ENDED:
                raise TryAgainError("the pass has ended")
            if answer.status != (_PARTIAL if offset else _OK):
                raise ChangedError
            yield answer

    @contextmanager
    def _get(self, path: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
        whole = False
        try:
            self._connection.request("GET", path, headers=headers)
            with self._connection.getresponse() as answer:
                yield answer
                whole = answer.isclosed() or not answer.read(1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TryAgainError(type(error).__name__) from error
        finally:
            if not whole:
                self._connection.close()


def version_path(ref: DatasetRef, version: str) -> str:
    """Where a version is, at every node."""
    return VERSION_PATH.format(namespace=ref.namespace, name=ref.name, version=version)


class NodeConnection(Connection):
    """To an address, that must prove to be a node."""

    def __init__(self, node: str, address: str, context: ssl.SSLContext) -> None:
        host, _, port = address.rpartition(":")
        super().__init__(host.strip("[]"), int(port))
        self._context_of_node, self._name = context, server_name(node)

    def connect(self) -> None:
        """Make it.

        Raises:
            OSError: nobody answers, or somebody else does.
        """
        if is_refused(self.host):
            message = "no node can be there"
            raise OSError(message)
        line = socket.create_connection((self.host, self.port), _CONNECT_SECONDS)
        try:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.settimeout(_SILENCE_SECONDS)
            secured = self._context_of_node.wrap_socket(line, server_hostname=self._name, do_handshake_on_connect=False)
        except BaseException:
            line.close()
            raise
        self.shake_hands(secured)
