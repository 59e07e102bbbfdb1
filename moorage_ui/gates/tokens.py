"""Bearers of tokens that the cluster's API server knows.

A proxy in front puts the token into each request (`Authorization: Bearer`), or a person signs in with one. It is passed
on to the API server, which says whose it is and what they may see. Who signs in gets a cookie that means nothing
anywhere else; the token stays in this process's memory, and goes with the session.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from moorage.errors import ForbiddenError, KubeError
from moorage.kube import Client
from moorage.queueing.keyed_locks import KeyedLocks
from moorage.serving.rate_limit import RateLimit
from moorage.serving.token_reviews import LONGEST_TOKEN, bearer_token
from moorage_ui.assets import versions
from moorage_ui.pages.page import Frame, whole_page
from moorage_ui.pages.sign_in import sign_in_content
from moorage_ui.viewers import Viewer, meet

COOKIE: Final = "__Host-moorage-ui"
_MOST_SESSIONS: Final = 2048
_MOST_VIEWERS: Final = 256
_MET_SECONDS: Final = 30.0
_TRIES_PER_SECOND: Final = 1.0
_TRIES_AT_ONCE: Final = 30.0


@dataclass(slots=True)
class _Met:
    viewer: Viewer
    until: float


@dataclass(frozen=True, slots=True)
class _Session:
    token: str
    until: float


class TokenGate:
    """A gate that admits whoever has a valid token.

    Args:
        connect: the API server, asked by the bearer of a token.
        session_seconds: how long somebody stays signed in.
        clock: seconds, monotonic.
    """

    sign_in = True

    def __init__(
        self,
        connect: Callable[[str], Client],
        session_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._session_seconds = session_seconds
        self._clock = clock
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._met: OrderedDict[bytes, _Met] = OrderedDict()
        self._asking: KeyedLocks[bytes] = KeyedLocks()
        # The API server is asked about guesses and unknown tokens at a limited rate.
        self._tries = RateLimit(_TRIES_PER_SECOND, _TRIES_AT_ONCE, clock)

    def add_routes(self, app: web.Application) -> None:
        """Register the routes of signing in and out."""
        app.router.add_get("/sign-in", self._show)
        app.router.add_post("/sign-in", self._sign_in)
        app.router.add_post("/sign-out", self._sign_out)

    async def close(self) -> None:
        """Close the connections of all viewers."""
        for met in self._met.values():
            await met.viewer.client.close()

    async def admit(self, request: web.Request) -> Viewer:
        """Authenticate the request.

        Raises:
            web.HTTPException: nobody that the API server knows; a browser is led to the page where one signs in.
            KubeError: the API server did not answer.
        """
        token = bearer_token(request) or self._token_of(request)
        if token:
            try:
                return await self._viewer(token, request.remote or "")
            except ForbiddenError as error:
                if error.status != 401:  # noqa: PLR2004 - known, and not permitted to ask who they are
                    raise
                self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None)
        if request.method == hdrs.METH_GET and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
            raise web.HTTPSeeOther("/sign-in")
        raise web.HTTPUnauthorized(
            text="present a token that this cluster's API server knows: Authorization: Bearer ...",
            headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
        )

    def _token_of(self, request: web.Request) -> str:
        key = _digest(request.cookies.get(COOKIE, ""))
        session = self._sessions.get(key)
        if session is None:
            return ""
        if session.until <= self._clock():
            del self._sessions[key]
            return ""
        return session.token

    async def _viewer(self, token: str, remote: str) -> Viewer:
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise ForbiddenError("that is no token: make one with kubectl create token ACCOUNT", status=401)
        key = _digest(token)
        async with self._asking.hold(key):
            return await self._met_or_asked(token, key, remote)

    async def _met_or_asked(self, token: str, key: bytes, remote: str) -> Viewer:
        """Return who bears a token; of several requests that come at once, one asks the API server."""
        met = self._met.get(key)
        if met is not None and met.until > self._clock():
            self._met.move_to_end(key)
            return met.viewer
        if not self._tries.admits(remote if met is None else key):
            raise web.HTTPTooManyRequests(text="too many tokens come from there: try again in a minute")
        client = met.viewer.client if met is not None else self._connect(token)
        try:
            viewer = await meet(client)
        except KubeError as error:
            if met is None:
                await client.close()
            elif error.status == 401:  # noqa: PLR2004
                del self._met[key]
                await client.close()
            raise
        if met is not None:
            met.until = self._clock() + _MET_SECONDS
            return met.viewer
        self._met[key] = _Met(viewer, self._clock() + _MET_SECONDS)
        while len(self._met) > _MOST_VIEWERS:
            _, oldest = self._met.popitem(last=False)
            await oldest.viewer.client.close()
        return viewer

    async def _show(self, _: web.Request) -> web.Response:
        return _page("")

    async def _sign_in(self, request: web.Request) -> web.Response:
        _check_origin(request)
        form = await request.post()
        token = "".join(str(form.get("token") or "").split())
        problem = ""
        try:
            viewer = await self._viewer(token, request.remote or "") if token else None
        except ForbiddenError:
            viewer, problem = None, "The API server knows nobody with that token. Perhaps it has expired."
        except KubeError as error:
            viewer, problem = None, f"{error}"
        if viewer is None:
            return _page(problem or "Paste a token.", 401)
        word = secrets.token_urlsafe(32)
        self._sessions[_digest(word)] = _Session(token, self._clock() + self._session_seconds)
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        answer = web.Response(status=303, headers={hdrs.LOCATION: "/runs"})
        answer.set_cookie(COOKIE, word, httponly=True, secure=True, samesite="Strict", path="/")
        return answer

    async def _sign_out(self, request: web.Request) -> web.Response:
        _check_origin(request)
        self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None)
        answer = web.Response(status=303, headers={hdrs.LOCATION: "/sign-in"})
        answer.del_cookie(COOKIE, path="/", secure=True)
        return answer


def _check_origin(request: web.Request) -> None:
    """Refuse a form of another site: it signs nobody in, or out."""
    origin = request.headers.get(hdrs.ORIGIN, "")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"} or (
        origin and urlsplit(origin).netloc != request.host
    ):
        raise web.HTTPForbidden(text="this form was sent by another site")


def _page(problem: str, status: int = 200) -> web.Response:
    frame = Frame(title="Sign in", versions=versions())
    body = whole_page(frame, *sign_in_content(problem))
    return web.Response(status=status, body=body, headers={hdrs.CONTENT_TYPE: "text/html; charset=utf-8"})


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
