"""One person at their own machine: whoever opens the printed address, once. Others on that machine are strangers."""

import hmac
import secrets
from typing import Final

from aiohttp import web

from moorage_ui.viewers import Viewer

_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
_STRANGER: Final = (
    "Open the address that `moorage ui` printed. It works once, in one browser: start `moorage ui` again for another."
)


class LocalGate:
    """A gate that admits one browser.

    Args:
        viewer: the person, with their own credentials.
    """

    sign_in = False

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._word = secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(32)
        self._entered = False
        self.port = 0

    @property
    def address(self) -> str:
        """The address to open, once the port is known."""
        return f"http://127.0.0.1:{self.port}/enter?word={self._word}"

    def add_routes(self, app: web.Application) -> None:
        """Register the route of the printed address."""
        app.router.add_get("/enter", self._enter)

    async def admit(self, request: web.Request) -> Viewer:
        """Return the person, where their browser has come in.

        Raises:
            web.HTTPUnauthorized: it has not.
            web.HTTPBadRequest: the request is meant for another name, which somebody made to lead here.
        """
        self._check_host(request)
        if not hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._session.encode()):
            raise web.HTTPUnauthorized(text=_STRANGER)
        return self._viewer

    @property
    def _cookie(self) -> str:
        # Browsers keep cookies by host, not by port.
        return f"moorage-ui-{self.port}"

    def _check_host(self, request: web.Request) -> None:
        if request.host not in {f"{host}:{self.port}" for host in _HOSTS}:
            raise web.HTTPBadRequest(text="this server answers at 127.0.0.1 and localhost only")

    async def _enter(self, request: web.Request) -> web.Response:
        self._check_host(request)
        word = request.query.get("word", "")
        if self._entered or not hmac.compare_digest(word.encode("utf-8", "replace"), self._word.encode()):
            raise web.HTTPUnauthorized(text=_STRANGER)
        self._entered = True
        answer = web.HTTPSeeOther("/runs")
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict", path="/")
        raise answer
