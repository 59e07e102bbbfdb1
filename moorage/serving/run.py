"""Runs an aiohttp application as a process that shuts down gracefully.

On SIGTERM (or SIGINT): /readyz turns false; for `linger_seconds` new requests are still served, because endpoints and
load balancers learn of it late. Each answer closes its connection, so that a caller that keeps one, as the API server
does, asks another replica next. Then the port is closed and running requests get `drain_seconds` to finish. Together
they must stay below the pod's terminationGracePeriodSeconds.
"""

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from moorage.serving import health as healths
from moorage.serving import metrics
from moorage.serving.health import Health
from moorage.serving.limits import Limits
from moorage.serving.listening import BoundedListener, listening_sockets

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listener of a server, and its settings.

    Attributes:
        port: 0 takes a free one; `serve` tells which.
        host: the address to listen at; None: all of them.
        tls: the context that a keeper reloads; None: plain HTTP.
        linger_seconds: served on after SIGTERM.
        drain_seconds: the most that running requests get after that.
        limits: the limits of connections, their timeouts and their bodies.
    """

    port: int
    host: str | None = None
    tls: ssl.SSLContext | None = None
    linger_seconds: float = 3.0
    drain_seconds: float = 10.0
    limits: Limits = field(default_factory=Limits)


@asynccontextmanager
async def serve(app: web.Application, listener: Listener) -> AsyncIterator[int]:
    """Serve while the block runs; gives the port. Leaving the block closes the port and drains running requests."""
    bounded = BoundedListener(app, listener.limits, listener.tls)
    # A compressed body would grow after it was counted, and none of our clients sends one.
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=listener.drain_seconds, handle_signals=False, auto_decompress=False
    )
    await runner.setup()
    try:
        sockets = listening_sockets(listener.host, listener.port)
        port: int = sockets[0].getsockname()[1]
        bounded.start(_protocols_of(runner), sockets)
        _log.info("listening", extra={"port": port, "tls": listener.tls is not None})
        yield port
    finally:
        bounded.stop_listening()
        await runner.cleanup()
        await bounded.close()


def _protocols_of(runner: web.AppRunner) -> web.Server:
    if runner.server is None:
        message = "the application was not set up"
        raise RuntimeError(message)
    return runner.server


async def run_until_signalled(
    app: web.Application, health: Health, listener: Listener, health_port: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then end in order.

    Args:
        app: the application to serve.
        health: is told when the end begins.
        listener: where.
        health_port: a plain HTTP port of its own for /healthz and /readyz at all addresses; None: no such port.
    """
    stop = stop_on_signals()
    app.middlewares.append(metrics.count_requests)

    async def close_while_draining(_request: web.Request, response: web.StreamResponse) -> None:
        if health.draining:
            response.force_close()
            response.headers[hdrs.CONNECTION] = "close"

    app.on_response_prepare.append(close_while_draining)
    async with AsyncExitStack() as stack:
        if health_port is not None:
            await stack.enter_async_context(serve(healths.make_app(health), Listener(port=health_port)))
        await stack.enter_async_context(serve(app, listener))
        await stop.wait()
        health.drain()
        _log.info("draining", extra={"linger_seconds": listener.linger_seconds})
        await asyncio.sleep(listener.linger_seconds)
    _log.info("ended")


def stop_on_signals() -> asyncio.Event:
    """Give an event that SIGTERM and SIGINT set, for a process that serves in its own way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
