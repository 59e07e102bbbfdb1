"""A pod as Datashim's users write it, on real nodes: it mounts a claim, and carries no label."""

import json
from typing import Any

import pytest
import yaml

from demo.stage import IMAGE, STEWARD, Stage

pytestmark = pytest.mark.real

Raw = dict[str, Any]
NAME = "claimed-flights"
LIST = "import os; print(len(os.listdir('/data')), len(os.listdir('/twice')))"


def pod(name: str) -> str:
    """It mounts the claim twice; on a mount that is still empty it would count nothing."""
    volumes = [{"name": volume, "persistentVolumeClaim": {"claimName": NAME}} for volume in ("one", "two")]
    mounts = [{"name": "one", "mountPath": "/data"}, {"name": "two", "mountPath": "/twice"}]
    container = {"name": "reader", "image": IMAGE, "command": ["python3", "-c", LIST], "volumeMounts": mounts}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    metadata = {"name": name, "namespace": STEWARD}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def mounts_the_claim(stage: Stage) -> bool:
    """Whether such a pod would be stored as it is written."""
    tried = stage.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=pod("tried"), check=False)
    return tried.code == 0 and "persistentVolumeClaim" in json.dumps(json.loads(tried.out)["spec"]["volumes"])


def test_a_claim_of_a_dataset_is_read(stage: Stage) -> None:
    """Placed and served as by a label. Past admission there is a sentence, and nothing that hangs."""
    dataset = yaml.safe_load(stage.manifest("dataset.yaml"))
    dataset["metadata"]["name"] = NAME
    dataset["spec"] |= {"claim": True, "governance": {"residency": ["EU"]}}
    try:
        stage.kubectl("apply", "-f", "-", stdin=json.dumps(dataset))
        for condition in ("Ready", "Claimed"):
            stage.kubectl("wait", f"dset/{NAME}", "-n", STEWARD, f"--for=condition={condition}", "--timeout=90s")
        stage.kubectl("wait", f"pvc/{NAME}", "-n", STEWARD, "--for=jsonpath={.status.phase}=Bound", "--timeout=90s")
        stage.wait("the webhook to know", lambda: None if mounts_the_claim(stage) else True)
        stage.kubectl("create", "-f", "-", stdin=pod("claims-reader"))
        stage.wait_for_phase("claims-reader", {"Succeeded"}, STEWARD)
        count = len(stage.flights.files)
        assert stage.logs("claims-reader", STEWARD) == f"{count} {count}\n"
        reader = stage.get("pod", "claims-reader", "-n", STEWARD)
        assert reader["metadata"]["labels"].items() >= {"dataset.0.id": NAME, "dataset.0.useas": "mount"}.items()
        assert reader["spec"]["nodeName"].startswith("eu-1")
        stage.kubectl("label", "namespace", STEWARD, "moorage.dev/admission=disabled")
        stage.wait("admission to look away", lambda: True if mounts_the_claim(stage) else None)
        stage.kubectl("create", "-f", "-", stdin=pod("unseen"))
        told = stage.wait_for_event("unseen", "FailedMount", "webhook", namespace=STEWARD)
        assert "did not see this pod" in told
        assert "Delete the pod and create it again" in told
        stage.delete_pod("unseen", namespace=STEWARD)
        assert stage.get("pod", "unseen", "-n", STEWARD) == {}
    finally:
        stage.kubectl("label", "namespace", STEWARD, "moorage.dev/admission-")
        stage.delete_pod("claims-reader", "unseen", namespace=STEWARD)
        stage.kubectl("delete", "dset", NAME, "-n", STEWARD, "--ignore-not-found", "--timeout=60s")
    stage.wait("its claim and volume to go", lambda: None if _left(stage) else True)


def _left(stage: Stage) -> list[Raw]:
    found: list[Raw] = stage.get("pvc,pv", "-A", "-l", f"moorage.dev/dataset={NAME}").get("items", [])
    return found
