"""Resolution of a task's inputs: by its bindings, else by its component's defaults, else nothing."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.errors import InputError
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine.expressions import select
from pipeline_executor.engine.program import ParameterBinding, ParameterSlot, Task
from pipeline_executor.engine.records import Artifact, Job, Outputs
from pipeline_executor.engine.templates import Filling, fill_deeply
from pipeline_executor.engine.values import TASK_CONFIG, cast
from pipeline_splitter.kfp.bindings import FromInput, FromStatus, FromTask, Given

_ABSENT: Final = object()
_NO_OUTPUTS: Final = Outputs()
_UUIDS: Final = uuid.UUID("6a2f4a6e-6f0c-5b0e-9d5e-2f6f3a1d7c11")
_STATES: Final = {
    TaskPhase.SUCCEEDED: "SUCCEEDED",
    TaskPhase.CACHED: "SUCCEEDED",
    TaskPhase.FAILED: "FAILED",
    TaskPhase.CANCELLED: "CANCELLED",
    TaskPhase.SKIPPED: "SKIPPED",
}


@dataclass(frozen=True, slots=True)
class State:
    """The state of a task, as its siblings see it.

    Attributes:
        outputs: None until it has succeeded.
        message: why it failed or was skipped.
    """

    phase: TaskPhase
    outputs: Outputs | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a task, or of a dag. An absent key was not given."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[Artifact, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a task.

    Attributes:
        path: the task's path.
        given: the inputs of the dag that it is in.
        beside: the states of the tasks that it waits for, by name.
    """

    job: Job
    path: str
    task: Task
    given: Inputs
    beside: Mapping[str, State]

    def fail(self, field_name: str, problem: str) -> InputError:
        """Return the error for something that this task can't be given."""
        return InputError(f"task {self.path}", field_name, problem)


def resolve(here: Surroundings) -> Inputs:
    """Return the inputs of a task; a loop's are those of its iterations, the item aside.

    Raises:
        InputError: one is required and not given, or is of the wrong type.
    """
    return Inputs(_parameters(here), _artifacts(here))


def facts(job: Job, path: str) -> Mapping[str, str]:
    """Return the values of placeholders about the run and the task."""
    return {
        "pipeline_job_name": job.name,
        "pipeline_job_resource_name": job.resource_name,
        "pipeline_job_uuid": job.uid,
        "pipeline_task_name": path.rpartition("/")[2],
        "pipeline_task_uuid": str(uuid.uuid5(_UUIDS, f"{job.uid}/{path}")),
        "pipeline_root": job.root_uri,
        "pipeline_job_create_time_utc": job.create_time,
        "pipeline_job_schedule_time_utc": job.schedule_time or job.create_time,
    }


def _parameters(here: Surroundings) -> dict[str, Any]:
    task = here.task
    slots = task.signature.parameters
    found: dict[str, Any] = {}
    written: list[tuple[str, Any]] = []
    for name, binding in task.parameters.items():
        if isinstance(binding.origin, Given):
            written.append((name, binding.origin.value))
        else:
            value = bound(here, name, binding)
            if value is not _ABSENT:
                found[name] = value
    written += ((name, slot.default) for name, slot in slots.items() if slot.has_default and name not in found)
    # Texts that stand in the pipeline may mention the other inputs; what these hold is not looked into.
    if written:
        filling = Filling(facts(here.job, here.path), dict(found), frozenset({*task.parameters, *slots}))
        for name, value in written:
            if name not in found:
                found[name] = _filled(here, name, value, filling)
    item = None if task.loop is None or task.loop.is_artifact else task.loop.item
    for name, slot in slots.items():
        if name != item and slot.kind != TASK_CONFIG:
            fit(here, name, slot, found)
    return found


def _filled(here: Surroundings, name: str, value: Any, filling: Filling) -> Any:  # noqa: ANN401 - JSON
    try:
        return fill_deeply(value, filling)
    except ValueError as error:
        raise here.fail(f"input {name}", str(error)) from None


def fit(here: Surroundings, name: str, slot: ParameterSlot, found: dict[str, Any]) -> None:
    """Make one input's value one of its type, in place.

    Raises:
        InputError: it can't be; or it is not given, and must be.
    """
    if found.get(name) is None:
        found.pop(name, None)
        if not slot.optional and not slot.has_default:
            raise here.fail(f"input {name}", _why_absent(here, name))
        return
    try:
        found[name] = cast(found[name], slot.kind)
    except ValueError as error:
        raise here.fail(f"input {name}", str(error)) from None
    if slot.choices and found[name] not in slot.choices:
        raise here.fail(f"input {name}", "is not one of the values that the component permits")


def _why_absent(here: Surroundings, name: str) -> str:
    binding = here.task.parameters.get(name)
    origin = binding.origin if binding is not None else here.task.artifacts.get(name)
    match origin:
        case FromTask(task, output):
            phase = here.beside[task].phase
            return f"is required, and task {task}, which has {phase}, did not give {output}"
        case FromInput(outer):
            return f"is required, and the pipeline around it was given no {outer}"
    return "is required and not given"


def bound(here: Surroundings, name: str, binding: ParameterBinding, own: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON, or `_ABSENT`
    """Return a binding's value, its selector applied; for constants, see `_parameters`.

    Args:
        here: the task.
        name: the name of the input, for messages.
        binding: to be looked up.
        own: the task's own inputs, which platform configuration may name, too.
    """
    match binding.origin:
        case FromInput(outer):
            value = here.given.parameters.get(outer, (own or {}).get(outer, _ABSENT))
        case FromTask(task, output):
            value = (here.beside[task].outputs or _NO_OUTPUTS).parameters.get(output, _ABSENT)
        case FromStatus(task):
            value = _final_status(here, task)
        case Given(value):
            pass
    if value is _ABSENT or value is None:
        return _ABSENT
    if binding.selector is None:
        return value
    try:
        return select(value, binding.selector)
    except ValueError as error:
        raise here.fail(f"input {name}", f"{binding.selector.text}: {error}") from None


def is_absent(value: object) -> bool:
    """Return whether `bound` found nothing."""
    return value is _ABSENT


def _final_status(here: Surroundings, task: str) -> dict[str, Any]:
    """Return a PipelineTaskFinalStatus, as Kubeflow's executor reads it."""
    state = here.beside[task]
    error = {"code": 1, "message": state.message or "it failed"} if state.phase is TaskPhase.FAILED else {}
    return {
        "state": _STATES.get(state.phase, "RUNNING"),
        "pipelineJobResourceName": here.job.resource_name,
        "pipelineTaskName": task,
        "error": error,
    }


def _artifacts(here: Surroundings) -> dict[str, tuple[Artifact, ...]]:
    found: dict[str, tuple[Artifact, ...]] = {}
    for name, origin in here.task.artifacts.items():
        match origin:
            case FromInput(outer):
                value = here.given.artifacts.get(outer)
            case FromTask(task, output):
                value = (here.beside[task].outputs or _NO_OUTPUTS).artifacts.get(output)
        if value is not None:
            found[name] = value
    item = here.task.loop.item if here.task.loop is not None and here.task.loop.is_artifact else None
    for name, slot in here.task.signature.artifacts.items():
        if name not in found and not slot.optional and name != item:
            raise here.fail(f"input {name}", _why_absent(here, name))
    return found


def given_to_root(
    job: Job,
    slots: Mapping[str, ParameterSlot],
    arguments: Mapping[str, Any],
    defaults: Mapping[str, Any],
    subject: str,
) -> Inputs:
    """Return the pipeline's inputs: those that a person gives, else those beside the pipeline, else its defaults.

    Raises:
        InputError: one is unknown, required and not given, or of the wrong type.
    """
    for name in sorted(arguments):
        if name not in slots:
            known = ", ".join(sorted(slots)) or "none"
            raise InputError(subject, f"parameter {name}", f"is not a parameter of this pipeline, which has {known}")
    filling = Filling(facts(job, ""))
    found = {}
    for name, slot in slots.items():
        value = arguments.get(name)
        if value is None:
            written = defaults.get(name, slot.default if slot.has_default else None)
            value = fill_deeply(written, filling)
        if value is None:
            if not slot.optional:
                raise InputError(subject, f"parameter {name}", "is required: give it a value")
            continue
        try:
            found[name] = cast(value, slot.kind)
        except ValueError as error:
            raise InputError(subject, f"parameter {name}", str(error)) from None
    return Inputs(found)
