"""What Kubeflow, Argo and ML Metadata say, in tables. The shapes are those that were observed of backend 2.17."""

import base64
import gzip
import json
from typing import Any

import pytest

from moorage.runs import GroupSpec, RunRef
from pipeline_executor.runners.admission import Refused
from pipeline_executor.runners.kubeflow.answers import BackendRun, RunState, problem_of, read_run
from pipeline_executor.runners.kubeflow.node_names import task_of
from pipeline_executor.runners.kubeflow.pods import read_pod
from pipeline_executor.runners.kubeflow.run_ids import run_id
from pipeline_executor.runners.kubeflow.state import pod_launched, write_launch
from pipeline_executor.runners.kubeflow.workflows import WorkflowFacts, read_workflow
from pipeline_executor.runners.program_paths import renamed


def test_an_attempt_is_one_run_whoever_asks() -> None:
    """The id is a UUID of run, group and attempt; nothing else of the group changes it."""
    ids = {
        run_id(GroupSpec(RunRef(namespace, "x", uid), group, attempt, "s", "f", "0"))
        for namespace in ("a", "b")
        for uid in ("u", "v")
        for group in ("g-1", "g-11")
        for attempt in (1, 11)
    }
    assert len(ids) == 2 * 2 * 2


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("w.root.write.executor", "write"),
        ("w.root.write.executor(1)", "write"),
        ("w.root.write-driver", "write"),
        ("w(0).root(1).write(2).executor(3)", "write"),
        ("w.root.train.evaluate.executor(0)", "train/evaluate"),
        ("w.root.train-iterations(2:2).iteration.evaluate.executor", "train#2/evaluate"),
        ("w.root.train-iterations(2:2).iteration-driver", "train#2"),
        ("w.root.a-iterations(0:0).iteration.b-iterations(1:1).iteration.c.executor(0)", "a#0/b#1/c"),
        ('w.root.a-iterations(1:{"x":1.5}).iteration.c.executor', "a#1/c"),
        ("w.root.condition-1.say.executor", "condition-1/say"),
        ("w.root.import-given", "import-given"),
        ("w.root.iteration.executor", "iteration"),
        ("w.root.executor.executor(0)", "executor"),
        ("w.root.a-driver.executor", "a-driver"),
        ("w.root.a-driver.b-driver", "a-driver/b"),
        ("w.root-driver", None),
        ("w.root", None),
        ("w", None),
        ("", None),
    ],
)
def test_a_nodes_name_tells_its_task(name: str, path: str | None) -> None:
    """Retries may be numbered at each step; iterations become the number of the loop's item."""
    assert task_of(name) == path


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("a", "x/a"),
        ("a#2/b", "x/a#2/b"),
        ("a/b", "x/a/b"),
        ("b/a", "b/a"),
        ("ab", "ab"),
    ],
)
def test_a_path_gets_the_plans_name(path: str, named: str) -> None:
    """Only tasks at the root of a group's file are called otherwise."""
    assert renamed(path, {"a": "x/a"}) == named


@pytest.mark.parametrize(
    ("answer", "run"),
    [
        ({"run_id": "r", "state": "RUNNING"}, BackendRun("r", RunState.RUNNING)),
        ({"run_id": "r", "state": "SUCCEEDED", "run_details": {"task_details": [{"state": "RUNNING"}]}},
         BackendRun("r", RunState.SUCCEEDED)),
        ({"run_id": "r", "state": "CANCELING"}, BackendRun("r", RunState.CANCELING)),
        ({"run_id": "r", "state": "FAILED", "error": {"message": "no\nroom"}},
         BackendRun("r", RunState.FAILED, "no room")),
        ({"run_id": "r", "state": "FAILED", "state_history": [{"state": "FAILED", "error": {"message": "why"}}]},
         BackendRun("r", RunState.FAILED, "why")),
        ({"run_id": "r", "state": "A_NEW_ONE"}, BackendRun("r", RunState.UNKNOWN)),
        ({"run_id": "r"}, BackendRun("r", RunState.UNKNOWN)),
    ],
)  # fmt: skip
def test_only_the_state_of_a_run_counts(answer: dict[str, Any], run: BackendRun) -> None:
    """What its tasks are said to be is not looked at: they lag behind. What is unknown is not final."""
    assert read_run(answer) == run


def test_final_states() -> None:
    """CANCELING is not one of them: a terminated run ends as FAILED."""
    final = {state.value for state in RunState if state.is_final}
    assert final == {"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "x", "message": "parameter n is missing"}, "parameter n is missing"),
        ({"error_message": "a\n b"}, "a b"),
        ({"code": 5}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_an_errors_sentence(answer: object, said: str) -> None:
    """Where it stands has changed with versions."""
    assert problem_of(answer) == said


_DENIED = "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: research only"
_QUOTA = 'pods "x" is forbidden: exceeded quota: none, requested: pods=1'


def _workflow(nodes: object, **status: Any) -> dict[str, Any]:  # noqa: ANN401 - of the status
    metadata = {"name": "w", "namespace": "kubeflow", "labels": {"pipeline/runid": "r"}}
    return {"metadata": metadata, "status": {"phase": "Running", "nodes": nodes, **status}}


@pytest.mark.parametrize(
    ("phase", "message", "refused"),
    [
        ("Pending", _DENIED, {"a": Refused("its pod was refused: research only")}),
        ("Error", _DENIED, {"a": Refused("its pod was refused: research only")}),
        ("Pending", 'admission webhook "w" denied the request: no purpose',
         {"a": Refused("its pod was refused: no purpose")}),
        ("Pending", _QUOTA, {"a": Refused(f"its pod can't be made now: {_QUOTA}", wait=True)}),
        ("Succeeded", _DENIED, {}),
        ("Pending", "Unschedulable: 0/3 nodes are available", {}),
        ("Failed", "Error (exit code 1)", {}),
    ],
)  # fmt: skip
def test_a_refusal_is_found_in_the_workflow(phase: str, message: str, refused: dict[str, Refused]) -> None:
    """In whatever node of the task it stands, and nothing else is taken for one."""
    nodes = {"n": {"name": "w.root.a.executor(0)(3)", "phase": phase, "message": message}}
    assert read_workflow(_workflow(nodes)) == WorkflowFacts("r", over=False, refused=refused)


def test_a_large_workflows_nodes_are_unpacked() -> None:
    """Argo compresses them beyond a megabyte; what can't be unpacked is no node."""
    nodes = {"n": {"name": "w.root.a.executor", "phase": "Pending", "message": _DENIED}}
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    facts = read_workflow(_workflow({}, compressedNodes=packed, phase="Failed", message="stopped"))
    assert facts is not None
    assert (facts.over, facts.message, list(facts.refused)) == (True, "stopped", ["a"])
    broken = read_workflow(_workflow({}, compressedNodes="?"))
    assert broken == WorkflowFacts("r", over=False)
    bomb = base64.b64encode(gzip.compress(b"[" * (64 << 20))).decode()
    assert read_workflow(_workflow({}, compressedNodes=bomb)) == WorkflowFacts("r", over=False)


def test_a_workflow_of_nobody_is_left_out() -> None:
    """Argo runs other things, too."""
    assert read_workflow({"metadata": {"name": "w", "namespace": "n"}}) is None


def _pod(node_name: str, role: str) -> dict[str, Any]:
    annotations = {"workflows.argoproj.io/node-name": node_name, "pipelines.kubeflow.org/runtime-role": role}
    return {
        "metadata": {
            "name": "p",
            "namespace": "kubeflow",
            "uid": "u",
            "labels": {"pipeline/runid": "r"},
            "annotations": annotations,
            "creationTimestamp": "2026-11-29T10:00:00Z",
        },
        "spec": {"containers": [{"name": "wait"}, {"name": "main", "image": "python:3"}]},
        "status": {"phase": "Pending"},
    }


def test_a_pod_says_which_task_it_is() -> None:
    """A driver has its task's path; the container that counts is main."""
    executor = read_pod(_pod("w.root.a.executor(0)", "launcher"))
    driver = read_pod(_pod("w.root.a-driver", "driver"))
    assert executor is not None
    assert driver is not None
    assert (executor.task, executor.is_driver, executor.main.image) == ("a", False, "python:3")
    assert (driver.task, driver.is_driver) == ("a", True)
    assert [each.name for each in executor.others] == ["wait"]
    assert read_pod(_pod("w.root-driver", "driver")) is None


def test_a_launch_is_known_again_by_its_own_run_only() -> None:
    """Of another runner's launch, or another run's, nothing is taken."""
    content = write_launch("r", "p")
    assert pod_launched(content, "r", "s") == "p"
    assert pod_launched(content, "other", "s") is None
    assert pod_launched(b'{"image": "x"}', "r", "s") is None
    assert pod_launched(b"{", "r", "s") is None
    assert pod_launched(None, "r", "s") is None
