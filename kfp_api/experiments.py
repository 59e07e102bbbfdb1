"""Experiments: create, get, list, delete, archive, unarchive."""

from aiohttp import web

from kfp_api import objects
from kfp_api.answers import Code, RequestError, answer, shortened
from kfp_api.objects import LONGEST_DESCRIPTION
from kfp_api.parts import PARTS, Parts, authorize, caller_of, find
from kfp_api.records import Experiment
from kfp_api.rendering import experiment_body
from kfp_api.requests import list_answer, list_query, moment, read_json
from moorage.errors import ConflictError
from moorage.kube import CONFIG_MAPS, RawObject

DEFAULT = "Default"
_KIND = "experiment"


def add_routes(app: web.Application) -> None:
    """Register the routes of experiments."""
    base = "/apis/v2beta1/experiments"
    one = base + "/{experiment_id:[^:/]+}"
    app.router.add_post(base, _create)
    app.router.add_get(base, _list)
    app.router.add_get(one, _get)
    app.router.add_delete(one, _delete)
    app.router.add_post(f"{one}:archive", _archive)
    app.router.add_post(f"{one}:unarchive", _unarchive)


async def _create(request: web.Request) -> web.Response:
    parts, body = request.app[PARTS], await read_json(request)
    namespace = parts.namespace(body.text("namespace"))
    await authorize(request, "create", namespace)
    name = body.text("display_name", required=True)
    written = make(namespace, name, body.text("description", LONGEST_DESCRIPTION), caller_of(request).name)
    try:
        created = await parts.client.create(CONFIG_MAPS, written)
    except ConflictError:
        message = f"experiment {shortened(name)} exists already in namespace {namespace}"
        raise RequestError(Code.ALREADY_EXISTS, message) from None
    return answer(_body(parts, await _seen(parts, created)))


async def default_of(request: web.Request, namespace: str) -> Experiment:
    """Return the experiment of runs that name none; made where it is not there."""
    parts = request.app[PARTS]
    name = objects.unique_name(objects.EXPERIMENT, DEFAULT)
    found = parts.catalogue.experiments.get(namespace, name)
    if found is not None:
        return found
    try:
        created = await parts.client.create(CONFIG_MAPS, make(namespace, DEFAULT, "", caller_of(request).name))
    except ConflictError:
        created = await parts.client.get(CONFIG_MAPS, name, namespace)
    return await _seen(parts, created)


def make(namespace: str, display_name: str, description: str, created_by: str) -> RawObject:
    """Make the ConfigMap of an experiment. Pure."""
    return objects.make_config_map(
        objects.EXPERIMENT,
        namespace,
        objects.unique_name(objects.EXPERIMENT, display_name),
        {"displayName": display_name, "description": description},
        annotations={objects.CREATED_BY: created_by},
    )


async def _get(request: web.Request) -> web.Response:
    return answer(_body(request.app[PARTS], await _found(request, "get")))


async def _list(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    namespace = parts.namespace(request.query.get("namespace"))
    await authorize(request, "list", namespace)
    experiments = parts.catalogue.experiments
    page = await experiments.page((namespace, ""), list_query(request, experiments))
    return list_answer("experiments", page, [_body(parts, each) for each in page.records])


async def _delete(request: web.Request) -> web.Response:
    """Delete an experiment; its runs stay, as the backend's documentation has it."""
    parts, experiment = request.app[PARTS], await _found(request, "delete")
    await parts.client.delete(CONFIG_MAPS, experiment.object_name, experiment.namespace, uid=experiment.id)
    await parts.catalogue.gone(parts.catalogue.experiments, experiment)
    return answer({})


async def _archive(request: web.Request) -> web.Response:
    return await _change(request, {"archived": "true", "archivedAt": moment()})


async def _unarchive(request: web.Request) -> web.Response:
    """Unarchive an experiment; its runs stay archived, as each is unarchived on its own by the backend."""
    return await _change(request, {"archived": None})


async def _change(request: web.Request, data: dict[str, str | None]) -> web.Response:
    parts, experiment = request.app[PARTS], await _found(request, "update")
    metadata = {"name": experiment.object_name, "namespace": experiment.namespace}
    written = await parts.client.merge_patch(CONFIG_MAPS, {"metadata": metadata, "data": data})
    await parts.catalogue.seen(parts.catalogue.experiments, written)
    return answer({})


async def _found(request: web.Request, verb: str) -> Experiment:
    experiments = request.app[PARTS].catalogue.experiments
    return await find(request, experiments, _KIND, request.match_info["experiment_id"], verb)


async def _seen(parts: Parts, written: RawObject) -> Experiment:
    await parts.catalogue.seen(parts.catalogue.experiments, written)
    record = objects.read_config_map(written)
    if not isinstance(record, Experiment):
        message = f"ConfigMap {written['metadata']['name']} is in the way of the experiment: somebody else made it"
        raise RequestError(Code.FAILED_PRECONDITION, message)
    return record


def _body(parts: Parts, experiment: Experiment) -> dict[str, object]:
    last = parts.catalogue.runs.last_created_at(experiment.namespace, experiment.id)
    return experiment_body(experiment, last)
