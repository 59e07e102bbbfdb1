"""The connection table of one listener, and which connection is closed to make room. Pure.

A connection is a *newcomer* until its first request was answered, and *settled* from then on. One whose request has
arrived whole is *busy* and is never closed to make room; all others may be. When a listener is full,

- newcomers beyond half of the room go first, so that a flood of half-open connections only ever replaces itself;
- otherwise a settled, idle one goes, so that connections which are kept open for nothing don't lock out newcomers;
- of either kind it is the oldest one of the address that has most of them.

The same holds for what one address has, where it reached its own limit.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from moorage.serving.limits import FREE_BODY_BYTES, Limits


class Phase(Enum):
    """The phase of a connection: what it waits for."""

    HEADER = "a first request, its TLS handshake included"
    BODY = "the rest of a request's body"
    ANSWER = "the answer"
    IDLE = "the next request"


@dataclass(slots=True, eq=False)
class Connection:
    """A connection of a listener.

    Attributes:
        peer: the client's address.
        since: when its phase began, in seconds of a monotonic clock.
        settled: whether a request was answered on it.
        body_bytes: that are counted for its present request's body.
    """

    peer: str
    since: float
    phase: Phase = Phase.HEADER
    settled: bool = False
    body_bytes: int = 0

    def is_overdue(self, now: float, limits: Limits) -> bool:
        """Return whether it has waited too long. The timeout of an answer is its request's."""
        match self.phase:
            case Phase.HEADER:
                return now - self.since > limits.header_seconds
            case Phase.BODY:
                return now - self.since > limits.body_seconds
            case Phase.IDLE:
                return now - self.since > limits.idle_seconds
            case Phase.ANSWER:
                return False


class _Queue:
    """Connections that may be closed, by address, the oldest of each first."""

    def __init__(self) -> None:
        self._of_peer: dict[str, OrderedDict[Connection, None]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def of(self, peer: str) -> int:
        """Return the number of this address's connections."""
        return len(self._of_peer.get(peer, ()))

    def add(self, connection: Connection) -> None:
        """Add it as the newest of its address."""
        self._of_peer.setdefault(connection.peer, OrderedDict())[connection] = None
        self._length += 1

    def discard(self, connection: Connection) -> None:
        """Take it out, if it is here."""
        mine = self._of_peer.get(connection.peer)
        if mine is None or connection not in mine:
            return
        del mine[connection]
        self._length -= 1
        if not mine:
            del self._of_peer[connection.peer]

    def oldest(self, peer: str | None) -> Connection | None:
        """Return the oldest of an address; None asks for the address that has most."""
        if peer is None:
            peer = max(self._of_peer, key=lambda each: len(self._of_peer[each]), default=None)
        return next(iter(self._of_peer.get(peer, ())), None) if peer is not None else None

    def __iter__(self) -> Iterator[Connection]:
        return (connection for mine in self._of_peer.values() for connection in mine)


class ConnectionTable:
    """All open connections of one listener."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._newcomers, self._settled = _Queue(), _Queue()
        self._all: dict[Connection, None] = {}
        self._of_peer: dict[str, int] = {}
        self._body_bytes = 0

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    def of_peer(self, peer: str) -> int:
        """Return the number of this address's connections."""
        return self._of_peer.get(peer, 0)

    def has_room_for(self, peer: str) -> bool:
        """Return whether one more connection from this address keeps within the limits."""
        return (
            len(self._all) < self._limits.connections and self._of_peer.get(peer, 0) < self._limits.connections_per_peer
        )

    def replaceable(self, peer: str) -> Connection | None:
        """Return the connection to close, so that one from this address finds room; None: all are busy."""
        limits = self._limits
        if self._of_peer.get(peer, 0) >= limits.connections_per_peer:
            return self._choose(self._newcomers.of(peer), limits.connections_per_peer, peer)
        return self._choose(len(self._newcomers), limits.connections, None)

    def _choose(self, newcomers: int, room: int, peer: str | None) -> Connection | None:
        first, second = self._settled.oldest(peer), self._newcomers.oldest(peer)
        if newcomers > room // 2:
            first, second = second, first
        return first or second

    def add(self, connection: Connection) -> None:
        """Add a connection that was accepted."""
        self._all[connection] = None
        self._of_peer[connection.peer] = self._of_peer.get(connection.peer, 0) + 1
        self._newcomers.add(connection)

    def remove(self, connection: Connection) -> None:
        """Remove a connection that is gone, or about to be."""
        if connection not in self._all:
            return
        self.release_body(connection)
        del self._all[connection]
        self._newcomers.discard(connection)
        self._settled.discard(connection)
        left = self._of_peer[connection.peer] - 1
        if left:
            self._of_peer[connection.peer] = left
        else:
            del self._of_peer[connection.peer]

    def header_arrived(self, connection: Connection, now: float) -> None:
        """Note that a request began, whose body is still to come."""
        if connection in self._all:
            connection.phase, connection.since = Phase.BODY, now

    def request_arrived(self, connection: Connection, now: float) -> None:
        """Note that the whole request is here: the connection is busy from now on."""
        if connection in self._all:
            connection.phase, connection.since = Phase.ANSWER, now
            self._newcomers.discard(connection)
            self._settled.discard(connection)

    def answered(self, connection: Connection, now: float) -> None:
        """Note that the answer is under way: the connection is free for the next request."""
        if connection not in self._all:
            return
        self.release_body(connection)
        self._newcomers.discard(connection)
        self._settled.discard(connection)
        connection.phase, connection.since, connection.settled = Phase.IDLE, now, True
        self._settled.add(connection)

    # --- bodies ---

    def reserve_body(self, connection: Connection, size_bytes: int) -> bool:
        """Count a body that is to arrive; False where there is no room for it."""
        if size_bytes <= FREE_BODY_BYTES:
            return True
        if self._body_bytes + size_bytes > self._limits.body_bytes:
            return False
        self._body_bytes += size_bytes
        connection.body_bytes = size_bytes
        return True

    def release_body(self, connection: Connection) -> None:
        """Release the room of a body that was read, or never will be."""
        self._body_bytes -= connection.body_bytes
        connection.body_bytes = 0

    def largest_body_to_come(self) -> Connection | None:
        """Return the oldest connection with a body to come, of the address that holds most bytes with such bodies."""
        held: dict[str, int] = {}
        coming = [each for each in self._all if each.phase is Phase.BODY and each.body_bytes]
        for connection in coming:
            held[connection.peer] = held.get(connection.peer, 0) + connection.body_bytes
        return min(coming, key=lambda each: (-held[each.peer], each.since), default=None)
