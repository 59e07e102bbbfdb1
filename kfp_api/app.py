"""The application: who may ask, how often, and errors as Kubeflow Pipelines gives them."""

import logging

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from kfp_api import experiments, logs, pipelines, recurring, runs, submitting, unserved, versions
from kfp_api.answers import Code, RequestError, answer, error_answer
from kfp_api.parts import CALLER, PARTS, Parts
from moorage.errors import ConflictError, ForbiddenError, InputError, KubeError, NotFoundError
from moorage.serving.health import Health, add_routes
from moorage.serving.token_reviews import bearer_token

_API = "/apis/"
_OPEN = "/apis/v2beta1/healthz"
_READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_BY_STATUS = {401: Code.UNAUTHENTICATED, 403: Code.PERMISSION_DENIED, 404: Code.NOT_FOUND, 429: Code.RESOURCE_EXHAUSTED}

_log = logging.getLogger(__name__)


def make_app(parts: Parts, health: Health) -> web.Application:
    """Make the application; `health` gets the informers' check."""
    app = web.Application(client_max_size=parts.package_bytes, middlewares=[_in_the_backends_form, _known])
    app[PARTS] = parts
    health.add_ready("informers", parts.problem)
    add_routes(app, health)
    app.router.add_get(_OPEN, _healthz)
    # The most specific first: a pipeline could be called `upload`.
    for room in (unserved, experiments, pipelines, versions, submitting, logs, runs, recurring):
        room.add_routes(app)
    return app


async def _healthz(request: web.Request) -> web.Response:
    return answer({"multi_user": request.app[PARTS].multi_user})


@web.middleware
async def _in_the_backends_form(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not request.path.startswith(_API):
        return await handler(request)
    try:
        return await handler(request)
    except RequestError as error:
        return error_answer(error)
    except InputError as error:
        return error_answer(RequestError(Code.INVALID_ARGUMENT, str(error)))
    except KubeError as error:
        return error_answer(from_kubernetes(error))
    except web.HTTPException as error:
        code = _BY_STATUS.get(error.status, Code.INVALID_ARGUMENT)
        message = f"{request.method} {request.path[:200]}: {error.reason}"
        return error_answer(RequestError(code, message, http_status=error.status))


@web.middleware
async def _known(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse callers that the API server does not know, and those that ask too often."""
    if not request.path.startswith(_API) or request.path == _OPEN:
        return await handler(request)
    parts = request.app[PARTS]
    try:
        caller = request[CALLER] = await parts.callers.of(bearer_token(request), request.remote or "")
    except KubeError as error:
        # A stranger perhaps: what ails us is not for them.
        _log.warning("no token can be verified: %s", error)
        raise RequestError(Code.UNAVAILABLE, "no token can be verified now; ask again later") from None
    limit = parts.reads if request.method in _READS else parts.writes
    if not limit.admits(caller.key):
        raise RequestError(Code.RESOURCE_EXHAUSTED, "you ask too often; ask again later")
    if (problem := parts.problem()) is not None:
        raise RequestError(Code.UNAVAILABLE, f"nothing can be said now: {problem}; ask again later")
    return await handler(request)


def from_kubernetes(error: KubeError) -> RequestError:
    """Translate an API server's refusal into the client's error; its text names only what the client may see."""
    message = f"the API server refused: {error}"
    match error:
        case NotFoundError():
            return RequestError(Code.NOT_FOUND, message)
        case ConflictError():
            return RequestError(Code.ALREADY_EXISTS, f"{message}; somebody else changed it, try again")
        case ForbiddenError():
            _log.warning("the API server refuses us: %s", error)
            return RequestError(Code.PERMISSION_DENIED, message)
        case KubeError(status=429):
            return RequestError(Code.RESOURCE_EXHAUSTED, message)
        case KubeError(status=400 | 413 | 422):
            return RequestError(Code.INVALID_ARGUMENT, message)
        case _:
            _log.warning("no answer: %s", error)
            return RequestError(Code.UNAVAILABLE, f"{error}; ask again later")
