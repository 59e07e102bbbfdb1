"""ManifestWorks: what the hub asks, what it reads of them, and when it holds a cluster for lost. Tables."""

import json
from typing import Any, cast

import pytest

from moorage.errors import InputError, KubeError
from moorage.kube import Client
from moorage.runs import GroupPhase
from moorage.runs.pipelines import CLUSTER_SITES_ANNOTATION, HUB_LABEL, SUMMARY_ANNOTATION, SUMMARY_BYTES
from pipeline_executor.distribution.heartbeats import SILENT_AFTER_SECONDS
from pipeline_executor.distribution.ocm.cluster import WorkCluster
from pipeline_executor.distribution.ocm.works import (
    MOST_MANIFEST_BYTES,
    ManagedCluster,
    group_work,
    heartbeat_work,
    read_managed_cluster,
    read_work,
)
from pipeline_executor.spoke.summaries import summary_of


def body(**parameters: object) -> dict[str, Any]:
    """A PipelineGroup as the hub submits it."""
    spec = {
        "run": {"namespace": "ns", "name": "r", "uid": "u"},
        "group": "us-1",
        "attempt": 1,
        "site": "us",
        "file": "groups/us-1.yaml",
        "fileSHA256": "0" * 64,
        "parameters": parameters,
    }
    return {"metadata": {"namespace": "ns", "name": "u-us-1-1", "labels": {HUB_LABEL: "hub"}}, "spec": spec}


def work(values: dict[str, object] | None = None, **conditions: tuple[str, str]) -> dict[str, Any]:
    """A work with the feedback that an agent wrote."""
    made = group_work("us-cluster", body())
    made["metadata"]["uid"] = "of-the-work"
    listed = [
        {"name": name, "fieldValue": {"type": "String", "string": value}} for name, value in (values or {}).items()
    ]
    told = [{"type": kind, "status": status, "message": text} for kind, (status, text) in conditions.items()]
    made["status"] = {"resourceStatus": {"manifests": [{"conditions": told, "statusFeedback": {"values": listed}}]}}
    return made


def test_a_work_brings_one_group() -> None:
    """It has the group's name, is found by the hub's label, asks for scalars, and ends with the group."""
    made = group_work("us-cluster", body(a=1))
    assert made["metadata"] == {"namespace": "us-cluster", "name": "u-us-1-1", "labels": {HUB_LABEL: "hub"}}
    (manifest,), (config,) = made["spec"]["workload"]["manifests"], made["spec"]["manifestConfigs"]
    assert (manifest["kind"], manifest["spec"]) == ("PipelineGroup", body(a=1)["spec"])
    assert manifest["metadata"]["annotations"] == {SUMMARY_ANNOTATION: "true"}
    (rule,) = config["feedbackRules"]
    assert [path["path"] for path in rule["jsonPaths"]] == [
        ".status.phase",
        ".status.message",
        ".status.startTime",
        ".status.completionTime",
        ".status.summary",
    ]
    (ended,) = config["conditionRules"][0]["celExpressions"]
    assert {phase for phase in GroupPhase if f"'{phase.value}'" in ended} == {
        each for each in GroupPhase if each.is_final
    }


def test_a_group_that_ocm_would_refuse_is_refused_here() -> None:
    """With the sizes and the remedy, and as what no second try mends; a pipeline's size does not count."""
    group_work("us-cluster", body(a="x" * (MOST_MANIFEST_BYTES - 2000)))
    with pytest.raises(KubeError, match="give large parameters as artifacts") as refused:
        group_work("us-cluster", body(a="x" * MOST_MANIFEST_BYTES))
    assert refused.value.status == 422


def test_the_heartbeat_changes_nothing_there() -> None:
    """It reads the Lease, and does not make or delete it; two hubs have one each."""
    one, other = (heartbeat_work("us-cluster", hub, "moorage-system") for hub in ("one", "other"))
    assert one["spec"]["manifestConfigs"][0]["updateStrategy"] == {"type": "ReadOnly"}
    assert one["metadata"]["name"] != other["metadata"]["name"]
    one["status"] = work({"renewTime": "t1"})["status"]
    read = read_work(one)
    assert (read.cluster, read.group, read.renewed) == ("us-cluster", None, "t1")


def test_what_a_work_says() -> None:
    """Phase and tasks, under the work's own uid, by which it is deleted."""
    summary = summary_of({"tasks": [{"name": "t", "phase": "Running", "attempt": 1}], "taskCounts": {"Running": 1}})
    seen = read_work(work({"phase": "Running", "message": "m", "summary": summary})).group
    assert seen is not None
    assert (seen.phase, seen.message, seen.uid, seen.name) == (GroupPhase.RUNNING, "m", "of-the-work", "u-us-1-1")
    assert [task.name for task in seen.tasks] == ["t"]


@pytest.mark.parametrize(
    ("summary", "tasks"),
    [
        ("", 0),
        ("[1]", 0),
        ('{"tasks": 1}', 0),
        ('{"tasks": [{"name": "t", "phase": "Running"}], "phase": "Succeeded"}', 1),
        ("[" * 100_000, 0),
        (json.dumps({"tasks": [{"name": "t", "phase": "Running"}]}) + " " * SUMMARY_BYTES, 0),
    ],
)
def test_a_summary_is_believed_of_tasks_only(summary: str, tasks: int) -> None:
    """It is bounded, and no phase comes of it."""
    seen = read_work(work({"phase": "Running", "summary": summary})).group
    assert seen is not None
    assert (seen.phase, len(seen.tasks)) == (GroupPhase.RUNNING, tasks)


@pytest.mark.parametrize(
    ("values", "conditions", "message"),
    [
        ({}, {}, ""),
        ({}, {"Applied": ("False", "no rights")}, "the work agent of us-cluster can't apply it: no rights"),
        ({"phase": "Running"}, {"Available": ("False", "")}, "its PipelineGroup is gone from us-cluster"),
        ({"phase": "Succeeded", "message": "m"}, {"Available": ("False", "")}, "m"),
    ],
)
def test_an_agents_trouble_is_the_groups_message(
    values: dict[str, object], conditions: dict[str, tuple[str, str]], message: str
) -> None:
    """Where it has not ended."""
    seen = read_work(work(values, **conditions)).group
    assert seen is not None
    assert seen.message.startswith(message)
    assert bool(seen.message) == bool(message)


@pytest.mark.parametrize("status", [None, [], {"resourceStatus": 1}, {"resourceStatus": {"manifests": [7]}}])
def test_what_an_agent_says_strangely_is_not_said(status: object) -> None:
    """It stops nothing."""
    made = work()
    made["status"] = status
    seen = read_work(made).group
    assert seen is not None
    assert seen.phase is None


def test_a_work_without_a_group_is_none_of_ours() -> None:
    """Nobody is told a phase of it."""
    made = work()
    made["spec"]["workload"]["manifests"] = [{"kind": "ConfigMap", "metadata": {"name": "x"}}]
    with pytest.raises(InputError, match="holds no PipelineGroup"):
        read_work(made)


def test_a_managed_cluster_names_sites() -> None:
    """By the annotation that Secrets have; one without it is none of ours, a broken one is told."""
    raw: dict[str, Any] = {"metadata": {"name": "c", "annotations": {CLUSTER_SITES_ANNOTATION: "us, eu"}}}
    assert read_managed_cluster(raw) == ManagedCluster(
        "c", ("us", "eu"), available=False, why="no agent has reported yet"
    )
    raw["status"] = {"conditions": [{"type": "ManagedClusterConditionAvailable", "status": "True"}]}
    assert read_managed_cluster(raw) == ManagedCluster("c", ("us", "eu"), available=True)
    assert read_managed_cluster({"metadata": {"name": "c"}}) is None
    raw["metadata"]["annotations"] = {CLUSTER_SITES_ANNOTATION: "US 1"}
    with pytest.raises(InputError, match=r"ManagedCluster c: annotation moorage\.dev/sites"):
        read_managed_cluster(raw)


class _Clock:
    """What a cluster asks for the time, and since when the hub sees."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.since: float | None = 1000.0

    def cluster(self, *, available: bool = True) -> WorkCluster:
        """One that reads it. It sends nothing."""
        managed = ManagedCluster("c", ("us",), available, "" if available else "no lease")
        return WorkCluster(managed, cast("Client", None), lambda: self.now, lambda: self.since)


def test_ocm_says_that_a_cluster_is_gone() -> None:
    """From then on it counts; what is asked meanwhile is taken, as the works are at the hub."""
    clock = _Clock()
    cluster = clock.cluster()
    assert (cluster.sight().lost_seconds, cluster.sight().spoke_seen) == (0, False)
    cluster.tell(ManagedCluster("c", ("us",), available=False, why="no lease"))
    assert cluster.sight().api_seconds > 0
    clock.now += 50
    cluster.tell(ManagedCluster("c", ("us",), available=False, why="still none"))
    sight = cluster.sight()
    assert (sight.api_seconds, sight.takes_writes) == (50, True)
    assert sight.problem == "Open Cluster Management says that it is not available: still none"
    cluster.tell(ManagedCluster("c", ("us",), available=True))
    assert cluster.sight().lost_seconds == 0


def test_a_spoke_is_silent_where_no_renewal_comes() -> None:
    """OCM says that its agent lives, and the spoke itself does not."""
    clock = _Clock()
    cluster = clock.cluster()
    cluster.hear("t1")
    clock.now += SILENT_AFTER_SECONDS + 1
    assert cluster.sight().spoke_seconds == SILENT_AFTER_SECONDS + 1
    lost = cluster.loss()
    cluster.hear("t2")
    assert cluster.sight().spoke_seconds == 0
    assert cluster.loss() != lost


def test_what_the_hub_could_not_see_is_nobodys_silence() -> None:
    """Its own API server was away for an hour: no cluster is lost by that, during the hour or after it."""
    clock = _Clock()
    cluster = clock.cluster()
    cluster.hear("t1")
    clock.since = None
    clock.now += 3600
    sight = cluster.sight()
    assert (sight.lost_seconds, sight.takes_writes) == (0, False)
    clock.since = clock.now
    assert cluster.sight().lost_seconds == 0
    clock.now += SILENT_AFTER_SECONDS + 1
    assert cluster.sight().spoke_seconds == SILENT_AFTER_SECONDS + 1


def test_a_summary_is_bounded() -> None:
    """Tasks go first, then imports; counts stay."""
    tasks = [{"name": f"{number}-{'x' * 1000}", "phase": "Running", "attempt": 1} for number in range(500)]
    imports = [{"parameter": "p", "artifact": "a.b", "site": "eu", "phase": "Running", "message": "left out"}]
    text = summary_of({"tasks": tasks, "taskCounts": {"Running": 500}, "imports": imports})
    assert len(text) <= SUMMARY_BYTES
    read = json.loads(text)
    assert read == {
        "taskCounts": {"Running": 500},
        "imports": [{"parameter": "p", "artifact": "a.b", "site": "eu", "phase": "Running"}],
    }
    said = summary_of({"tasks": [{**each, "name": str(each["name"])[:90], "message": "m" * 300} for each in tasks]})
    assert [task["name"][:3] for task in json.loads(said)["tasks"][:2]] == ["0-x", "1-x"]
    assert "message" not in said
    short = summary_of({"tasks": [{"name": "t", "phase": "Running", "attempt": 1, "message": "m", "node": "n"}]})
    assert json.loads(short) == {"tasks": [{"name": "t", "phase": "Running", "attempt": 1, "message": "m"}]}
