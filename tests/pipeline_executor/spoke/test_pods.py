"""A pod of a launch: the user's container unchanged, what the platform document says, nothing secret beside it."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.model import Site
from moorage.runs import GroupSpec, PipelineGroup, RunRef
from moorage.runs.pipelines import QUEUE_LABEL
from pipeline_executor.engine import Artifact, ArtifactInput, ArtifactOutput, Launch, ParameterOutput, Resources
from pipeline_executor.runners.embedded.launch_json import read_launch, write_launch
from pipeline_executor.runners.embedded.pod_facts import read_pod
from pipeline_executor.runners.embedded.pod_names import pod_name
from pipeline_executor.runners.embedded.pods import PodContext, SidecarSettings, build_pod
from tests.pipeline_executor.played_pods import expand

GROUP = PipelineGroup(
    "fraud", "r-eu-1-1-1", "uid-g", GroupSpec(RunRef("fraud", "delays", "r"), "eu-1-1", 1, "eu-1", "f", "0" * 64)
)
SITE = Site("eu-1", node_selector={"site": "eu-1"})
SIDECAR = SidecarSettings(image="moorage/task:1", api="https://spoke:8443", certificates="PEM")
LAUNCH = Launch(
    path="train#2/evaluate",
    attempt=3,
    image="python:3",
    command=("sh", "-c", 'echo "$HOME $$ $(date) $(UNKNOWN)"'),
    args=("{}",),
    env={"A": "costs $5 $(B)", "B": "b"},
    executor_input={"inputs": {}},
    output_file="/moorage/outputs/executor_output.json",
    inputs=(ArtifactInput("data", 0, Artifact("data", {}, "s3://b/k"), "/s3/b/k"),),
    output_artifacts=(ArtifactOutput("model", {}, "s3://b/m", "/s3/b/m"),),
    output_parameters=(ParameterOutput("loss", "NUMBER_DOUBLE", "/moorage/outputs/parameters/loss"),),
    resources=Resources({"cpu": "1"}, {"memory": "2Gi", "nvidia.com/gpu": "1"}),
)


def _pod(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - of the launch
    return build_pod(replace(LAUNCH, **changes), PodContext(group=GROUP, site=SITE, sidecar=SIDECAR))


def test_the_users_command_comes_through_the_kubelets_expansion() -> None:
    """What the kubelet makes of the pod is, letter by letter, what the pipeline says."""
    main = _pod()["spec"]["containers"][0]
    env = {each["name"]: expand(each["value"], {"B": "x"}) for each in main["env"]}
    assert env == LAUNCH.env
    assert tuple(expand(word, {"UNKNOWN": "x", "date": "x"}) for word in main["command"]) == LAUNCH.command
    assert tuple(main["args"]) == LAUNCH.args


def test_the_sidecar_alone_has_the_token_and_both_have_the_folders() -> None:
    """Folders are shared; the token, and the notes of how far the sidecar is, are its own."""
    spec = _pod()["spec"]
    (main,), (sidecar,) = spec["containers"], spec["initContainers"]
    mounted = {each["mountPath"] for each in main["volumeMounts"]}
    assert mounted == {"/moorage", "/s3"}
    assert {each["mountPath"] for each in sidecar["volumeMounts"]} - mounted == {
        "/var/run/secrets/moorage-task",
        "/run/moorage",
    }
    assert sidecar["restartPolicy"] == "Always"
    assert spec["restartPolicy"] == "Never"
    assert spec["nodeSelector"] == {"site": "eu-1"}
    assert main["resources"]["limits"] == {"memory": "2Gi", "nvidia.com/gpu": "1"}


def test_a_pod_says_which_task_it_is_and_is_read_back() -> None:
    """Name, labels and annotations are enough to know it again; a name that does not fit them is none of ours."""
    pod = _pod()
    pod["metadata"]["uid"] = "u"
    facts = read_pod(pod)
    assert facts is not None
    assert (facts.task, facts.attempt, facts.group, facts.group_attempt) == ("train#2/evaluate", 3, "eu-1-1", 1)
    assert (facts.owner_uid, facts.run_uid) == ("uid-g", "r")
    pod["metadata"]["name"] = "another"
    assert read_pod(pod) is None


def test_a_runs_queue_is_on_each_pod() -> None:
    """Kueue admits pods by this label; a queue that the pipeline itself names for a task is the nearer one."""
    context = PodContext(group=replace(GROUP, queue="team-a"), site=SITE, sidecar=SIDECAR)
    assert build_pod(LAUNCH, context)["metadata"]["labels"][QUEUE_LABEL] == "team-a"
    labels = {QUEUE_LABEL: "gpus"}
    nearer = replace(LAUNCH, platform={"podMetadata": {"labels": labels}})
    assert build_pod(nearer, context)["metadata"]["labels"][QUEUE_LABEL] == "gpus"
    assert QUEUE_LABEL not in _pod()["metadata"]["labels"]


def test_a_pod_that_a_queue_holds_back_says_so() -> None:
    """By its gates; and when a node was found, as its patience begins there."""
    pod = _pod()
    pod["metadata"]["uid"] = "u"
    pod["spec"]["schedulingGates"] = [{"name": "kueue.x-k8s.io/admission"}]
    pod["status"] = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}
    facts = read_pod(pod)
    assert facts is not None
    assert (facts.gates, facts.placed_seconds) == (("kueue.x-k8s.io/admission",), 0.0)
    del pod["spec"]["schedulingGates"]
    placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "1970-01-01T00:01:40Z"}
    pod["status"] = {"conditions": [placed]}
    facts = read_pod(pod)
    assert facts is not None
    assert (facts.gates, facts.placed_seconds) == ((), 100.0)


def test_a_pipelines_labels_stay_and_can_not_pose_as_ours() -> None:
    """Dataset labels and the purpose are what governance goes by; the run's label is the spoke's to say."""
    labels = {"dataset.0.id": "claims", "moorage.dev/purpose": "research", "moorage.dev/run-uid": "other"}
    made = _pod(platform={"podMetadata": {"labels": labels}})["metadata"]["labels"]
    assert made == {**labels, "moorage.dev/run-uid": "r", "moorage.dev/group": "eu-1-1"}


_KEYS = [{"secretKey": "k", "envVar": "K"}]


@pytest.mark.parametrize(
    ("platform", "where", "expected"),
    [
        (
            {"secretAsEnv": [{"secretNameParameter": "s", "keyToEnv": _KEYS, "optional": True}]},
            ("containers", 0, "env", -1),
            {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
        ),
        (
            {"configMapAsEnv": [{"configMapName": "c", "keyToEnv": [{"configMapKey": "k", "envVar": "K"}]}]},
            ("containers", 0, "env", -1),
            {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
        ),
        (
            {"fieldPathAsEnv": [{"name": "POD", "fieldPath": "metadata.name"}]},
            ("containers", 0, "env", -1),
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ),
        (
            {"secretAsVolume": [{"secretName": "s", "mountPath": "/keys"}]},
            ("volumes", -1),
            {"name": "secret-0", "secret": {"secretName": "s"}},
        ),
        (
            {"configMapAsVolume": [{"configMapName": "c", "mountPath": "/etc/c"}]},
            ("volumes", -1),
            {"name": "config-map-0", "configMap": {"name": "c"}},
        ),
        (
            {"pvcMount": [{"pvcNameParameter": "p", "mountPath": "/p", "subPath": "x"}]},
            ("containers", 0, "volumeMounts", -1),
            {"name": "claim-0", "mountPath": "/p", "subPath": "x"},
        ),
        (
            {"emptyDirMounts": [{"volumeName": "t", "mountPath": "/t", "medium": "Memory", "sizeLimit": "1Gi"}]},
            ("volumes", -1),
            {"name": "t", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        ),
        (
            {"enabledSharedMemory": {"size": "1Gi"}},
            ("volumes", -1),
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        ),
        (
            {"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": "5"}]},
            ("tolerations",),
            [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}],
        ),
        (
            {"tolerations": [{"tolerationJson": [{"operator": "Exists"}]}]},
            ("tolerations",),
            [{"operator": "Exists"}],
        ),
        ({"nodeSelector": {"labels": {"disk": "ssd"}}}, ("nodeSelector",), {"disk": "ssd", "site": "eu-1"}),
        ({"nodeSelector": {"labels": {"site": "us-1"}}}, ("nodeSelector",), {"site": "eu-1"}),
        ({"imagePullSecret": [{"secretName": "r"}]}, ("imagePullSecrets",), [{"name": "r"}]),
        ({"imagePullPolicy": "Always"}, ("containers", 0, "imagePullPolicy"), "Always"),
        (
            {"nodeAffinity": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}], "weight": 5}]},
            ("affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution", 0, "weight"),
            5,
        ),
        (
            {"podAffinity": [{"matchPodLabels": {"app": "x"}, "topologyKey": "zone", "anti": True}]},
            ("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution", 0, "topologyKey"),
            "zone",
        ),
        ({"securityContext": {"runAsUser": "1000"}}, ("containers", 0, "securityContext", "runAsUser"), 1000),
        ({"securityContext": {"runAsUser": "1000"}}, ("initContainers", 0, "securityContext", "runAsUser"), 1000),
        (
            {"genericEphemeralVolume": [{"volumeName": "e", "mountPath": "/e", "size": "5Gi", "accessModes": ["RWO"]}]},
            ("volumes", -1, "ephemeral", "volumeClaimTemplate", "spec", "resources", "requests", "storage"),
            "5Gi",
        ),
    ],
)
def test_what_the_platform_document_says(platform: dict[str, Any], where: tuple[Any, ...], expected: object) -> None:
    """Each field of kfp-kubernetes has its place in the pod."""
    found: Any = _pod(platform=platform)["spec"]
    for key in where:
        found = found[key]
    assert found == expected


def test_names_are_labels_and_tell_attempts_apart() -> None:
    """At most 63 letters, whatever the task is called; another attempt, task, group or run is another name."""
    names = {
        pod_name(run, group, task, attempt)
        for run in ("r", "s")
        for group in ("eu-1-1", "eu-1-2")
        for task in ("train#2/evaluate", "x" * 300, "Ünïcode", "1-2", "a/b", "a-b")
        for attempt in (1, 2)
    }
    assert len(names) == 2 * 2 * 6 * 2
    assert all(len(name) <= 63 and name[0].isalpha() and name.strip("-") == name for name in names)
    assert all(name.replace("-", "").isalnum() and name == name.lower() and name.isascii() for name in names)


def test_a_launch_comes_back_from_the_store() -> None:
    """What is written is what is read, to the last field."""
    assert read_launch(write_launch(LAUNCH), "launch") == LAUNCH
