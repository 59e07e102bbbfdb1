"""Versions of pipelines: upload, get, list, change, delete."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from kfp_api import objects
from kfp_api.answers import Code, RequestError, answer, invalid, not_found, shortened
from kfp_api.compiling import Compiled, compile_package, compile_spec
from kfp_api.objects import LONGEST_DESCRIPTION
from kfp_api.parts import PARTS, Parts, caller_of, find
from kfp_api.records import Pipeline, Version
from kfp_api.rendering import version_body
from kfp_api.requests import Body, list_answer, list_query, query_description, query_text, read_json, read_upload
from kfp_api.specs import with_pipeline
from kfp_api.tagging import query_tags, written_tags
from moorage.errors import ConflictError
from moorage.kube import CONFIG_MAPS, RawObject

_BASE = "/apis/v2beta1/pipelines"


@dataclass(frozen=True, slots=True)
class Naming:
    """The names, description and tags of a pipeline or version."""

    name: str
    display_name: str
    description: str
    tags: dict[str, str]
    code_source_url: str = ""


def add_routes(app: web.Application) -> None:
    """Register the routes of versions."""
    versions = _BASE + "/{pipeline_id:[^:/]+}/versions"
    one = versions + "/{version_id:[^:/]+}"
    app.router.add_post(f"{_BASE}/upload_version", _upload)
    app.router.add_post(versions, _create)
    app.router.add_get(versions, _list)
    app.router.add_get(one, _get)
    app.router.add_patch(one, _change)
    app.router.add_delete(one, _delete)


async def _upload(request: web.Request) -> web.Response:
    parts = request.app[PARTS]
    pipeline_id = query_text(request, "pipelineid", required=True)
    pipeline = await find(request, parts.catalogue.pipelines, "pipeline", pipeline_id, "create")
    given, display_name = query_text(request, "name"), query_text(request, "display_name")
    description, tags = query_description(request), query_tags(request)
    compiled = await parts.compilers.read(compile_package, await read_upload(request), pipeline.namespace)
    name = given or display_name or compiled.name
    naming = Naming(name, display_name or name, description, tags)
    version = await store(request, _raw_of(pipeline), compiled, naming)
    return answer(version_body(version, compiled.spec))


async def _create(request: web.Request) -> web.Response:
    """Create a version from the spec in the request; URLs are refused, because this server would fetch any address."""
    parts, body = request.app[PARTS], await read_json(request)
    pipeline = await _pipeline(request, "create")
    spec = body.raw.get("pipeline_spec")
    if body.raw.get("package_url") or not isinstance(spec, dict):
        message = "versions are not fetched from a package_url here: upload the package, or send its pipeline_spec"
        raise RequestError(Code.UNIMPLEMENTED, message)
    compiled = await parts.compilers.read(compile_spec, objects.written_json(spec), pipeline.namespace)
    display_name = body.text("display_name")
    name = body.text("name") or display_name or compiled.name
    tags = objects.read_tags(body.raw.get("tags"))
    description, source = body.text("description", LONGEST_DESCRIPTION), body.text("code_source_url", 1024)
    naming = Naming(name, display_name or name, description, tags, source)
    version = await store(request, _raw_of(pipeline), compiled, naming)
    return answer(version_body(version, compiled.spec))


def data_of(naming: Naming) -> dict[str, str]:
    """Return the data of a pipeline's or version's ConfigMap. Pure."""
    return {
        "displayName": naming.display_name,
        "name": naming.name,
        "description": naming.description,
        "codeSourceUrl": naming.code_source_url,
        "tags": written_tags(naming.tags),
    }


async def store(request: web.Request, pipeline: RawObject, compiled: Compiled, naming: Naming) -> Version:
    """Make a version's ConfigMap, and wait until this server has seen it.

    Raises:
        RequestError: the pipeline has a version of that name.
        KubeError: the API server refused, or did not answer.
    """
    parts, metadata = request.app[PARTS], pipeline["metadata"]
    written = objects.make_config_map(
        objects.VERSION,
        metadata["namespace"],
        objects.unique_name(objects.VERSION, metadata["uid"], naming.name),
        data_of(naming),
        labels={objects.PIPELINE_LABEL: metadata["uid"]},
        annotations={objects.CREATED_BY: caller_of(request).name},
    )
    written["metadata"]["ownerReferences"] = [objects.owner_of(pipeline)]
    try:
        created = await parts.client.create(CONFIG_MAPS, with_pipeline(written, compiled))
    except ConflictError:
        message = f"version {shortened(naming.name)} of the pipeline exists already: give this one another name"
        raise RequestError(Code.ALREADY_EXISTS, message) from None
    return await _seen(parts, created)


async def _get(request: web.Request) -> web.Response:
    parts, version = request.app[PARTS], await _found(request, "get")
    spec = await parts.specs.of_version(version.namespace, version.object_name, version.revision)
    return answer(version_body(version, spec.shown))


async def _list(request: web.Request) -> web.Response:
    parts, pipeline = request.app[PARTS], await _pipeline(request, "list")
    versions = parts.catalogue.versions
    page = await versions.page((pipeline.namespace, pipeline.id), list_query(request, versions))
    return list_answer("pipeline_versions", page, [version_body(each) for each in page.records])


async def _change(request: web.Request) -> web.Response:
    parts, version, body = request.app[PARTS], await _found(request, "update"), await read_json(request)
    metadata = {"name": version.object_name, "namespace": version.namespace}
    patch = {"metadata": metadata, "data": changed_data(body)}
    written = await parts.client.merge_patch(CONFIG_MAPS, patch)
    return answer(version_body(await _seen(parts, written)))


def changed_data(body: Body) -> dict[str, Any]:
    """Return the changed data of a pipeline or version, for the fields that are given. Pure.

    Raises:
        RequestError: one is no text, or none is given.
        InputError: the tags are none.
    """
    data: dict[str, Any] = {}
    if "display_name" in body.raw:
        data["displayName"] = body.text("display_name", required=True)
    if "description" in body.raw:
        data["description"] = body.text("description", LONGEST_DESCRIPTION) or None
    if "tags" in body.raw:
        data["tags"] = written_tags(objects.read_tags(body.raw["tags"])) or None
    if not data:
        raise invalid("give display_name, description or tags: nothing else can be changed")
    return data


async def _delete(request: web.Request) -> web.Response:
    parts, version = request.app[PARTS], await _found(request, "delete")
    refuse_in_use(parts, version)
    await parts.client.delete(CONFIG_MAPS, version.object_name, version.namespace, uid=version.id)
    await parts.catalogue.gone(parts.catalogue.versions, version)
    return answer({})


def refuse_in_use(parts: Parts, version: Version) -> None:
    """Refuse to delete a version in use: a run reads its pipeline from it until its end, a recurring run always.

    Raises:
        RequestError: there is one.
    """
    running = [run for run in parts.catalogue.runs_of(version) if run.final is None]
    if running:
        message = (
            f"version {shortened(version.display_name)} is in use by {len(running)} runs that have not ended, as "
            f"{running[0].id}: terminate them, or wait"
        )
        raise RequestError(Code.FAILED_PRECONDITION, message)
    if recurring := parts.catalogue.recurring_of(version):
        message = (
            f"version {shortened(version.display_name)} is in use by {len(recurring)} recurring runs, as "
            f"{shortened(recurring[0].display_name)}: delete them"
        )
        raise RequestError(Code.FAILED_PRECONDITION, message)


async def _pipeline(request: web.Request, verb: str) -> Pipeline:
    pipelines = request.app[PARTS].catalogue.pipelines
    return await find(request, pipelines, "pipeline", request.match_info["pipeline_id"], verb)


async def _found(request: web.Request, verb: str) -> Version:
    identity = request.match_info["version_id"]
    version = await find(request, request.app[PARTS].catalogue.versions, "pipeline version", identity, verb)
    if version.pipeline_id != request.match_info["pipeline_id"]:
        raise not_found("pipeline version", identity)
    return version


async def _seen(parts: Parts, written: RawObject) -> Version:
    await parts.catalogue.seen(parts.catalogue.versions, written)
    record = objects.read_config_map(written)
    if not isinstance(record, Version):
        raise RequestError(Code.INTERNAL, "the API server gave back something else than the version that was written")
    return record


def _raw_of(pipeline: Pipeline) -> RawObject:
    """Return the metadata of the pipeline's ConfigMap that an owner reference needs."""
    metadata = {"namespace": pipeline.namespace, "name": pipeline.object_name, "uid": pipeline.id}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
