"""/healthz and /readyz, with named checks.

/healthz says that the process works at all; a kubelet restarts it where it does not. /readyz says that requests may be
sent; it turns false first when the process is about to end. Both answer 200 or 503 with one line for each check, as the
API server's own do:

    [+] certificate
    [-] datasets: not in the cache yet
"""

import logging
from collections.abc import Callable

from aiohttp import web

from moorage.serving import metrics

_log = logging.getLogger(__name__)

Check = Callable[[], str | None]
"""None where all is well, otherwise what is not, in a few words. It is called on the event loop and must be quick."""


class Health:
    """The checks of one process.

    A process has one Health, gives it checks as its parts come to be, and adds the routes to an application.
    """

    def __init__(self) -> None:
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._draining = False

    def add_ready(self, name: str, check: Check) -> None:
        """Send no requests while this check fails."""
        self._ready[name] = check

    def add_live(self, name: str, check: Check) -> None:
        """Restart the process when this check fails."""
        self._live[name] = check

    def drain(self) -> None:
        """Be unready from now on; there is no way back."""
        self._draining = True

    @property
    def draining(self) -> bool:
        """Whether the process is about to end."""
        return self._draining

    def live_problems(self) -> dict[str, str | None]:
        """Return the state of each liveness check."""
        return {name: _ask(check) for name, check in self._live.items()}

    def ready_problems(self) -> dict[str, str | None]:
        """Return the state of each readiness check."""
        problems = {name: _ask(check) for name, check in self._ready.items()}
        if self._draining:
            problems["shutdown"] = "the process is about to end"
        return problems


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a fault in a check must not look like a dead server
        _log.exception("a health check failed")
        return type(error).__name__


HEALTH = web.AppKey("HEALTH", Health)


def add_routes(app: web.Application, health: Health) -> None:
    """Serve /healthz and /readyz from this application."""
    app[HEALTH] = health
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)


def make_app(health: Health) -> web.Application:
    """Make the application of a process's plain health port: /healthz, /readyz and /metrics."""
    app = web.Application()
    add_routes(app, health)
    app.router.add_get("/metrics", metrics.expose)
    return app


async def _healthz(request: web.Request) -> web.Response:
    return _answer(request.app[HEALTH].live_problems())


async def _readyz(request: web.Request) -> web.Response:
    return _answer(request.app[HEALTH].ready_problems())


def _answer(problems: dict[str, str | None]) -> web.Response:
    lines = [f"[+] {name}" if problem is None else f"[-] {name}: {problem}" for name, problem in problems.items()]
    failed = any(problem is not None for problem in problems.values())
    return web.Response(text="\n".join([*lines, "not ok" if failed else "ok"]) + "\n", status=503 if failed else 200)
