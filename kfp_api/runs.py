"""Runs: get, list, delete, archive, unarchive, terminate, retry; `submitting` makes them."""

from typing import Any, Final

from aiohttp import web

from kfp_api import objects
from kfp_api.answers import Code, RequestError, answer
from kfp_api.parts import PARTS, Parts, asked_within, find
from kfp_api.records import Run
from kfp_api.rendering import run_body, whole_run_body
from kfp_api.requests import list_answer, list_query, moment
from kfp_api.states import State
from moorage.errors import NotFoundError
from moorage.kube import STRETCHED_PIPELINES

BASE: Final = "/apis/v2beta1/runs"


def add_routes(app: web.Application) -> None:
    """Register the routes of runs."""
    one = BASE + "/{run_id:[^:/]+}"
    app.router.add_get(BASE, _list)
    app.router.add_get(one, _get)
    app.router.add_delete(one, _delete)
    for action, handler in (
        ("archive", _archive),
        ("unarchive", _unarchive),
        ("terminate", _terminate),
        ("retry", _retry),
    ):
        app.router.add_post(f"{one}:{action}", handler)


async def _get(request: web.Request) -> web.Response:
    return answer(await whole_body(request.app[PARTS], await _found(request, "get")))


async def whole_body(parts: Parts, run: Run) -> dict[str, Any]:
    """Return all that is known of a run."""
    if run.details is None:
        try:
            raw = await parts.client.get(STRETCHED_PIPELINES, run.object_name, run.namespace)
        except NotFoundError:
            raise RequestError(Code.NOT_FOUND, f"run {run.id} was deleted") from None
        details = objects.details_of(raw)
    else:
        details = objects.unpack(run.details)
    spec = None
    if not run.version_id and run.config_map == objects.run_config_map(run.object_name):
        # It never changes, so its own revision need not be known.
        try:
            spec = (await parts.specs.of_version(run.namespace, run.config_map, 0)).shown
        except RequestError:
            spec = None  # somebody deleted it; the run itself is there
    return whole_run_body(run, details, spec, archived=parts.catalogue.is_archived(run))


async def _list(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    catalogue, within = parts.catalogue, await asked_within(request)
    page = await catalogue.runs.page(within, list_query(request, catalogue.runs))
    return list_answer("runs", page, [run_body(run, archived=catalogue.is_archived(run)) for run in page.records])


async def _delete(request: web.Request) -> web.Response:
    parts, run = request.app[PARTS], await _found(request, "delete")
    await parts.client.delete(STRETCHED_PIPELINES, run.object_name, run.namespace, uid=run.uid)
    await parts.catalogue.gone(parts.catalogue.runs, run)
    return answer({})


async def _archive(request: web.Request) -> web.Response:
    run = await _found(request, "update")
    return await _change(request, run, {"metadata": {"annotations": {objects.ARCHIVED_AT: moment()}}})


async def _unarchive(request: web.Request) -> web.Response:
    run = await _found(request, "update")
    return await _change(request, run, {"metadata": {"annotations": {objects.UNARCHIVED_AT: moment()}}})


async def _terminate(request: web.Request) -> web.Response:
    run = await _found(request, "update")
    if run.final is not None:
        raise RequestError(Code.FAILED_PRECONDITION, f"run {run.id} has ended already: there is nothing to terminate")
    if run.state is State.CANCELING:
        return answer({})
    annotations = {objects.CANCELING_AT: moment()}
    return await _change(request, run, {"metadata": {"annotations": annotations}, "spec": {"cancel": True}})


async def _retry(request: web.Request) -> web.Response:
    run = await _found(request, "update")
    if run.final is not State.FAILED:
        message = f"run {run.id} has not failed: only a failed run can be retried"
        raise RequestError(Code.FAILED_PRECONDITION, message)
    # Of two who ask at once, one wins: together they ask once.
    change = {"metadata": {"resourceVersion": str(run.revision)}, "spec": {"retries": run.retries + 1}}
    return await _change(request, run, change)


async def _change(request: web.Request, run: Run, change: dict[str, Any]) -> web.Response:
    parts = request.app[PARTS]
    metadata = {"name": run.object_name, "namespace": run.namespace, "uid": run.uid, **change.get("metadata", {})}
    written = await parts.client.merge_patch(STRETCHED_PIPELINES, {**change, "metadata": metadata})
    await parts.catalogue.seen(parts.catalogue.runs, written)
    return answer({})


async def _found(request: web.Request, verb: str) -> Run:
    return await find(request, request.app[PARTS].catalogue.runs, "run", request.match_info["run_id"], verb)
