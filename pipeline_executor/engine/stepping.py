"""One step: everything that holds now, from everything that is known now."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moorage.errors import InputError
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine.program import Program
from pipeline_executor.engine.records import Attempt, Job, Step
from pipeline_executor.engine.resolving import given_to_root
from pipeline_executor.engine.walking import TooManyTasksError, Walk


def step(  # noqa: PLR0913 - all that holds now is asked for in one place
    program: Program,
    job: Job,
    arguments: Mapping[str, Any],
    attempts: Mapping[str, tuple[Attempt, ...]],
    now_seconds: float,
    *,
    cancelling: bool = False,
) -> Step:
    """Decide what may start, with the phase and outputs of everything.

    Call it whenever something changed, or when `wake_at_seconds` has come. An attempt that was launched must be among
    `attempts` from then on: what is not there has not begun. Takes time that grows with the number of tasks.

    Args:
        program: the pipeline.
        job: the run that it belongs to.
        arguments: values of the pipeline's parameters, by name.
        attempts: all that is known, by path; those that have not ended included.
        now_seconds: the time, since the epoch.
        cancelling: whether the run shall end; once true it stays so.
    """
    if not job.resource_name:
        # Kubeflow uses the Workflow's name here.
        job = replace(job, resource_name=f"{program.name}-{job.uid}")
    walk = Walk(job, attempts, now_seconds, program.root.leaves)
    try:
        subject = f"pipeline {program.name}"
        given = given_to_root(job, program.signature.parameters, arguments, program.defaults, subject)
        root = walk.dag(program.root, program.signature, "", given, cancelling=cancelling)
    except (InputError, TooManyTasksError) as error:
        return _failed(attempts, str(error))
    return Step(
        phase=TaskPhase.RUNNING if root.phase is TaskPhase.PENDING else root.phase,
        launches=tuple(sorted(walk.launches, key=lambda each: each.path)),
        phases=walk.phases,
        ended=walk.ended,
        messages=walk.messages,
        outputs=root.outputs,
        message=root.message,
        wake_at_seconds=walk.wake_at_seconds,
    )


def _failed(attempts: Mapping[str, tuple[Attempt, ...]], message: str) -> Step:
    """Return the step of a pipeline that can't go on: what has begun is as it is, and whoever made it ends it."""
    last = {path: max(several, key=lambda each: each.number) for path, several in attempts.items() if several}
    return Step(
        phase=TaskPhase.FAILED,
        phases={path: attempt.phase for path, attempt in last.items()},
        ended={path: attempt.outputs for path, attempt in last.items() if attempt.outputs is not None},
        message=message,
    )
