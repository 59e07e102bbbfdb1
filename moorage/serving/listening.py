"""A TCP listener with connection limits and timeouts, in front of an aiohttp application.

asyncio's own listener accepts without a limit, tells nobody of a connection before its TLS handshake is done, and has
no timeout for a first header or a body. Each half-open TLS connection costs some 300 kB, so a thousand of them end a
process. Here a connection counts from the moment it is accepted; which ones go when there are too many is decided in
`moorage.serving.connections`. Accepting itself never waits.
"""

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from moorage.serving.connections import Connection, ConnectionTable
from moorage.serving.limits import Limits

_log = logging.getLogger(__name__)

_BACKLOG: Final = 1024
# So that a flood of connections leaves the event loop time for those that are open.
_ACCEPTS_AT_ONCE: Final = 16
_AFTER_ACCEPT_ERROR_SECONDS: Final = 0.1
_SWEEP_SECONDS: Final = 0.5
_REPORT_SECONDS: Final = 10.0
# A client that does not take leave keeps its buffers no longer than this.
_TLS_SHUTDOWN_SECONDS: Final = 2.0
_NO_SUCH_FAMILY: Final = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}
_GONE: Final = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED}


@dataclass(slots=True, eq=False)
class _Open(Connection):
    """A connection with what closes it."""

    opening: "asyncio.Task[Any] | None" = None
    transport: asyncio.Transport | None = None

    def close_now(self) -> None:
        """Close it without taking leave, in whatever state it is."""
        # No reference is kept: a cycle would keep its buffers until the garbage collector comes round.
        transport, opening = self.transport, self.opening
        self.transport = self.opening = None
        if transport is not None:
            transport.abort()
        elif opening is not None:
            opening.cancel()


class _Watched(asyncio.Protocol):
    """An aiohttp protocol whose coming and going is told."""

    def __init__(
        self,
        inner: web.RequestHandler,
        made: Callable[[asyncio.Transport], None],
        lost: Callable[[], None],
    ) -> None:
        self._inner = inner
        self._made = made
        self._lost = lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made(cast("asyncio.Transport", transport))
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)
        self._lost()

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> None:
        self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class BoundedListener:
    """A listener with limits, which runs until it is closed.

    Args:
        app: gets a middleware, so it must not have been set up yet.
        limits: the limits of this listener.
        tls: None: plain HTTP.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        app: web.Application,
        limits: Limits,
        tls: ssl.SSLContext | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._tls = tls
        self._clock = clock
        self._table = ConnectionTable(limits)
        self._of_handler: dict[object, _Open] = {}
        self._sockets: list[socket.socket] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._closed_early = 0
        app.middlewares.insert(0, self._bounded())

    def start(self, server: Callable[[], web.RequestHandler], sockets: Sequence[socket.socket]) -> None:
        """Accept connections from these listening sockets, which are ours from now on."""
        self._server = server
        self._sockets = list(sockets)
        for listener in self._sockets:
            self._listen(listener)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep(), name="connection timeouts")

    def stop_listening(self) -> None:
        """Accept no more; connections that are open stay so, those that are half-open end."""
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            loop.remove_reader(listener)
            listener.close()
        self._sockets = []
        for connection in self._open():
            if connection.transport is None:
                self._close(connection)

    async def close(self) -> None:
        """End it; whoever is still connected loses the connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        ending = self._open()
        handshakes = [each.opening for each in ending if each.opening is not None]
        for connection in ending:
            self._close(connection)
        await asyncio.gather(*handshakes, return_exceptions=True)
        # An aborted transport closes its socket in the loop's next round, and this may be the loop's last.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _open(self) -> list[_Open]:
        return [each for each in self._table if isinstance(each, _Open)]

    def _close(self, connection: Connection) -> None:
        self._table.remove(connection)
        if isinstance(connection, _Open):
            connection.close_now()

    # --- accepting ---

    def _listen(self, listener: socket.socket) -> None:
        if listener in self._sockets:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                accepted, address = listener.accept()
            except OSError as error:
                if error.errno not in _GONE:
                    # For example, this process has too many open files. It passes; until then the loop must not spin.
                    _log.warning("a connection can't be accepted", extra={"cause": str(error)})
                    loop = asyncio.get_running_loop()
                    loop.remove_reader(listener)
                    loop.call_later(_AFTER_ACCEPT_ERROR_SECONDS, self._listen, listener)
                return
            self._admit(accepted, str(address[0]))

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        while not self._table.has_room_for(peer):
            victim = self._table.replaceable(peer)
            self._closed_early += 1
            if victim is None:
                accepted.close()
                return
            self._close(victim)
        connection = _Open(peer, self._clock())
        self._table.add(connection)
        timeouts: dict[str, float] = {}
        if self._tls is not None:
            timeouts = {
                "ssl_handshake_timeout": self._limits.handshake_seconds,
                "ssl_shutdown_timeout": _TLS_SHUTDOWN_SECONDS,
            }
        loop = asyncio.get_running_loop()
        accepted.setblocking(False)  # noqa: FBT003 - the socket's own signature
        connection.opening = loop.create_task(
            loop.connect_accepted_socket(lambda: self._protocol(connection), accepted, ssl=self._tls, **timeouts)
        )
        connection.opening.add_done_callback(partial(self._opened, connection, accepted))

    def _opened(self, connection: _Open, accepted: socket.socket, opening: "asyncio.Task[Any]") -> None:
        """Note that the handshake is done, or never will be. Close a socket that was not handed over."""
        connection.opening = None
        if not opening.cancelled() and opening.exception() is None:
            return
        if not opening.cancelled():
            cause = str(opening.exception())
            _log.debug("no connection came about", extra={"peer": connection.peer, "cause": cause})
        self._table.remove(connection)
        accepted.close()

    def _protocol(self, connection: _Open) -> _Watched:
        handler = self._server()

        def made(transport: asyncio.Transport) -> None:
            connection.transport = transport
            self._of_handler[handler] = connection

        def lost() -> None:
            self._of_handler.pop(handler, None)
            self._table.remove(connection)

        return _Watched(handler, made, lost)

    # --- requests ---

    def _bounded(self) -> Middleware:
        @web.middleware
        async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._of_handler.get(request.protocol)
            if connection is None:  # lost already: nobody will read the answer
                raise web.HTTPServiceUnavailable
            try:
                self._take(request, connection)
                async with asyncio.timeout(self._limits.answer_seconds):
                    return await handler(request)
            except TimeoutError:
                message = f"no answer within {self._limits.answer_seconds:g} s\n"
                raise web.HTTPServiceUnavailable(text=message, headers={hdrs.CONNECTION: "close"}) from None
            finally:
                self._table.answered(connection, self._clock())

        return bounded

    def _take(self, request: web.Request, connection: _Open) -> None:
        """Note that a request arrived, and where its body is still to come, wait for that in bounds."""
        if request.content.is_eof():
            self._table.request_arrived(connection, self._clock())
            return
        if request.content_length is None:
            raise web.HTTPLengthRequired(headers={hdrs.CONNECTION: "close"})
        self._table.header_arrived(connection, self._clock())
        while not self._table.reserve_body(connection, request.content_length):
            victim = self._table.largest_body_to_come()
            if victim is None:
                raise web.HTTPServiceUnavailable(
                    text="too many large requests at once; try again later\n", headers={hdrs.CONNECTION: "close"}
                )
            self._closed_early += 1
            self._close(victim)
        request.content.on_eof(lambda: self._table.request_arrived(connection, self._clock()))

    # --- timeouts ---

    async def _sweep(self) -> None:
        reported = self._clock()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = self._clock()
            for connection in self._table:
                if connection.is_overdue(now, self._limits):
                    self._close(connection)
            if self._closed_early and now - reported >= _REPORT_SECONDS:
                _log.warning(
                    "connections were closed or refused to make room",
                    extra={"closed": self._closed_early, "open": len(self._table)},
                )
                self._closed_early, reported = 0, now


def listening_sockets(host: str | None, port: int) -> list[socket.socket]:
    """Sockets that listen at an address; None: at all addresses of both families, as far as the machine has them.

    Raises:
        OSError: the address is not ours, or the port is taken.
    """
    if host is not None:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return [_listening_socket(family, host, port)]
    sockets = [_listening_socket(socket.AF_INET, "0.0.0.0", port)]  # noqa: S104 - a server in a pod
    try:
        sockets.append(_listening_socket(socket.AF_INET6, "::", sockets[0].getsockname()[1]))
    except OSError as error:
        if error.errno not in _NO_SUCH_FAMILY and port:
            sockets[0].close()
            raise
    return sockets


def _listening_socket(family: int, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
