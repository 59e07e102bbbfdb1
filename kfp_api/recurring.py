"""Recurring runs: create, get, list, enable, disable, delete. Each is a PipelineSchedule; the hub makes its runs."""

import gzip
import uuid
from typing import Any, Final

from aiohttp import web

from kfp_api import objects, placement
from kfp_api.answers import answer, invalid, not_found
from kfp_api.objects import LONGEST_DESCRIPTION
from kfp_api.parameters import check_parameters
from kfp_api.parts import PARTS, asked_within, authorize, caller_of, find
from kfp_api.placement import Layer
from kfp_api.recurrence import RecurringRun, read_recurring, recurring_body
from kfp_api.recurrence_asked import policy_of, refuse_placeholders, schedule_of
from kfp_api.requests import list_answer, list_query, read_json
from kfp_api.submitting import (
    Source,
    experiment_of,
    labels_of,
    namespace_layer,
    present,
    run_layer,
    source_of,
)
from moorage.errors import NotFoundError
from moorage.kube import PIPELINE_SCHEDULES, RawObject
from moorage.runs import PipelineSource, RunRef, StretchedPipeline
from moorage.wire.runs import write_stretched_pipeline_spec

BASE: Final = "/apis/v2beta1/recurringruns"
_LONGEST_INLINE: Final = 1_000_000


def add_routes(app: web.Application) -> None:
    """Register the routes of recurring runs."""
    one = BASE + "/{recurring_run_id:[^:/]+}"
    app.router.add_get(BASE, _list)
    app.router.add_post(BASE, _create)
    app.router.add_get(one, _get)
    app.router.add_delete(one, _delete)
    app.router.add_post(f"{one}:enable", _enable)
    app.router.add_post(f"{one}:disable", _disable)


async def _create(request: web.Request) -> web.Response:
    parts, body = request.app[PARTS], await read_json(request)
    experiment = await experiment_of(request, body)
    namespace = experiment.namespace
    await authorize(request, "create", namespace)
    display_name = body.text("display_name", required=True)
    timing = schedule_of(body) | policy_of(body)
    name = f"kfp-{uuid.uuid4().hex}"
    source = await source_of(request, body, namespace, name)
    config = body.sub("runtime_config")
    parameters = config.raw.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid("runtime_config.parameters: must be an object")
    refuse_placeholders(parameters)
    check_parameters(parameters, source.inputs)
    layers = (
        await namespace_layer(parts, namespace),
        *source.layers,
        Layer(f"experiment {experiment.display_name}", experiment.settings),
        run_layer(body),
    )
    asked = StretchedPipeline(ref=RunRef(namespace, name, ""), source=_pipeline(source), parameters=parameters)
    description = body.text("description", LONGEST_DESCRIPTION)
    told = present(
        {
            objects.DISPLAY_NAME: display_name,
            objects.DESCRIPTION: description,
            objects.PIPELINE_ROOT: config.text("pipeline_root", 1024),
            objects.CREATED_BY: caller_of(request).name,
        }
    )
    template = {
        "metadata": {"labels": labels_of(experiment, source.version), "annotations": told},
        "spec": write_stretched_pipeline_spec(placement.settle(asked, layers)),
    }
    raw = {
        "apiVersion": PIPELINE_SCHEDULES.api_version,
        "kind": PIPELINE_SCHEDULES.kind,
        "metadata": {"namespace": namespace, "name": name, "annotations": told},
        "spec": {**timing, "template": template},
    }
    created = await parts.client.create(PIPELINE_SCHEDULES, raw)
    await parts.catalogue.seen(parts.catalogue.recurring, created)
    return answer(_whole(created))


def _pipeline(source: Source) -> PipelineSource:
    """Return a version's ConfigMap, or the pipeline itself: an own ConfigMap would outlive what is never run."""
    if source.compiled is None:
        return PipelineSource(config_map=source.config_map, key=objects.FILE)
    text = gzip.decompress(source.compiled.kept).decode()
    if len(text) > _LONGEST_INLINE:
        problem = f"has {len(text)} characters, and a recurring run may bring {_LONGEST_INLINE}"
        raise invalid(f"pipeline_spec: {problem}: upload it as a pipeline, and name its version")
    return PipelineSource(inline=text)


async def _get(request: web.Request) -> web.Response:
    recurring = await _found(request, "get")
    try:
        raw = await request.app[PARTS].client.get(PIPELINE_SCHEDULES, recurring.object_name, recurring.namespace)
    except NotFoundError:
        raise not_found("recurring run", recurring.id) from None
    return answer(_whole(raw))


def _whole(raw: RawObject) -> dict[str, Any]:
    recurring = read_recurring(raw)
    if recurring is None:
        raise invalid("the recurring run is being deleted")
    parameters = ((raw["spec"].get("template") or {}).get("spec") or {}).get("parameters")
    return recurring_body(recurring, parameters if isinstance(parameters, dict) else None)


async def _list(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    catalogue, within = parts.catalogue, await asked_within(request)
    page = await catalogue.recurring.page(within, list_query(request, catalogue.recurring))
    return list_answer("recurringRuns", page, [recurring_body(each) for each in page.records])


async def _enable(request: web.Request) -> web.Response:
    return await _suspend(request, suspend=False)


async def _disable(request: web.Request) -> web.Response:
    return await _suspend(request, suspend=True)


async def _suspend(request: web.Request, *, suspend: bool) -> web.Response:
    parts, recurring = request.app[PARTS], await _found(request, "update")
    about = {"name": recurring.object_name, "namespace": recurring.namespace, "uid": recurring.id}
    written = await parts.client.merge_patch(PIPELINE_SCHEDULES, {"metadata": about, "spec": {"suspend": suspend}})
    await parts.catalogue.seen(parts.catalogue.recurring, written)
    return answer({})


async def _delete(request: web.Request) -> web.Response:
    parts, recurring = request.app[PARTS], await _found(request, "delete")
    await parts.client.delete(PIPELINE_SCHEDULES, recurring.object_name, recurring.namespace, uid=recurring.id)
    await parts.catalogue.gone(parts.catalogue.recurring, recurring)
    return answer({})


async def _found(request: web.Request, verb: str) -> RecurringRun:
    catalogue = request.app[PARTS].catalogue
    return await find(request, catalogue.recurring, "recurring run", request.match_info["recurring_run_id"], verb)
