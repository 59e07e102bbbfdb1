"""Logs of a run's tasks, as the stores of its sites have them, for whoever may `get` `stretchedpipelines/log`.

Kubeflow Pipelines' own route: the answer is the text. With `offset`, it is the next piece of it, and headers say where
the one after begins, so that a log can be followed without an open connection.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from aiohttp import hdrs, web

from kfp_api.answers import Code, RequestError, invalid, not_found
from kfp_api.parts import PARTS, Parts, caller_of, find
from kfp_api.records import Run
from kfp_api.rendering import task_id
from kfp_api.states import text_of
from moorage.errors import InputError, NotFoundError, StoreError
from moorage.kube import STRETCHED_PIPELINES
from moorage.runs import RunRef
from moorage.runs.logs import LOG_SUBRESOURCE, checked_task, sites_of
from moorage.stores import LogPiece, LogQuestion, TaskLog, find_log
from moorage.stores.served_logs import ATTEMPT_HEADER, COMPLETE_HEADER, NEXT_OFFSET_HEADER

_MOST_SITES: Final = 16
_MOST_OFFSET: Final = 1 << 40
_MOST_ATTEMPT: Final = 1_000_000
_FOLLOW_SECONDS: Final = 45.0
_AGAIN_SECONDS: Final = 2.0
_UNSERVED: Final = (
    "logs are not served here: let the platform name the Secrets with the stores' keys in the chart's "
    "kfpApi.logs.secrets; the log of each attempt is the object tasks/<task>/<attempt>/log of the run, in the artifact "
    "store of its site"
)


def add_routes(app: web.Application) -> None:
    """Register the route of logs."""
    app.router.add_get("/apis/{version:v1alpha1|v1|v1beta1|v2beta1}/runs/{run_id}/nodes/{node_id}/log", _log)


async def _log(request: web.Request) -> web.StreamResponse:
    parts = request.app[PARTS]
    attempt, offset = _number(request, "attempt", _MOST_ATTEMPT), _number(request, "offset", _MOST_OFFSET)
    run = await find(
        request, parts.catalogue.runs, "run", request.match_info["run_id"], "get", subresource=LOG_SUBRESOURCE
    )
    if parts.stores is None:
        raise RequestError(Code.UNIMPLEMENTED, _UNSERVED)
    status = await _status(parts, run)
    task = _task(run, status, request.match_info["node_id"])
    ref = RunRef(run.namespace, run.object_name, run.uid)
    with parts.readers.taken(caller_of(request).key) as there_is_one:
        if not there_is_one:
            raise RequestError(Code.RESOURCE_EXHAUSTED, "too many logs are being read; ask again later")
        question = LogQuestion(ref, task, attempt, offset or 0)
        try:
            found = await find_log(parts.stores, sites_of(status, task)[:_MOST_SITES], question)
        except StoreError as error:
            raise RequestError(Code.UNAVAILABLE, str(error)) from None
        if found is None:
            raise not_found("log of task", task)
        log, piece = found
        if offset is not None:
            return web.Response(body=piece.content, headers=_headers(piece))
        follow = request.query.get("follow", "").lower() in {"true", "1"}
        answer = web.StreamResponse(headers=_headers(piece))
        await answer.prepare(request)
        async for content in _pieces(log, piece, follow=follow):
            await answer.write(content)
        return answer


async def _status(parts: Parts, run: Run) -> Mapping[str, Any]:
    try:
        raw = await parts.client.get(STRETCHED_PIPELINES, run.object_name, run.namespace)
    except NotFoundError:
        raise not_found("run", run.id) from None
    if raw["metadata"].get("uid") != run.uid:
        raise not_found("run", run.id)
    status: Mapping[str, Any] = raw.get("status") or {}
    return status


def _task(run: Run, status: Mapping[str, Any], node: str) -> str:
    """Find the task by its name, its id or its pod. A status repeats what spokes said, so it is checked, too."""
    named = (text_of(each.get("name")) for each in status.get("tasks") or () if node in _names(run, each))
    try:
        return checked_task(next(named, node))
    except InputError:
        raise not_found("task", node) from None


def _names(run: Run, task: Mapping[str, Any]) -> set[str]:
    name = text_of(task.get("name"))
    return {name, text_of(task.get("pod")), task_id(run, name)}


async def _pieces(log: TaskLog, piece: LogPiece, *, follow: bool) -> AsyncIterator[bytes]:
    """Stream the log, and with `follow` what is appended, for a limited time."""
    ends = asyncio.get_running_loop().time() + _FOLLOW_SECONDS
    attempt, offset = piece.attempt, piece.next_offset
    yield piece.content
    while not piece.complete and asyncio.get_running_loop().time() < ends:
        if not piece.content:
            if not follow:
                return
            await asyncio.sleep(_AGAIN_SECONDS)
        try:
            found = await log.read(attempt, offset)
        except StoreError:
            return
        if found is None:
            return
        piece, offset = found, found.next_offset
        yield piece.content


def _headers(piece: LogPiece) -> dict[str, str]:
    return {
        hdrs.CONTENT_TYPE: "text/plain; charset=utf-8",
        hdrs.CACHE_CONTROL: "no-store",
        "X-Content-Type-Options": "nosniff",
        ATTEMPT_HEADER: str(piece.attempt),
        NEXT_OFFSET_HEADER: str(piece.next_offset),
        COMPLETE_HEADER: "true" if piece.complete else "false",
    }


def _number(request: web.Request, key: str, most: int) -> int | None:
    text = request.query.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most):  # noqa: PLR2004 - digits
        raise invalid(f"{key}: must be a whole number of at most {most}")
    return int(text)
