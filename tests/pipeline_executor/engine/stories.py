"""Small compiled pipelines written by hand, and what the engine says of them."""

from collections.abc import Mapping
from typing import Any

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Attempt, Job, Launch, Outputs, Program, Step, read_program, step

Raw = dict[str, Any]
JOB = Job("run", "uid", "s3://bucket/runs/default/run/uid", create_time="2026-11-29T12:00:00Z")


def document(
    tasks: Raw,
    components: Raw | None = None,
    executors: Raw | None = None,
    *,
    inputs: Raw | None = None,
    outputs: Raw | None = None,
) -> Raw:
    """A pipeline of these tasks; `inputs` and `outputs` are the root's definitions and selectors."""
    root: Raw = {"dag": {"tasks": tasks}}
    if inputs is not None:
        root["inputDefinitions"] = inputs
    if outputs is not None:
        root["dag"]["outputs"] = outputs
    return {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "story"},
        "root": root,
        "components": components or {"comp-work": WORK},
        "deploymentSpec": {"executors": executors or {"exec-work": container()}},
    }


WORK: Raw = {
    "executorLabel": "exec-work",
    "outputDefinitions": {"parameters": {"Output": {"parameterType": "NUMBER_INTEGER"}}},
}


def container(**fields: Any) -> Raw:  # noqa: ANN401 - raw JSON
    """An executor that runs a container."""
    return {"container": {"image": "work", "command": ["work"], **fields}}


def task(component: str = "comp-work", *after: str, **fields: Any) -> Raw:  # noqa: ANN401 - raw JSON
    """A task of a component, after others."""
    return {"componentRef": {"name": component}, "dependentTasks": list(after), **fields}


def program(*documents: Raw) -> Program:
    """The documents, read."""
    return read_program(documents, "story")


def ended(number: int = 1, phase: TaskPhase = TaskPhase.SUCCEEDED, **parameters: Any) -> tuple[Attempt, ...]:  # noqa: ANN401
    """The last of as many attempts, the others failed."""
    failed = [Attempt(each, TaskPhase.FAILED, ended_seconds=0.0) for each in range(1, number)]
    made = Outputs(parameters) if phase in {TaskPhase.SUCCEEDED, TaskPhase.CACHED} else None
    return (*failed, Attempt(number, phase, made, ended_seconds=0.0))


FAILED = ended(phase=TaskPhase.FAILED)
RUNNING = ended(phase=TaskPhase.RUNNING)
CANCELLED = ended(phase=TaskPhase.CANCELLED)


def now(
    read: Program,
    attempts: Mapping[str, tuple[Attempt, ...]] | None = None,
    *,
    cancelling: bool = False,
    at_seconds: float = 1e9,
    **arguments: Any,  # noqa: ANN401 - any JSON
) -> Step:
    """What holds, given these attempts."""
    return step(read, JOB, arguments, attempts or {}, at_seconds, cancelling=cancelling)


def starting(said: Step) -> list[tuple[str, int]]:
    """What may start."""
    return [(launch.path, launch.attempt) for launch in said.launches]


def only_launch(*documents: Raw, **arguments: Any) -> Launch:  # noqa: ANN401 - any JSON
    """The one launch of a pipeline that begins."""
    said = now(program(*documents), **arguments)
    assert len(said.launches) == 1, said
    return said.launches[0]
