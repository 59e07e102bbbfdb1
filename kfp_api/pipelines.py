"""Pipelines: create, upload, get, get by name, list, change, delete."""

from aiohttp import web

from kfp_api import objects, versions
from kfp_api.answers import Code, RequestError, answer, not_found, shortened
from kfp_api.compiling import compile_package
from kfp_api.objects import LONGEST_DESCRIPTION
from kfp_api.parts import PARTS, Parts, authorize, caller_of, find
from kfp_api.records import Pipeline
from kfp_api.rendering import pipeline_body
from kfp_api.requests import list_answer, list_query, query_description, query_text, read_json, read_upload
from kfp_api.tagging import query_tags
from moorage.errors import ConflictError
from moorage.kube import CONFIG_MAPS, RawObject

_BASE = "/apis/v2beta1/pipelines"


def add_routes(app: web.Application) -> None:
    """Register the routes of pipelines."""
    one = _BASE + "/{pipeline_id:[^:/]+}"
    app.router.add_post(f"{_BASE}/upload", _upload)
    app.router.add_get(_BASE + "/names/{name:.+}", _get_by_name)
    app.router.add_post(_BASE, _create)
    app.router.add_get(_BASE, _list)
    app.router.add_get(one, _get)
    app.router.add_patch(one, _change)
    app.router.add_delete(one, _delete)


async def _upload(request: web.Request) -> web.Response:
    """Create a pipeline and its first version, which bears the same name."""
    parts = request.app[PARTS]
    namespace = parts.namespace(query_text(request, "namespace"))
    await authorize(request, "create", namespace)
    display_name, description = query_text(request, "display_name"), query_description(request)
    given, tags = query_text(request, "name"), query_tags(request)
    compiled = await parts.compilers.read(compile_package, await read_upload(request), namespace)
    name = given or display_name or compiled.name
    naming = versions.Naming(name, display_name or name, description, tags)
    created = await _created(parts, _make(namespace, naming, caller_of(request).name), name)
    try:
        await versions.store(request, created, compiled, naming)
    except BaseException:
        # Half a pipeline would keep its name from whoever tries again.
        uid = created["metadata"]["uid"]
        await parts.client.delete(CONFIG_MAPS, created["metadata"]["name"], namespace, uid=uid)
        raise
    return answer(pipeline_body(await _seen(parts, created)))


async def _create(request: web.Request) -> web.Response:
    """Create a pipeline without a version."""
    parts, body = request.app[PARTS], await read_json(request)
    namespace = parts.namespace(body.text("namespace"))
    await authorize(request, "create", namespace)
    display_name = body.text("display_name")
    name = body.text("name") or display_name or body.text("name", required=True)
    tags = objects.read_tags(body.raw.get("tags"))
    description = body.text("description", LONGEST_DESCRIPTION)
    naming = versions.Naming(name, display_name or name, description, tags)
    written = _make(namespace, naming, caller_of(request).name)
    return answer(pipeline_body(await _seen(parts, await _created(parts, written, name))))


def _make(namespace: str, naming: versions.Naming, created_by: str) -> RawObject:
    return objects.make_config_map(
        objects.PIPELINE,
        namespace,
        objects.unique_name(objects.PIPELINE, naming.name),
        versions.data_of(naming),
        annotations={objects.CREATED_BY: created_by},
    )


async def _created(parts: Parts, written: RawObject, name: str) -> RawObject:
    try:
        return await parts.client.create(CONFIG_MAPS, written)
    except ConflictError:
        namespace = written["metadata"]["namespace"]
        message = f"pipeline {shortened(name)} exists already in namespace {namespace}: upload a version of it"
        raise RequestError(Code.ALREADY_EXISTS, message) from None


async def _get(request: web.Request) -> web.Response:
    return answer(pipeline_body(await found(request, "get")))


async def _get_by_name(request: web.Request) -> web.Response:
    parts, name = request.app[PARTS], request.match_info["name"]
    namespace = parts.namespace(request.query.get("namespace"))
    await authorize(request, "get", namespace)
    pipeline = parts.catalogue.pipelines.get(namespace, objects.unique_name(objects.PIPELINE, name))
    if pipeline is None:
        raise not_found("pipeline", name)
    return answer(pipeline_body(pipeline))


async def _list(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    namespace = parts.namespace(request.query.get("namespace"))
    await authorize(request, "list", namespace)
    pipelines = parts.catalogue.pipelines
    page = await pipelines.page((namespace, ""), list_query(request, pipelines))
    return list_answer("pipelines", page, [pipeline_body(each) for each in page.records])


async def _change(request: web.Request) -> web.Response:
    """Change the display name, description and tags that are given."""
    parts, pipeline, body = request.app[PARTS], await found(request, "update"), await read_json(request)
    data = versions.changed_data(body)
    metadata = {"name": pipeline.object_name, "namespace": pipeline.namespace}
    written = await parts.client.merge_patch(CONFIG_MAPS, {"metadata": metadata, "data": data})
    return answer(pipeline_body(await _seen(parts, written)))


async def _delete(request: web.Request) -> web.Response:
    """Delete a pipeline without versions, or with them where that is asked."""
    parts, pipeline = request.app[PARTS], await found(request, "delete")
    of_it = parts.catalogue.versions.of(pipeline.namespace, pipeline.id)
    if of_it and request.query.get("cascade", "").lower() != "true":
        message = (
            f"pipeline {shortened(pipeline.display_name)} has {len(of_it)} versions: delete them first, or delete it "
            "with cascade=true"
        )
        raise RequestError(Code.FAILED_PRECONDITION, message)
    for version in of_it:
        versions.refuse_in_use(parts, version)
    # Its versions name it as their owner: Kubernetes deletes them.
    await parts.client.delete(CONFIG_MAPS, pipeline.object_name, pipeline.namespace, uid=pipeline.id)
    await parts.catalogue.gone(parts.catalogue.pipelines, pipeline)
    return answer({})


async def found(request: web.Request, verb: str) -> Pipeline:
    """Return the pipeline of the request's path."""
    return await find(
        request, request.app[PARTS].catalogue.pipelines, "pipeline", request.match_info["pipeline_id"], verb
    )


async def _seen(parts: Parts, written: RawObject) -> Pipeline:
    await parts.catalogue.seen(parts.catalogue.pipelines, written)
    record = objects.read_config_map(written)
    if not isinstance(record, Pipeline):
        raise RequestError(Code.INTERNAL, "the API server gave back something else than the pipeline that was written")
    return record
