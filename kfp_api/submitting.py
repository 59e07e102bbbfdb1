"""POST /runs: a StretchedPipeline from a pipeline's spec, or from a version. The same run_id twice is one run."""

import hashlib
import logging
import uuid
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from kfp_api import experiments, objects, placement
from kfp_api.adoption import adopt
from kfp_api.answers import Code, RequestError, answer, invalid
from kfp_api.compiling import Compiled, compile_spec
from kfp_api.objects import LONGEST_DESCRIPTION
from kfp_api.parameters import check_parameters
from kfp_api.parts import PARTS, Parts, authorize, caller_of, find
from kfp_api.placement import Layer, settings_in
from kfp_api.records import Experiment, Pipeline, Run, Version
from kfp_api.requests import Body, read_json
from kfp_api.runs import BASE, whole_body
from kfp_api.specs import with_pipeline
from moorage.errors import ConflictError, KubeError
from moorage.kube import CONFIG_MAPS, NAMESPACES, STRETCHED_PIPELINES, RawObject
from moorage.runs import PipelineSource, RunRef, StretchedPipeline
from moorage.wire.runs import write_stretched_pipeline_spec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a run's pipeline.

    Attributes:
        config_map: that holds it.
        inputs: its input parameters.
        layers: what it and what it belongs to say of placement.
        own: the ConfigMap to be made for this run alone; None: a version's is used.
        compiled: what it holds.
        version: the version.
    """

    config_map: str
    inputs: dict[str, Any]
    layers: tuple[Layer, ...]
    own: RawObject | None = None
    compiled: Compiled | None = None
    version: Version | None = None


def add_routes(app: web.Application) -> None:
    """Register the route that creates runs."""
    app.router.add_post(BASE, _create)


async def _create(request: web.Request) -> web.Response:
    parts, body = request.app[PARTS], await read_json(request)
    experiment = await experiment_of(request, body)
    namespace = experiment.namespace
    await authorize(request, "create", namespace)
    display_name = body.text("display_name", required=True)
    run_id = body.text("run_id", 63) or str(uuid.uuid4())
    if not objects.is_run_id(run_id):
        raise invalid("run_id: must be lower-case letters, digits and '-', at most 63 of them, as a UUID has")
    digest = hashlib.sha256(orjson.dumps(body.raw, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)).hexdigest()
    known = parts.catalogue.runs.get(namespace, run_id)
    if known is not None:
        return await _again(parts, known, digest)
    source = await source_of(request, body, namespace, run_id)
    config = body.sub("runtime_config")
    parameters = config.raw.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid("runtime_config.parameters: must be an object")
    check_parameters(parameters, source.inputs)
    layers = (
        await namespace_layer(parts, namespace),
        *source.layers,
        Layer(f"experiment {experiment.display_name}", experiment.settings),
        run_layer(body),
    )
    pipeline = PipelineSource(config_map=source.config_map, key=objects.FILE)
    asked = StretchedPipeline(ref=RunRef(namespace, run_id, ""), source=pipeline, parameters=parameters)
    raw = {
        "apiVersion": STRETCHED_PIPELINES.api_version,
        "kind": STRETCHED_PIPELINES.kind,
        "metadata": {
            "namespace": namespace,
            "name": run_id,
            "labels": labels_of(experiment, source.version),
            "annotations": present(
                {
                    objects.DISPLAY_NAME: display_name,
                    objects.DESCRIPTION: body.text("description", LONGEST_DESCRIPTION),
                    objects.PIPELINE_ROOT: config.text("pipeline_root", 1024),
                    objects.REQUEST_DIGEST: digest,
                    objects.CREATED_BY: caller_of(request).name,
                }
            ),
        },
        "spec": write_stretched_pipeline_spec(placement.settle(asked, layers)),
    }
    return await _written(parts, raw, source, digest)


async def _written(parts: Parts, raw: RawObject, source: Source, digest: str) -> web.Response:
    if source.own is not None:
        await _keep(parts, source.own)
    try:
        created = await parts.client.create(STRETCHED_PIPELINES, raw)
    except ConflictError:
        metadata = raw["metadata"]
        there = await parts.client.get(STRETCHED_PIPELINES, metadata["name"], metadata["namespace"])
        if there["metadata"].get("deletionTimestamp"):
            message = f"run {metadata['name']} is being deleted: take another run_id, or try again later"
            raise RequestError(Code.ALREADY_EXISTS, message) from None
        return await _again(parts, objects.read_run(there), digest)
    if source.own is not None:
        try:
            await adopt(parts.client, source.config_map, created)
        except KubeError as error:
            _log.warning("ConfigMap %s has no owner yet: %s", source.config_map, error)
    await parts.catalogue.seen(parts.catalogue.runs, created)
    return answer(await whole_body(parts, objects.read_run(created)))


async def _keep(parts: Parts, own: RawObject) -> None:
    """Make the ConfigMap of a run's own pipeline; that of the same request may be there already."""
    try:
        await parts.client.create(CONFIG_MAPS, own)
    except ConflictError:
        there = await parts.client.get(CONFIG_MAPS, own["metadata"]["name"], own["metadata"]["namespace"])
        if there.get("binaryData") != own["binaryData"]:
            message = (
                "another pipeline was sent with this run_id, and perhaps its run is being made: take another run_id, "
                "or try again in a quarter of an hour"
            )
            raise RequestError(Code.ALREADY_EXISTS, message) from None


async def _again(parts: Parts, run: Run, digest: str) -> web.Response:
    """Answer a repeated request with the run that it made, and refuse a different request with the same id."""
    if run.request_digest != digest:
        message = f"run {run.id} exists already in namespace {run.namespace}, and was asked for otherwise"
        raise RequestError(Code.ALREADY_EXISTS, message)
    return answer(await whole_body(parts, run))


async def experiment_of(request: web.Request, body: Body) -> Experiment:
    """Return the experiment that a request means; the namespace's default one where it names none.

    Raises:
        RequestError: there is none of that id, or it is archived.
    """
    identity = body.text("experiment_id") or request.query.get("experiment_id", "")
    parts = request.app[PARTS]
    if identity:
        experiment = await find(request, parts.catalogue.experiments, "experiment", identity, "create")
        if experiment.archived:
            message = f"experiment {experiment.display_name} is archived: unarchive it, or name another"
            raise RequestError(Code.FAILED_PRECONDITION, message)
        return experiment
    namespace = parts.namespace(body.text("namespace"))
    await authorize(request, "create", namespace)
    return await experiments.default_of(request, namespace)


async def source_of(request: web.Request, body: Body, namespace: str, run_id: str) -> Source:
    """Find the source of the pipeline that a request asks for.

    Raises:
        RequestError: nowhere; or from somewhere that the caller may not read.
    """
    reference = body.sub("pipeline_version_reference")
    pipeline_id = reference.text("pipeline_id")
    version_id = reference.text("pipeline_version_id") or body.text("pipeline_version_id")
    spec = body.raw.get("pipeline_spec")
    if (spec is None) == (not pipeline_id and not version_id):
        raise invalid("give either pipeline_spec or pipeline_version_reference")
    if spec is None:
        return await _version_source(request, namespace, pipeline_id, version_id)
    parts = request.app[PARTS]
    if not isinstance(spec, dict):
        raise invalid("pipeline_spec: must be an object")
    compiled = await parts.compilers.read(compile_spec, objects.written_json(spec), namespace)
    name = objects.run_config_map(run_id)
    own = objects.make_config_map(objects.RUN, namespace, name, {}, labels={objects.UNOWNED_LABEL: "true"})
    own["immutable"] = True
    layer = Layer("the pipeline's description", settings_in({}, compiled.description))
    return Source(name, dict(compiled.inputs), (layer,), own=with_pipeline(own, compiled), compiled=compiled)


async def _version_source(request: web.Request, namespace: str, pipeline_id: str, version_id: str) -> Source:
    parts = request.app[PARTS]
    pipeline: Pipeline | None = None
    if pipeline_id:
        pipeline = await find(request, parts.catalogue.pipelines, "pipeline", pipeline_id, "get")
    if version_id:
        version = await find(request, parts.catalogue.versions, "pipeline version", version_id, "get")
    else:
        of_it = [] if pipeline is None else parts.catalogue.versions.of(pipeline.namespace, pipeline.id)
        if not of_it:
            raise invalid("pipeline_version_reference: the pipeline has no version: upload one")
        version = of_it[-1]
    if pipeline is not None and version.pipeline_id != pipeline.id:
        raise invalid("pipeline_version_reference: the version is not one of that pipeline")
    if version.namespace != namespace:
        message = f"the version is not in the run's namespace, {namespace}: upload it there"
        raise invalid(f"pipeline_version_reference: {message}")
    spec = await parts.specs.of_version(version.namespace, version.object_name, version.revision)
    owner = pipeline or next(iter(parts.catalogue.pipelines.find(version.pipeline_id)), None)
    layers = (
        Layer("the pipeline's description", settings_in({}, spec.description)),
        Layer("the pipeline", owner.settings if owner is not None and owner.namespace == namespace else {}),
        Layer(f"version {version.display_name}", version.settings),
    )
    return Source(version.object_name, spec.inputs, layers, version=version)


async def namespace_layer(parts: Parts, namespace: str) -> Layer:
    """Read the placement settings of a namespace."""
    raw = await parts.client.get(NAMESPACES, namespace)
    return Layer(f"Namespace {namespace}", settings_in(raw["metadata"].get("annotations") or {}))


def run_layer(body: Body) -> Layer:
    """Read the placement settings of the request itself."""
    settings = settings_in({}, body.text("description", LONGEST_DESCRIPTION))
    if account := body.text("service_account", 253):
        settings[placement.SERVICE_ACCOUNT] = account
    return Layer("the run", settings)


def labels_of(experiment: Experiment, version: Version | None) -> dict[str, str]:
    """Return the labels by which a run is selected."""
    labels = {objects.KIND_LABEL: objects.RUN, objects.EXPERIMENT_LABEL: experiment.id}
    if version is not None:
        labels |= {objects.PIPELINE_LABEL: version.pipeline_id, objects.VERSION_LABEL: version.id}
    return labels


def present(annotations: dict[str, str]) -> dict[str, str]:
    """Return those that say something."""
    return {key: value for key, value in annotations.items() if value}
