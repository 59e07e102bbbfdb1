"""Health endpoints tell what is wrong by name, and SIGTERM ends a process without losing a request."""

import asyncio
import os
import signal

import httpx2 as httpx
import pytest
from aiohttp import web

from moorage.serving.health import HEALTH, Health, add_routes, make_app
from moorage.serving.run import Listener, run_until_signalled, serve
from tests.polling import until
from tests.ports import free_port


async def fetch(port: int, path: str) -> tuple[int, str]:
    """One request on a connection of its own."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}{path}")
        return answer.status_code, answer.text


async def test_checks_are_named() -> None:
    """One line for each, and 503 while one fails."""
    health = Health()
    problems: dict[str, str | None] = {"datasets": "not in the cache yet", "certificate": None}
    health.add_ready("datasets", lambda: problems["datasets"])
    health.add_ready("certificate", lambda: problems["certificate"])
    async with serve(make_app(health), Listener(host="127.0.0.1", port=0)) as port:
        assert await fetch(port, "/healthz") == (200, "ok\n")
        status, text = await fetch(port, "/readyz")
        assert (status, text) == (503, "[-] datasets: not in the cache yet\n[+] certificate\nnot ok\n")
        problems["datasets"] = None
        assert (await fetch(port, "/readyz"))[0] == 200


async def test_liveness_is_not_readiness() -> None:
    """A process that waits for something is not restarted for it."""
    health = Health()
    health.add_live("loop", lambda: "stuck")
    async with serve(make_app(health), Listener(host="127.0.0.1", port=0)) as port:
        assert (await fetch(port, "/healthz"))[0] == 503
        assert (await fetch(port, "/readyz"))[0] == 200


async def test_a_check_that_fails_is_a_failed_check() -> None:
    """A fault in a check must not look like a dead server."""
    health = Health()

    def broken() -> str | None:
        raise ValueError

    health.add_ready("broken", broken)
    async with serve(make_app(health), Listener(host="127.0.0.1", port=0)) as port:
        assert await fetch(port, "/readyz") == (503, "[-] broken: ValueError\nnot ok\n")


async def test_sigterm_drains() -> None:
    """Unready first; new requests are still served while it lingers; a running one is finished."""
    release = asyncio.Event()
    started = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        started.set()
        await release.wait()
        return web.Response(text="done")

    health = Health()
    app = web.Application()
    add_routes(app, health)
    app.router.add_get("/slow", slow)
    assert app[HEALTH] is health
    port = free_port()
    listener = Listener(host="127.0.0.1", port=port, linger_seconds=0.5, drain_seconds=5)
    process = asyncio.create_task(run_until_signalled(app, health, listener))
    await until(lambda: answers(port))
    running = asyncio.create_task(fetch(port, "/slow"))
    await started.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await until(lambda: health.draining)
    status, text = await fetch(port, "/readyz")
    assert status == 503
    assert "about to end" in text
    await until(lambda: closed(port))
    assert not process.done()  # it waits for the running request
    release.set()
    assert await running == (200, "done")
    await process


async def test_who_keeps_a_connection_leaves_a_process_that_drains() -> None:
    """The API server keeps its connections to a webhook: its next question goes to one that stays."""
    health = Health()
    app = web.Application()
    add_routes(app, health)
    port = free_port()
    listener = Listener(host="127.0.0.1", port=port, linger_seconds=2, drain_seconds=1)
    process = asyncio.create_task(run_until_signalled(app, health, listener))
    await until(lambda: answers(port))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert "connection" not in (await client.get("/healthz")).headers
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: health.draining)
        assert (await client.get("/healthz")).headers["connection"] == "close"
    await process


async def answers(port: int) -> bool:
    """Whether somebody listens."""
    try:
        await fetch(port, "/healthz")
    except httpx.ConnectError:
        return False
    return True


async def closed(port: int) -> bool:
    """Whether nobody does."""
    return not await answers(port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_both_signals_end_it(number: signal.Signals) -> None:
    """The kubelet sends one, a person at a terminal the other."""
    health = Health()
    listener = Listener(host="127.0.0.1", port=0, linger_seconds=0, drain_seconds=1)
    process = asyncio.create_task(run_until_signalled(make_app(health), health, listener))
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        await process
