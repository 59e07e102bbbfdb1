"""Deletion on real nodes: a namespace goes though pods elsewhere read its data; what was not granted holds nothing."""

import json
from typing import Any

import pytest

from demo import servers
from demo.stage import CONSUMER, STEWARD, SYSTEM, Stage

pytestmark = pytest.mark.real

LEAVING = "leaving-stewards"
Raw = dict[str, Any]


def users(stage: Stage, name: str, namespace: str) -> list[str]:
    """Whom the status names."""
    found: list[str] = stage.get("dset", name, "-n", namespace).get("status", {}).get("inUseBy", [])
    return found


def reads(stage: Stage, pod: str) -> list[Raw]:
    """Each try of the looping reader."""
    return [json.loads(line) for line in stage.logs(pod).splitlines() if line.startswith("{")]


def good(read: Raw) -> bool:
    """Whether it could read, and the bytes were right."""
    return not read["result"].startswith("failed")


def start_reader(stage: Stage, pod: str) -> None:
    """A pod of the consumer's that reads the Dataset of the leaving stewards again and again."""
    secret = stage.get("secret", "flights-keys", "-n", STEWARD)
    copied = {**secret, "metadata": {"name": "flights-keys", "namespace": LEAVING}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEAVING}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [namespace, copied]}
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    dataset = stage.manifest("dataset.yaml").replace(f"namespace: {STEWARD}", f"namespace: {LEAVING}")
    stage.kubectl("apply", "-f", "-", stdin=dataset)
    stage.kubectl("wait", "dset/flights", "-n", LEAVING, "--for=condition=Ready", "--timeout=60s")
    stage.delete_pod("bereft", "revoked")  # what an earlier run may have left
    looping = stage.manifest("looping.yaml").replace("name: looping", f"name: {pod}")
    looping = looping.replace(f"namespace: {STEWARD}", f"namespace: {LEAVING}")
    stage.kubectl("apply", "-f", "-", stdin=looping)
    stage.wait_for_phase(pod, {"Running"})
    stage.wait("the reader to be known", lambda: users(stage, "flights", LEAVING) or None, 30)


def test_a_namespace_goes_while_a_pod_elsewhere_reads_its_data(stage: Stage) -> None:
    """Secret first. The reader reads on, is told, and fails loudly once its mount server has ended."""
    start_reader(stage, "bereft")
    refused = stage.kubectl("delete", "dset", "flights", "-n", LEAVING, check=False)
    assert f"is read by pod {CONSUMER}/bereft." in refused.text
    stage.kubectl("delete", "secret", "flights-keys", "-n", LEAVING)
    stage.kubectl("delete", "namespace", LEAVING, "--timeout=60s")
    told = stage.wait_for_event("bereft", "DatasetDeleted")
    assert f"Dataset {LEAVING}/flights was deleted while this pod reads it" in told
    conditions = stage.get("pod", "bereft", "-n", CONSUMER)["status"]["conditions"]
    assert [each["status"] for each in conditions if each["type"] == "moorage.dev/DatasetDeleted"] == ["True"]
    count = len(reads(stage, "bereft"))
    stage.wait("it to read on", lambda: any(map(good, reads(stage, "bereft")[count:])) or None)
    count = len(reads(stage, "bereft"))
    servers.kill(stage.cluster, stage.get("pod", "bereft", "-n", CONSUMER))
    stage.wait("it to fail", lambda: any(not good(read) for read in reads(stage, "bereft")[count:]) or None)
    refusal = stage.wait(
        "the refusal", lambda: _sidecar_says(stage, "bereft", "DatasetUnknown", "is not known") or None
    )
    assert f"{LEAVING}/flights" in refusal
    assert not good(reads(stage, "bereft")[-1])
    stage.delete_pod("bereft")


def test_a_right_that_ended_is_told_by_the_pods_status(stage: Stage) -> None:
    """The sidecar starts anew and asks anew: no key; its hook fails, and it leaves the sentence as it ends."""
    start_reader(stage, "revoked")
    patch = {"spec": {"governance": {"consumers": ["somebody-else"]}}}
    stage.kubectl("patch", "dset", "flights", "-n", LEAVING, "--type=merge", "-p", json.dumps(patch))
    end = ["python3", "-c", "import os, signal; os.kill(1, signal.SIGTERM)"]
    stage.kubectl("exec", "-n", CONSUMER, "revoked", "-c", "moorage-mount", "--", *end, check=False)
    told = stage.wait("the sentence", lambda: _sidecar_left(stage, "revoked"), 90)
    assert f"{LEAVING}/flights" in told
    stage.wait_for_event("revoked", "FailedPostStartHook")
    stage.delete_pod("revoked")
    stage.kubectl("delete", "namespace", LEAVING, "--timeout=60s")


def test_a_volume_that_no_container_mounts_holds_nothing(stage: Stage) -> None:
    """The kubelet leaves it out: the pod runs, the broker was never asked, and the Dataset can be deleted."""
    dataset = stage.manifest("dataset.yaml").replace("name: flights\n", "name: idle\n", 1)
    stage.kubectl("apply", "-f", "-", stdin=dataset)
    attributes = {"dataset": "idle", "namespace": STEWARD}
    pod = json.loads(
        stage.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", stdin=stage.manifest("plain.yaml")).out
    )
    pod["metadata"] = {"name": "idling", "namespace": CONSUMER}
    pod["spec"]["volumes"] = [{"name": "idle", "csi": {"driver": "data.moorage.dev", "volumeAttributes": attributes}}]
    pod["spec"]["containers"][0]["command"] = ["python3", "-c", "import time; time.sleep(600)"]
    stage.delete_pod("idling")
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    stage.wait_for_phase("idling", {"Running"})
    asked = stage.kubectl("logs", "-n", SYSTEM, "-l", "app.kubernetes.io/component=broker", "--tail=-1").out
    assert "flights" in asked
    assert "idling" not in asked
    assert users(stage, "idle", STEWARD) == []
    stage.kubectl("delete", "dset", "idle", "-n", STEWARD, "--timeout=20s")
    assert stage.get("pod", "idling", "-n", CONSUMER)["status"]["phase"] == "Running"
    stage.delete_pod("idling")


def _sidecar_left(stage: Stage, pod: str) -> str | None:
    """What the pod's status says of a sidecar that ended."""
    for status in stage.get("pod", pod, "-n", CONSUMER)["status"]["initContainerStatuses"]:
        for state in (status["state"], status.get("lastState", {})):
            if message := state.get("terminated", {}).get("message"):
                return str(message)
    return None


def _sidecar_says(stage: Stage, pod: str, *words: str) -> str | None:
    lines = stage.logs(pod, container="moorage-mount").splitlines()
    return next((line for line in lines if any(word in line for word in words)), None)
