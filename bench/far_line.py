"""A far line on loopback: a TCP proxy that adds a round trip's time and holds to a bandwidth, and counts bytes.

For machines whose kernel or rights have no traffic control, and for tests that count what crosses. All connections
share the bandwidth, as they share a line.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_PIECE_BYTES = 64 << 10
_AHEAD_SECONDS = 0.01


@dataclass
class FarLine:
    """A line to one server.

    Attributes:
        target: the server, host and port.
        bytes_per_second: of all connections together; 0: any.
        round_trip_seconds: that each request takes longer.
        received_bytes: that came from the server so far.
    """

    target: tuple[str, int]
    bytes_per_second: float = 0.0
    round_trip_seconds: float = 0.0
    received_bytes: int = 0
    port: int = 0
    _paid_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        """The endpoint that clients call."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        for line in (client, server):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._pass, args=(server, client), kwargs={"counts": True}, daemon=True)
        back.start()
        self._pass(client, server)
        back.join()
        client.close()
        server.close()

    def _pass(self, source: socket.socket, sink: socket.socket, *, counts: bool = False) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                if counts:
                    self._pace(len(piece))
                elif self.round_trip_seconds:
                    time.sleep(self.round_trip_seconds)
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _pace(self, size_bytes: int) -> None:
        with self._lock:
            self.received_bytes += size_bytes
            if not self.bytes_per_second:
                return
            now = time.monotonic()
            self._paid_until = max(now, self._paid_until) + size_bytes / self.bytes_per_second
            wait = self._paid_until - now
        if wait > _AHEAD_SECONDS:
            time.sleep(wait)


@contextmanager
def far_line(
    host: str, port: int, *, bytes_per_second: float = 0.0, round_trip_seconds: float = 0.0
) -> Iterator[FarLine]:
    """Provide a line while the block runs."""
    line = FarLine((host, port), bytes_per_second, round_trip_seconds)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        line.port = listener.getsockname()[1]
        threading.Thread(target=line.serve, args=(listener,), daemon=True).start()
        try:
            yield line
        finally:
            # A thread that waits in accept() is woken by this, and by closing it is not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
