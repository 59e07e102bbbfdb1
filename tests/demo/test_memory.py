"""Pods of a real node share its memory by a label; it outlives the one that put something there, and draws the next."""

import json
from typing import Any

import pytest

from demo.stage import CONSUMER, IMAGE, SYSTEM, Stage

pytestmark = pytest.mark.real

Raw = dict[str, Any]
NAME = "shared-features"
NODE = "eu-1-n1"
MIB = 1 << 20

PUT = """
import os
folder = os.environ["MOORAGE_MEMORY"]
with open(f"{folder}/features", "wb") as file:
    file.write(b"x" * 1000)
try:
    with open(f"{folder}/too-large", "wb") as file:
        file.write(bytes(32 << 20))
    print("endless")
except OSError as error:
    print(error.strerror)
os.unlink(f"{folder}/too-large")
"""
GET = """
import os
folder = os.environ["MOORAGE_MEMORY"]
with open(f"{folder}/features", "rb") as file:
    print(folder, len(file.read()))
try:
    open(f"{folder}/mine", "wb")
except OSError as error:
    print(error.strerror)
"""

LIST = """
import os
found = os.listdir("/var/lib/kubelet/plugins/data.moorage.dev/memory")
print(*sorted(name for name in found if not name.endswith(".used")))
"""


def dataset(**spec: Any) -> str:  # noqa: ANN401 - raw JSON
    """The memory of eu-1's nodes."""
    sources = [{"site": "eu-1", "memory": {"size": "16Mi"}}]
    metadata = {"name": NAME, "namespace": CONSUMER}
    return json.dumps(
        {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "Dataset",
            "metadata": metadata,
            "spec": {"sources": sources, **spec},
        }
    )


def pod(name: str, script: str, user: int, *, node: str | None = None, **labels: str) -> str:
    """A pod that uses it, where the scheduler sends it unless it names a node."""
    security = {"runAsNonRoot": True, "runAsUser": user, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {
        "name": "reader",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", script],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "nodeSelector": {"kubernetes.io/hostname": node} if node else {},
        "securityContext": security,
        "containers": [container],
    }
    labels = {"dataset.0.id": NAME, "dataset.0.useas": "memory", **labels}
    metadata = {"name": name, "namespace": CONSUMER, "labels": labels}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def lying(stage: Stage) -> list[str]:
    """What the node plugins of all nodes hold, as they see it."""
    found = []
    for each in stage.get("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=node-plugin")["items"]:
        listed = stage.kubectl(
            "exec", "-n", SYSTEM, each["metadata"]["name"], "-c", "node-plugin", "--",
            "python3", "-c", LIST,
        )  # fmt: skip
        found += [f"{each['spec']['nodeName']} {entry}" for entry in listed.out.split()]
    return found


def is_told(stage: Stage) -> bool:
    """Whether the scheduler can know where it lies."""
    told = stage.get("nodecache", NODE).get("status", {}).get("datasets", [])
    return any(entry["name"] == NAME and entry["bytes"] for entry in told)


def test_what_a_pod_puts_the_next_one_reads(stage: Stage) -> None:
    """Other users under `restricted`; read-only for who reads; full is an error; and it goes with its Dataset."""
    try:
        stage.kubectl("apply", "-f", "-", stdin=dataset(access="readWrite"))
        stage.kubectl("create", "-f", "-", stdin=pod("puts", PUT, 1001, node=NODE, **{"dataset.0.access": "readWrite"}))
        stage.wait_for_phase("puts", {"Succeeded"})
        assert stage.logs("puts").splitlines() == ["No space left on device"]
        containers = stage.get("pod", "puts", "-n", CONSUMER)["spec"]
        assert "initContainers" not in containers  # no sidecar
        stage.delete_pod("puts")
        assert [entry.rpartition("_")[0] for entry in lying(stage)] == [f"{NODE} {CONSUMER}_{NAME}"]
        stage.wait("the node to tell of it", lambda: True if is_told(stage) else None, seconds=120)
        stage.kubectl("create", "-f", "-", stdin=pod("gets", GET, 1002))
        stage.wait_for_phase("gets", {"Succeeded"})
        assert stage.get("pod", "gets", "-n", CONSUMER)["spec"]["nodeName"] == NODE  # the scheduler knew
        assert stage.logs("gets").splitlines() == [f"/mnt/memory/{NAME} 1000", "Read-only file system"]
    finally:
        stage.delete_pod("puts", "gets")
        stage.kubectl("delete", "dset", NAME, "-n", CONSUMER, "--ignore-not-found", "--timeout=60s")
    stage.wait("the memory to be freed", lambda: True if not lying(stage) else None, seconds=120)
