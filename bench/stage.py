"""The cluster that measurements run on: the demo's, under a name of its own or the one that is up."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from demo import platform
from demo.stage import CONSUMER, STEWARD, Stage
from devcluster import cluster

NAME = os.environ.get("MOORAGE_BENCH_CLUSTER", "bench")


@contextmanager
def stage() -> Iterator[Stage]:
    """Provide a cluster with Moorage and the Dataset `flights` on it; taken apart afterwards, unless it was named."""
    made = platform.bring_up(NAME, Console(stderr=True))
    made.apply("dataset.yaml", show=False)
    made.wait("the Dataset to be Ready", lambda: is_ready(made, "flights"), 60)
    try:
        yield made
    finally:
        if "MOORAGE_BENCH_CLUSTER" not in os.environ:
            cluster.down(NAME)


def is_ready(made: Stage, name: str) -> bool | None:
    """True, or None where it is not Ready yet."""
    conditions = made.get("dset", name, "-n", STEWARD).get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions) or None


def container(image: str, code: str, **more: object) -> dict[str, object]:
    """Return a container that runs Python code as the namespace's Pod Security level wants it."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "name": "reader",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": security,
        "command": ["python3", "-u", "-c", code],
        **more,
    }


def pod(name: str, image: str, code: str, *, dataset: str | None) -> str:
    """Return a pod's manifest, labelled for the dataset where one is given."""
    labels = {"app": name}
    if dataset:
        labels |= {"dataset.0.id": dataset, "dataset.0.namespace": STEWARD, "dataset.0.useas": "mount"}
        labels["moorage.dev/purpose"] = "research"
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {"node-restriction.kubernetes.io/moorage-site": "eu-1"},
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container(image, code)],
    }
    metadata = {"name": name, "namespace": CONSUMER, "labels": labels}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def printed_number(made: Stage, name: str, seconds: float = 60) -> float:
    """Return the number that a pod prints as its only line."""

    def look() -> float | None:
        text = made.logs(name).strip()
        return float(text) if text else None

    return made.wait(f"{name} to print", look, seconds)
