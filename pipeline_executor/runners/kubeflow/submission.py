"""Requests to Kubeflow Pipelines for one attempt of a group. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from moorage.errors import InputError
from moorage.runs import PipelineGroup
from pipeline_executor.engine import Job, Program
from pipeline_executor.engine.program import Importer
from pipeline_executor.engine.resolving import given_to_root
from pipeline_executor.runners.kubeflow.caching import without_unsafe_caching
from pipeline_executor.runners.kubeflow.queueing import with_queue
from pipeline_executor.runners.kubeflow.run_ids import run_id

Raw = Mapping[str, Any]

SCHEMES: Final = ("s3://", "gs://", "minio://")
"""The URI schemes that Kubeflow's importers take."""
_LONGEST_NAME: Final = 100


def run_request(
    group: PipelineGroup, documents: Sequence[Raw], program: Program, parameters: Raw, root_uri: str
) -> dict[str, Any]:
    """Return the body of `POST /apis/v2beta1/runs`.

    Args:
        group: the attempt.
        documents: the group's pipeline, and perhaps a platform document; importers are filled in.
        program: the same pipeline, read.
        parameters: of the pipeline, those of its imports included.
        root_uri: below which all its outputs shall lie.

    Raises:
        InputError: a parameter is missing, unknown, or of another type.
    """
    spec = group.spec
    subject = f"group {spec.group}"
    job = Job(spec.run.name, spec.run.uid, root_uri)
    given = given_to_root(job, program.signature.parameters, parameters, program.defaults, subject)
    imported = frozenset(each.parameter for each in spec.imports)
    safe = without_unsafe_caching(documents, imported, subject)
    pipeline = safe[0].get("pipelineSpec") or safe[0]
    platform = with_queue(safe[1] if len(safe) > 1 else {}, pipeline, group.queue)
    values = {name: given.parameters[name] for name in {**program.defaults, **parameters} if name in given.parameters}
    request: dict[str, Any] = {
        "run_id": run_id(spec),
        "display_name": f"{spec.run.name} {spec.group} {spec.attempt}"[-_LONGEST_NAME:],
        "description": f"Group {spec.group}, attempt {spec.attempt}, of StretchedPipeline {spec.run}",
        "pipeline_spec": {"pipeline_spec": pipeline, "platform_spec": platform} if platform else pipeline,
        "runtime_config": {"parameters": values, "pipeline_root": root_uri},
        "service_account": spec.service_account,
    }
    return request


def imported_uris(program: Program, parameters: Raw, subject: str) -> list[str]:
    """Return the URIs that the importers at the pipeline's top will bring, as far as they are known before it runs.

    Raises:
        InputError: Kubeflow's importers don't take one.
    """
    found = []
    for task in program.root.tasks:
        if not isinstance(task.body, Importer):
            continue
        uri: Any = None
        if task.body.uri is not None and all(isinstance(part, str) for part in task.body.uri):
            uri = "".join(part for part in task.body.uri if isinstance(part, str))
        elif task.body.uri is None:
            uri = _value(task.parameters.get(task.body.parameter), parameters)
        if not isinstance(uri, str):
            continue
        if not uri.startswith(SCHEMES):
            problem = f"{uri[:200]} has a scheme that Kubeflow's importers don't take: use one of {', '.join(SCHEMES)}"
            raise InputError(f"{subject}: task {task.name}", "uri", problem)
        found.append(uri)
    return found


def _value(binding: Any, parameters: Raw) -> Any:  # noqa: ANN401 - JSON
    origin = getattr(binding, "origin", None)
    name = getattr(origin, "name", None)
    return parameters.get(name) if name is not None else getattr(origin, "value", None)
