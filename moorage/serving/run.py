"""An aiohttp application as a process that ends in order.

On SIGTERM (or SIGINT): /readyz turns false; for `linger_seconds` new requests are still served, because endpoints and
load balancers learn of it late; then the port is closed and running requests get `drain_seconds` to finish. Together
they must stay below the pod's terminationGracePeriodSeconds.
"""

import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from moorage.serving.health import Health

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where and how to serve.

    Attributes:
        port: 0 takes a free one; `serve` tells which.
        host: the address to listen at; None: all of them.
        tls: the context that a keeper reloads; None: plain HTTP.
        linger_seconds: served on after SIGTERM.
        drain_seconds: the most that running requests get after that.
    """

    port: int
    host: str | None = None
    tls: ssl.SSLContext | None = None
    linger_seconds: float = 3.0
    drain_seconds: float = 10.0


@asynccontextmanager
async def serve(app: web.Application, listener: Listener) -> AsyncIterator[int]:
    """Serve while the block runs; gives the port. Leaving the block closes the port and drains running requests."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=listener.drain_seconds, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(
            runner, listener.host, listener.port, ssl_context=listener.tls, backlog=1024, reuse_address=True
        )
        await site.start()
        port: int = runner.addresses[0][1]
        _log.info("listening", extra={"port": port, "tls": listener.tls is not None})
        yield port
    finally:
        await runner.cleanup()


async def run_until_signalled(app: web.Application, health: Health, listener: Listener) -> None:
    """Serve until SIGTERM or SIGINT, then end in order."""
    stop = stop_on_signals()
    async with serve(app, listener):
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
