"""Records as kfp_server_api's models have them. Pure. Empty fields are left out, as the backend's JSON does."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

import orjson

from kfp_api.records import Experiment, Pipeline, Run, Version
from kfp_api.states import State, task_state, text_of

MOST_TASKS: Final = 500
_UNKNOWN_ERROR: Final = 2
_CANCELLED_ERROR: Final = 1


def experiment_body(experiment: Experiment, last_run_created_at: str) -> dict[str, Any]:
    """Render an experiment as V2beta1Experiment."""
    return _present(
        experiment_id=experiment.id,
        display_name=experiment.display_name,
        description=experiment.description,
        created_at=experiment.created_at,
        namespace=experiment.namespace,
        storage_state="ARCHIVED" if experiment.archived else "AVAILABLE",
        last_run_created_at=last_run_created_at,
    )


def pipeline_body(pipeline: Pipeline) -> dict[str, Any]:
    """Render a pipeline as V2beta1Pipeline."""
    return _present(
        pipeline_id=pipeline.id,
        display_name=pipeline.display_name,
        name=pipeline.name,
        description=pipeline.description,
        created_at=pipeline.created_at,
        namespace=pipeline.namespace,
        tags=dict(pipeline.tags),
    )


def version_body(version: Version, spec: bytes | None = None) -> dict[str, Any]:
    """V2beta1PipelineVersion; in lists without the pipeline's spec."""
    return _present(
        pipeline_id=version.pipeline_id,
        pipeline_version_id=version.id,
        display_name=version.display_name,
        name=version.name,
        description=version.description,
        created_at=version.created_at,
        code_source_url=version.code_source_url,
        tags=dict(version.tags),
        pipeline_spec=None if spec is None else orjson.Fragment(spec),
    )


def run_body(run: Run, *, archived: bool) -> dict[str, Any]:
    """V2beta1Run as lists have it: without parameters, tasks and the pipeline's spec."""
    reference = {"pipeline_id": run.pipeline_id, "pipeline_version_id": run.version_id} if run.version_id else None
    return _present(
        experiment_id=run.experiment_id,
        run_id=run.id,
        display_name=run.display_name,
        storage_state="ARCHIVED" if archived else "AVAILABLE",
        description=run.description,
        pipeline_version_id=run.version_id,
        pipeline_version_reference=reference,
        service_account=run.service_account,
        created_at=run.created_at,
        scheduled_at=run.created_at,
        recurring_run_id=run.recurring_run_id,
        finished_at=run.finished_at,
        state=run.state.value,
        error=_error(run),
        state_history=_history(run),
    )


def whole_run_body(run: Run, details: Mapping[str, Any], spec: bytes | None, *, archived: bool) -> dict[str, Any]:
    """V2beta1Run with all that is known of it.

    Args:
        run: the record.
        details: its parameters and tasks.
        spec: of its own pipeline; None where it runs a version.
        archived: whether it is.
    """
    body = run_body(run, archived=archived)
    config = _present(parameters=details.get("parameters"), pipeline_root=run.pipeline_root)
    tasks = [each for each in details.get("tasks") or () if isinstance(each, Mapping)][:MOST_TASKS]
    body["runtime_config"] = config
    body["run_details"] = {"task_details": [_task_body(run, task) for task in tasks]}
    if spec is not None:
        body["pipeline_spec"] = orjson.Fragment(spec)
    return body


def task_id(run: Run, task: str) -> str:
    """Return the id by which clients know a task."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run.uid}/{task}"))


def _task_body(run: Run, task: Mapping[str, Any]) -> dict[str, Any]:
    name = text_of(task.get("name"))
    pod, start, end = (text_of(task.get(key)) for key in ("pod", "startTime", "completionTime"))
    state = task_state(task.get("phase"))
    message = text_of(task.get("message"))
    return _present(
        run_id=run.id,
        task_id=task_id(run, name),
        display_name=name,
        create_time=start or run.created_at,
        start_time=start,
        end_time=end,
        executor_detail={"main_job": pod} if pod else None,
        pod_name=pod,
        state=state.value,
        error={"code": _UNKNOWN_ERROR, "message": message} if message and state is State.FAILED else None,
    )


def _error(run: Run) -> dict[str, Any] | None:
    if run.state is not State.FAILED:
        return None
    code = _CANCELLED_ERROR if run.final is State.CANCELED else _UNKNOWN_ERROR
    return {"code": code, "message": run.message or "the run failed; its StretchedPipeline's status says more"}


def _history(run: Run) -> list[dict[str, Any]]:
    states = [(run.created_at, State.PENDING), (run.started_at, State.RUNNING), (run.canceling_at, State.CANCELING)]
    told = [(time, state) for time, state in states if time]
    last = max((time for time, _ in told), default="")
    if run.final is not None:
        told.append((run.finished_at or last, run.final))
    elif run.state not in {state for _, state in told}:
        told.append((last, run.state))
    # In the order of the states, whatever the clocks of hub and API server say.
    return [_present(update_time=time, state=state.value) for time, state in told]


def _present(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {key: value for key, value in fields.items() if value not in (None, "", {}, [])}
