"""The application: headers of every answer, who may come in, errors as pages."""

import logging
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from moorage.errors import ForbiddenError, InputError, KubeError, NotFoundError, StoreError
from moorage.serving.health import Health, add_routes
from moorage_ui.assets import assets, versions
from moorage_ui.handlers import datasets, runs, sites, tasks
from moorage_ui.pages.page import Frame, whole_page
from moorage_ui.pages.problem import problem_content
from moorage_ui.parts import PARTS, VIEWER, Parts, viewer_of

_log = logging.getLogger(__name__)

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_OPEN: Final = ("/assets/", "/healthz", "/readyz", "/sign-in", "/sign-out", "/enter")
_MOST_BODY: Final = 64 << 10


def make_app(parts: Parts, health: Health) -> web.Application:
    """Make the application from its dependencies."""
    app = web.Application(client_max_size=_MOST_BODY, middlewares=[_as_pages, _let_in])
    app[PARTS] = parts
    app.on_response_prepare.append(_with_headers)
    add_routes(app, health)
    app.router.add_get("/assets/{name}", _asset)
    parts.gate.add_routes(app)
    for room in (runs, tasks, datasets, sites):
        room.add_routes(app)
    return app


async def _with_headers(_: web.Request, answer: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")


async def _asset(request: web.Request) -> web.Response:
    asset = assets().get(request.match_info["name"])
    if asset is None:
        raise web.HTTPNotFound
    answer = web.Response(body=asset.content, headers={hdrs.CONTENT_TYPE: asset.content_type})
    if request.query.get("v") == versions():
        answer.headers[hdrs.CACHE_CONTROL] = "private, max-age=604800, immutable"
    return answer


@web.middleware
async def _let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests that the gate does not admit."""
    if not request.path.startswith(_OPEN):
        request[VIEWER] = await request.app[PARTS].gate.admit(request)
    return await handler(request)


@web.middleware
async def _as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Render errors as pages that say what to do."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - a redirect
            raise
        return _problem(request, error.status, error.text or error.reason, dict(error.headers))
    except ForbiddenError as error:
        status = 401 if error.status == 401 else 403  # noqa: PLR2004 - the API server's own
        return _problem(request, status, str(error))
    except NotFoundError as error:
        return _problem(request, 404, str(error))
    except (InputError, StoreError) as error:
        return _problem(request, 422, str(error))
    except KubeError as error:
        _log.warning("no answer: %s", error)
        return _problem(request, 503, str(error))


def _problem(request: web.Request, status: int, text: str, kept: dict[str, str] | None = None) -> web.Response:
    who = viewer_of(request).name if VIEWER in request else ""
    frame = Frame(
        title=f"{status}", who=who, signed_in=request.app[PARTS].gate.sign_in and bool(who), versions=versions()
    )
    headers = {
        name: value for name, value in (kept or {}).items() if name.lower() in {"retry-after", "www-authenticate"}
    }
    return web.Response(
        status=status,
        body=whole_page(frame, *problem_content(status, text, who)),
        headers={**headers, hdrs.CONTENT_TYPE: "text/html; charset=utf-8"},
    )
