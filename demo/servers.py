"""Failures on purpose: kills the server behind a mount, stops all of Moorage, and starts it again."""

import hashlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.errors import SceneError
from demo.stage import SYSTEM, Stage
from devcluster.cluster import Cluster

DEPLOYMENTS = ("moorage-webhook", "moorage-scheduler", "moorage-operator", "moorage-broker")
NODE_PLUGIN = "moorage-node-plugin"
_NOWHERE = {"moorage.dev/stopped": "true"}


@dataclass(frozen=True)
class Killed:
    """A process that was killed, and when (seconds since the epoch)."""

    pid: int
    name: str
    at: float


def kill(cluster: Cluster, pod: dict[str, Any]) -> Killed:
    """Kill the server of a pod's mount with SIGKILL, as seen from the machine.

    Raises:
        SceneError: no such process runs.
    """
    del cluster
    uid = pod["metadata"]["uid"]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            groups = (folder / "cgroup").read_text()
        except OSError:
            continue
        if uid in groups and command and Path(command[0].decode(errors="replace")).name == "rclone":
            moment = time.time()
            os.kill(int(folder.name), signal.SIGKILL)
            return Killed(int(folder.name), "rclone", moment)
    raise SceneError(f"found no server of the mount of pod {pod['metadata']['name']}")


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def count_replicas(stage: Stage) -> dict[str, int]:
    """Return the number of replicas that each component should have."""
    return {name: stage.get("deployment", name, "-n", SYSTEM)["spec"]["replicas"] for name in DEPLOYMENTS}


def stop_everything(stage: Stage) -> None:
    """Scale every part of Moorage to nothing, and wait until it is gone."""
    for name in DEPLOYMENTS:
        stage.kubectl("scale", "deployment", name, "-n", SYSTEM, "--replicas=0")
    _select_nodes(stage, _NOWHERE)
    stage.show(
        "kubectl scale deployment --replicas=0 ...", "webhook, scheduler, operator, broker, node plugin: stopped"
    )
    stage.wait("Moorage to stop", lambda: None if stage.get("pods", "-n", SYSTEM).get("items") else True, 90)


def start_everything(stage: Stage, replicas: dict[str, int]) -> None:
    """Scale each component back to its replicas."""
    for name, count in replicas.items():
        stage.kubectl("scale", "deployment", name, "-n", SYSTEM, f"--replicas={count}")
    let_node_plugin_run(stage)


def let_node_plugin_run(stage: Stage) -> None:
    """Take back what keeps the node plugin off every node, also where a demo before this one stopped half-way."""
    _select_nodes(stage, dict.fromkeys(_NOWHERE))


def _select_nodes(stage: Stage, selector: dict[str, Any]) -> None:
    patch = json.dumps({"spec": {"template": {"spec": {"nodeSelector": selector}}}})
    stage.kubectl("patch", "daemonset", NODE_PLUGIN, "-n", SYSTEM, "--type=merge", "-p", patch)
