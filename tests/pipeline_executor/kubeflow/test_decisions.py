"""What pods, Workflows and executions mean for attempts, tasks and the group, in tables."""

from dataclasses import replace

import pytest

from moorage.grants.question import PodIdentity
from moorage.runs import TaskEnd, TaskPhase
from pipeline_executor.runners.kubeflow.answers import BackendRun, RunState
from pipeline_executor.runners.kubeflow.decisions import (
    Attempt,
    phase_of,
    stuck_driver,
    task_states,
    unbegun,
    verdict_of,
)
from pipeline_executor.runners.kubeflow.outcomes import Outcome
from pipeline_executor.runners.kubeflow.pods import KubeflowPod
from pipeline_executor.runners.pod_states import ContainerFacts
from pipeline_executor.runners.task_records import AttemptRecord
from pipeline_executor.runners.verdicts import Patience, Seen, Verdict

NOW = 1_800_000_000.0
STARTED, ENDED = "2027-01-15T07:50:00Z", "2027-01-15T07:59:00Z"
MAIN = ContainerFacts("main", image="python:3")
POD = KubeflowPod(
    identity=PodIdentity("kubeflow", "w-1", "u"),
    phase="Pending",
    reason="",
    message="",
    node="",
    created_seconds=NOW - 20,
    placed_seconds=0.0,
    gates=(),
    deleting=False,
    unscheduled="",
    disruption="",
    unheard=False,
    main=MAIN,
    sidecar=ContainerFacts(""),
    others=(),
    run_id="r",
    task="a",
    is_driver=False,
)
RUNNING = replace(POD, phase="Running", node="n1", main=replace(MAIN, running=True, start=STARTED))
OVER = replace(POD, phase="Succeeded", main=replace(MAIN, exit_code=0, start=STARTED, end=ENDED))
FAILED = replace(POD, phase="Failed", main=replace(MAIN, exit_code=3, start=STARTED, end=ENDED))
KILLED = replace(FAILED, main=replace(FAILED.main, exit_code=143))
PULLING = replace(POD, main=replace(MAIN, waiting="ImagePullBackOff", message="no such image"))
UNSCHEDULED = replace(POD, unscheduled="0/3 nodes are available")
GONE = replace(RUNNING, deleting=True)
SEEN = Seen(now_seconds=NOW)
LONG = replace(SEEN, trouble_since_seconds=NOW - 10_000)
GOOD, BEGUN = Outcome(TaskPhase.SUCCEEDED), Outcome(TaskPhase.RUNNING)


@pytest.mark.parametrize(
    ("pod", "seen", "outcome", "terminating", "phase", "said", "stuck"),
    [
        (POD, SEEN, None, "", "Pending", "", False),
        (RUNNING, SEEN, BEGUN, "", "Running", "", False),
        (OVER, SEEN, GOOD, "", "Succeeded", "", False),
        # The launcher publishes before it ends: what is not there yet comes in a moment.
        (OVER, SEEN, BEGUN, "", "Running", "being recorded", False),
        (OVER, LONG, BEGUN, "", "Failed", "ML Metadata has nothing", False),
        (FAILED, SEEN, BEGUN, "", "Failed", "exit code 3", False),
        # Kubeflow says RUNNING of all these.
        (UNSCHEDULED, SEEN, None, "", "Pending", "no node may run it now: 0/3 nodes", False),
        (UNSCHEDULED, LONG, None, "", "Failed", "no node may run it now", True),
        (PULLING, SEEN, None, "", "Pending", "can't be pulled", False),
        (PULLING, LONG, None, "", "Failed", "image python:3 can't be pulled (ImagePullBackOff)", True),
        (replace(POD, node="n"), replace(SEEN, mount_problem="code = PermissionDenied desc = no purpose"), None, "",
         "Pending", "no purpose", False),
        (GONE, SEEN, BEGUN, "", "Failed", "its pod was deleted while it ran", False),
        (GONE, SEEN, BEGUN, "the run was cancelled", "Cancelled", "the run was cancelled", False),
        (RUNNING, SEEN, BEGUN, "the run was cancelled", "Running", "", False),
        (KILLED, SEEN, BEGUN, "the run was cancelled", "Cancelled", "the run was cancelled", False),
        (KILLED, SEEN, BEGUN, "", "Failed", "exit code 143", False),
        # What ended by itself ended so, whatever was asked for.
        (OVER, SEEN, GOOD, "the run was cancelled", "Succeeded", "", False),
        (FAILED, SEEN, BEGUN, "the run was cancelled", "Failed", "exit code 3", False),
        (replace(RUNNING, disruption="it is drained"), SEEN, BEGUN, "", "Failed", "drained", False),
    ],
)  # fmt: skip
def test_how_an_attempt_is(  # noqa: PLR0913, PLR0917 - a table's columns
    pod: KubeflowPod, seen: Seen, outcome: Outcome | None, terminating: str, phase: str, said: str, *, stuck: bool
) -> None:
    """By its pod; `stuck`: Kubeflow would wait for it for ever, so that the run has to be ended."""
    verdict = verdict_of(pod, seen, Patience(), outcome, terminating=terminating)
    assert (verdict.phase.value, said in verdict.message) == (phase, True)
    assert Attempt("a", 1, verdict, pod).is_stuck is stuck


def test_what_was_refused_has_no_pod_and_is_stuck() -> None:
    """Kubeflow tries it again for three minutes."""
    assert Attempt("a", 1, Verdict(phase=TaskPhase.FAILED, message="refused")).is_stuck


@pytest.mark.parametrize(
    ("pod", "seen", "phase", "said"),
    [
        (RUNNING, SEEN, "Running", ""),
        (PULLING, LONG, "Failed", "Kubeflow's driver of it does not run: image"),
        (UNSCHEDULED, SEEN, "Pending", "Kubeflow's driver of it does not run: no node"),
        # Kubeflow sees that itself, and may try again.
        (FAILED, SEEN, "Running", ""),
        (GONE, SEEN, "Running", ""),
    ],
)
def test_how_a_driver_is(pod: KubeflowPod, seen: Seen, phase: str, said: str) -> None:
    """Kubeflow waits for one for ever, too."""
    verdict = stuck_driver(replace(pod, is_driver=True), seen, Patience())
    assert (verdict.phase.value, verdict.message.startswith(said)) == (phase, True)


@pytest.mark.parametrize(
    ("state", "cancelling", "phase"),
    [
        ("RUNNING", False, "Running"),
        ("CANCELING", True, "Running"),
        ("PAUSED", False, "Running"),
        ("SUCCEEDED", True, "Succeeded"),
        ("FAILED", False, "Failed"),
        # Terminating ends in FAILED.
        ("FAILED", True, "Cancelled"),
        ("CANCELED", True, "Cancelled"),
    ],
)
def test_how_a_group_is(state: str, cancelling: bool, phase: str) -> None:  # noqa: FBT001 - a table
    """By the run's state, and by what was asked for."""
    run = BackendRun("r", RunState(state))
    assert phase_of(run, cancelling=cancelling).value == phase
    left = {"Running": "Pending", "Cancelled": "Cancelled"}.get(phase, "Skipped")
    assert unbegun(run, cancelling=cancelling).value == left


def _record(number: int, phase: TaskPhase, group_attempt: int = 2) -> AttemptRecord:
    end = TaskEnd(phase, 1, "why", STARTED, ENDED, "eu-1", "n1", "p", 0, 0, group_attempt=group_attempt)
    return AttemptRecord(number, end=end)


_PENDING = Outcome(TaskPhase.PENDING)


@pytest.mark.parametrize(
    ("outcome", "records", "live", "phase", "attempt"),
    [
        (_PENDING, {}, None, "Pending", 0),
        (Outcome(TaskPhase.SKIPPED), {}, None, "Skipped", 0),
        (BEGUN, {}, Verdict(phase=TaskPhase.RUNNING), "Running", 1),
        (BEGUN, {}, Verdict(phase=TaskPhase.PENDING, message="no node"), "Pending", 1),
        (GOOD, {1: _record(1, TaskPhase.SUCCEEDED)}, None, "Succeeded", 1),
        (GOOD, {1: _record(1, TaskPhase.FAILED), 2: _record(2, TaskPhase.SUCCEEDED)}, None, "Succeeded", 2),
        # An earlier attempt of the group ran it; this one has not begun it.
        (_PENDING, {1: _record(1, TaskPhase.FAILED, group_attempt=1)}, None, "Pending", 0),
        (Outcome(TaskPhase.CACHED), {1: _record(1, TaskPhase.CACHED)}, None, "Cached", 1),
    ],
)
def test_how_a_task_is(
    outcome: Outcome, records: dict[int, AttemptRecord], live: Verdict | None, phase: str, attempt: int
) -> None:
    """Its live attempt counts, else its last end, else what ML Metadata says."""
    going_on = [] if live is None else [Attempt("a", 1, live, RUNNING)]
    states = task_states({"a": outcome}, {"a": records}, going_on, {}, group_attempt=2)
    assert (states["a"].phase.value, states["a"].attempt) == (phase, attempt)
