"""What a pod's facts mean for its attempt, in tables."""

from dataclasses import replace

import pytest

from moorage.grants.question import PodIdentity
from moorage.runs import TaskPhase
from pipeline_executor.runners.embedded.pod_facts import PodFacts
from pipeline_executor.runners.judging import judge
from pipeline_executor.runners.logs import may_come_yet
from pipeline_executor.runners.pod_states import ContainerFacts, read_state
from pipeline_executor.runners.verdicts import Patience, Seen

NOW = 1_800_000_000.0
STARTED, ENDED = "2027-01-15T07:50:00Z", "2027-01-15T07:59:00Z"
MAIN = ContainerFacts("main", image="python:3", memory_limit="2Gi")
SIDE = ContainerFacts("moorage-task", image="moorage/task")
RUNNING = replace(MAIN, running=True, start=STARTED)
OVER = replace(MAIN, exit_code=0, start=STARTED, end=ENDED)
SERVING = replace(SIDE, running=True, start=STARTED)
POD = PodFacts(
    identity=PodIdentity("fraud", "train-1", "u"),
    owner_uid="g",
    owner_name="group",
    run_uid="r",
    group="eu-1-1",
    group_attempt=1,
    task="train",
    attempt=1,
    phase="Running",
    reason="",
    message="",
    node="n1",
    created_seconds=NOW - 20,
    placed_seconds=0.0,
    gates=(),
    deleting=False,
    survives=False,
    unscheduled="",
    disruption="",
    unheard=False,
    main=RUNNING,
    sidecar=SERVING,
    others=(),
)
PENDING = replace(POD, phase="Pending", main=MAIN, sidecar=SIDE)
SEEN = Seen(now_seconds=NOW)
_NO_SECRET = 'MountVolume.SetUp failed for volume "secret-0" : secret "no-such" not found'
_EMPTY_DIR = 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". '


def _failed(**changes: object) -> ContainerFacts:
    return replace(MAIN, start=STARTED, end=ENDED, **{"exit_code": 1, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pod", "seen", "phase", "said"),
    [
        (POD, SEEN, "Running", ""),
        (PENDING, SEEN, "Pending", ""),
        (replace(POD, main=OVER), replace(SEEN, outputs=True), "Succeeded", ""),
        (replace(POD, main=OVER), replace(SEEN, now_seconds=NOW - 30), "Running", "being uploaded"),
        (replace(POD, main=OVER), replace(SEEN, failure="no file a"), "Failed", "could not be uploaded: no file a"),
        (
            replace(POD, main=OVER, phase="Succeeded", sidecar=replace(SIDE, exit_code=1, message="x\nfull")),
            SEEN,
            "Failed",
            "could not be uploaded: full",
        ),
        (replace(POD, main=OVER), replace(SEEN, now_seconds=NOW + 9999), "Failed", "was not uploaded within 3600 s"),
        (replace(POD, main=_failed(exit_code=3, message="Traceback\nKeyError: 'a'")), SEEN, "Failed", "KeyError: 'a'"),
        (replace(POD, main=_failed()), SEEN, "Failed", "its log says why"),
        (replace(POD, main=_failed(exit_code=137, reason="OOMKilled")), SEEN, "Failed", "its limit of 2Gi"),
        (
            replace(
                POD,
                main=_failed(
                    exit_code=128, reason="StartError", message='exec: "sh": executable file not found in $PATH'
                ),
            ),
            SEEN,
            "Failed",
            "image python:3 has no program 'sh'",
        ),
        (POD, replace(SEEN, timeout_seconds=60), "Failed", "longer than its timeout of 60 s"),
        (POD, replace(SEEN, timeout_seconds=10_000_000), "Running", ""),
        (replace(POD, deleting=True), SEEN, "Failed", "was deleted while it ran"),
        (replace(PENDING, deleting=True), SEEN, "Failed", "was deleted before it began"),
        (replace(POD, reason="Evicted", message="low on memory", phase="Failed"), SEEN, "Failed", "evicted: low on"),
        (replace(POD, disruption="preempted"), SEEN, "Failed", "taken away: preempted"),
        (replace(POD, reason="Evicted", message=_EMPTY_DIR, phase="Failed"), SEEN, "Failed", "exceeds the limit"),
        (replace(POD, disruption=_EMPTY_DIR), SEEN, "Failed", "Write less, or raise that limit"),
        (replace(POD, unheard=True), SEEN, "Running", "its node n1 does not answer"),
        (replace(POD, unheard=True), replace(SEEN, timeout_seconds=10_000_000), "Running", "does not answer"),
        (replace(POD, unheard=True, main=OVER), SEEN, "Running", "its node n1 does not answer"),
        (replace(POD, unheard=True, deleting=True, disruption="taint"), SEEN, "Failed", "its node n1 was lost"),
        (replace(POD, reason="NodeLost"), SEEN, "Failed", "node n1 was lost"),
        (replace(PENDING, unscheduled="0/3 nodes: us-1 lies in US", node=""), SEEN, "Pending", "us-1 lies in US"),
        (
            replace(PENDING, unscheduled="0/3 nodes", node=""),
            replace(SEEN, trouble_since_seconds=NOW - 3600),
            "Failed",
            "no node may run it",
        ),
        (
            replace(PENDING, main=replace(MAIN, waiting="ErrImagePull", message="gone")),
            SEEN,
            "Pending",
            "can't be pulled",
        ),
        (replace(PENDING, main=replace(MAIN, waiting="InvalidImageName")), SEEN, "Failed", "can't be pulled"),
        (
            replace(PENDING, main=replace(MAIN, waiting="ImagePullBackOff")),
            replace(SEEN, trouble_since_seconds=NOW - 120),
            "Failed",
            "can't be pulled",
        ),
        (
            replace(
                PENDING, sidecar=replace(SIDE, waiting="CreateContainerConfigError", message='secret "k" not found')
            ),
            replace(SEEN, trouble_since_seconds=NOW - 61),
            "Failed",
            'secret "k" not found',
        ),
        (
            replace(PENDING, sidecar=replace(SIDE, waiting="CrashLoopBackOff", last_message="a\nno such URL")),
            SEEN,
            "Pending",
            "ends again and again: no such URL",
        ),
        (
            PENDING,
            replace(SEEN, mount_problem="rpc error: code = PermissionDenied desc = may be read for research only"),
            "Pending",
            "was not mounted: may be read for research only",
        ),
        (
            PENDING,
            replace(
                SEEN,
                mount_problem="rpc error: code = PermissionDenied desc = for research only",
                trouble_since_seconds=NOW - 31,
            ),
            "Failed",
            "for research only",
        ),
        (PENDING, replace(SEEN, mount_problem=_NO_SECRET), "Pending", "can't be mounted: MountVolume.SetUp"),
        (
            PENDING,
            replace(SEEN, mount_problem=_NO_SECRET, trouble_since_seconds=NOW - 61),
            "Failed",
            'secret "no-such" not found',
        ),
        (PENDING, replace(SEEN, failure="a is not there"), "Failed", "could not be fetched: a is not there"),
        (replace(PENDING, created_seconds=NOW - 4000), SEEN, "Failed", "did not begin within 3600 s"),
        (
            replace(PENDING, created_seconds=NOW - 90_000, gates=("kueue.x-k8s.io/admission",), unscheduled="gated"),
            SEEN,
            "Pending",
            "waits to be admitted: scheduling gate kueue.x-k8s.io/admission",
        ),
        (replace(PENDING, created_seconds=NOW - 90_000, placed_seconds=NOW - 20), SEEN, "Pending", ""),
        (
            replace(PENDING, phase="Failed", sidecar=replace(SIDE, exit_code=2, message="bad settings")),
            SEEN,
            "Failed",
            "moorage-task ended before it: bad settings",
        ),
    ],
)
def test_what_a_pod_means(pod: PodFacts, seen: Seen, phase: str, said: str) -> None:
    """Each state of a pod has one meaning, and a sentence where it needs one."""
    verdict = judge(pod, seen, Patience())
    assert verdict.phase.value == phase
    assert said in verdict.message
    assert bool(verdict.message) == bool(said)


@pytest.mark.parametrize(
    ("pod", "interrupted"),
    [
        (replace(POD, deleting=True), True),
        (replace(POD, reason="Evicted", main=_failed(exit_code=137)), True),
        (replace(POD, main=_failed(exit_code=137)), False),
        (replace(POD, reason="Evicted", message=_EMPTY_DIR), False),
        (replace(POD, reason="Evicted", message="low on memory", main=OVER, phase="Failed"), True),
        (replace(POD, unheard=True, deleting=True), True),
        (replace(POD, unheard=True, deleting=True, main=OVER), True),
        (replace(POD, deleting=True, main=OVER, phase="Failed"), True),
        (replace(POD, deleting=True, main=OVER, phase="Failed", sidecar=replace(SIDE, message="no file a")), False),
        (replace(POD, main=_failed(exit_code=143), deleting=True), True),
    ],
)
def test_what_says_nothing_of_the_task(pod: PodFacts, *, interrupted: bool) -> None:
    """What was taken away is tried again; what ended by itself has failed."""
    verdict = judge(pod, SEEN, Patience())
    assert (verdict.phase, verdict.interrupted) == (TaskPhase.FAILED, interrupted)


def test_an_upload_goes_on_in_a_pod_that_is_deleted() -> None:
    """The sidecar has its grace; only a node that does not answer takes the rest along."""
    verdict = judge(replace(POD, deleting=True, main=OVER), SEEN, Patience())
    assert (verdict.phase, verdict.message) == (TaskPhase.RUNNING, "what it wrote is being uploaded")


@pytest.mark.parametrize(
    ("ready", "containers", "gates", "unheard"),
    [("False", "True", 0, True), ("False", "False", 0, False), ("True", "True", 0, False), ("False", "True", 1, False)],
)
def test_whose_node_does_not_answer(ready: str, containers: str, gates: int, *, unheard: bool) -> None:
    """The node controller takes a pod's `Ready` and nothing of its containers; a readiness gate may do so, too."""
    conditions = [{"type": "Ready", "status": ready}, {"type": "ContainersReady", "status": containers}]
    metadata = {"namespace": "n", "name": "p", "uid": "u"}
    raw = {
        "metadata": metadata,
        "spec": {"readinessGates": [{"conditionType": "x"}] * gates},
        "status": {"conditions": conditions},
    }
    assert read_state(raw, main="main").unheard is unheard


def test_how_long_a_log_is_asked_for() -> None:
    """A kubelet may be restarting; a node that does not answer is given up, and another attempt follows at once."""
    assert [may_come_yet(POD, seconds) for seconds in (0, 59, 60)] == [True, True, False]
    assert not may_come_yet(replace(POD, unheard=True), 0)


def test_messages_are_one_line_and_bounded() -> None:
    """Whatever a tenant's program prints, a status has room for it."""
    verdict = judge(replace(POD, main=_failed(message="x" * 5000)), SEEN, Patience())
    assert len(verdict.message) <= 1000
    assert "\n" not in verdict.message
