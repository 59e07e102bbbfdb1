"""The HTTP face of the task API; `exchange` says what is asked and answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from aiohttp import hdrs, web

from moorage.errors import InputError, MoorageError
from moorage.grants.question import PodIdentity
from moorage.kube import Client
from moorage.serving.limits import Limits
from moorage.serving.token_reviews import TokenReviews, TooManyReviewsError, UnknownCallerError, bearer_token
from pipeline_executor.task_api.identity import pod_of
from pipeline_executor.task_api.pacing import Pacing, TooMuchAskedError
from pipeline_executor.task_api.recording import record
from pipeline_executor.task_api.tasks import Task, Tasks
from pipeline_executor.task_api.uploading import urls_for
from pipeline_executor.task_api.viewing import page_of, view_of
from pipeline_executor.task_sidecar import exchange

LIMITS: Final = Limits(
    connections=1024,
    connections_per_peer=16,
    body_seconds=60.0,
    answer_seconds=120.0,
    body_bytes=2 * exchange.REPORT_BOUNDS.most_bytes,
)
"""The limits of this application's listener. Where pods share a node's address behind a Service, raise those a peer."""

_LARGE_BYTES: Final = 1 << 20
_IDENTITY_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The dependencies of the handlers.

    Attributes:
        reviews: who calls.
        tasks: the spoke.
        large: large reports are read one at a time.
    """

    reviews: TokenReviews[PodIdentity]
    tasks: Tasks
    pacing: Pacing = field(default_factory=Pacing)
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


PARTS = web.AppKey("PARTS", Parts)
_Handler: TypeAlias = Callable[[web.Request, Parts, PodIdentity, Task], Awaitable[bytes]]


def make_app(client: Client, tasks: Tasks) -> web.Application:
    """Make the application; serve it over TLS, within `LIMITS`.

    Args:
        client: may create TokenReviews.
        tasks: the spoke.
    """
    app = web.Application(client_max_size=exchange.REPORT_BOUNDS.most_bytes)
    app[PARTS] = Parts(TokenReviews(client, exchange.AUDIENCE, pod_of, _IDENTITY_SECONDS), tasks)
    app.router.add_get(exchange.TASK, partial(_answer, _task))
    app.router.add_get(exchange.INPUTS, partial(_answer, _inputs))
    app.router.add_post(exchange.UPLOADS, partial(_answer, _uploads))
    app.router.add_post(exchange.OUTPUTS, partial(_answer, _outputs))
    app.router.add_post(exchange.FAILURE, partial(_answer, _failure))
    return app


async def _answer(handler: _Handler, request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    try:
        pod = await parts.reviews.of(bearer_token(request), request.remote or "")
        async with parts.pacing.turn(pod):
            task = await parts.tasks.of(pod)
            if task is None:
                return _say(404, "nobody waits for this pod: it is no task of this spoke, or it was cancelled")
            return _json(200, await handler(request, parts, pod, task))
    except web.HTTPRequestEntityTooLarge:
        return _say(413, f"a request has at most {exchange.REPORT_BOUNDS.most_bytes:,} bytes")
    except MoorageError as error:
        return _refusal(error)


def _refusal(error: MoorageError) -> web.Response:
    match error:
        case UnknownCallerError():
            # Why, is not told: a caller that nobody vouches for learns nothing of us.
            return _say(401, "present the pod's own token: Authorization: Bearer ...")
        case TooManyReviewsError() | TooMuchAskedError():
            return _say(429, str(error))
        case InputError():
            return _say(422, str(error))
        case _:
            _log.warning("no answer for a task: %s", error)
            return _say(503, f"{error}; ask again later")


async def _task(_request: web.Request, parts: Parts, pod: PodIdentity, task: Task) -> bytes:
    if parts.pacing.begins(pod):
        await task.store.put_once(task.keys.task(task.launch.path, task.launch.attempt, "started"), b"")
        parts.pacing.note_started(pod)
    return exchange.write_task(view_of(task))


async def _inputs(request: web.Request, _parts: Parts, _pod: PodIdentity, task: Task) -> bytes:
    first = request.query.get("from", "0")
    if not first.isascii() or not first.isdigit() or len(first) > 9:  # noqa: PLR2004 - more than any page's number
        raise InputError("request", "from", "must be a whole number")
    return exchange.write_inputs(await page_of(task, int(first)))


async def _uploads(request: web.Request, parts: Parts, pod: PodIdentity, task: Task) -> bytes:
    pieces = exchange.read_pieces(await _small_body(request))
    parts.pacing.count_pieces(pod, len(pieces), task.limits.files)
    return exchange.write_urls(await urls_for(task, pieces))


async def _outputs(request: web.Request, parts: Parts, pod: PodIdentity, task: Task) -> bytes:
    if (request.content_length or 0) <= _LARGE_BYTES:
        report = exchange.read_report(await request.read(), task.limits)
        missing = await record(task, report)
    else:
        body = await request.read()
        # A list of 100,000 files takes some 200 MB while it is read, and a second of somebody's time.
        async with parts.large:
            report = await asyncio.to_thread(exchange.read_report, body, task.limits)
            missing = await record(task, report)
    if not missing:
        await parts.tasks.recorded(pod, report.bytes_in)
    return exchange.write_pieces(missing)


async def _failure(request: web.Request, parts: Parts, pod: PodIdentity, _task: Task) -> bytes:
    await parts.tasks.failed(pod, exchange.read_message(await _small_body(request)))
    return b"{}"


async def _small_body(request: web.Request) -> bytes:
    if (request.content_length or 0) > exchange.PAGE_BOUNDS.most_bytes:
        raise web.HTTPRequestEntityTooLarge(exchange.PAGE_BOUNDS.most_bytes, request.content_length or 0)
    return await request.read()


def _say(status: int, message: str) -> web.Response:
    return _json(status, exchange.write_message(message))


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(
        status=status, body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )
