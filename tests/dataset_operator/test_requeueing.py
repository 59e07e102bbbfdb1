"""A real kube-scheduler, a real extender, and pods that were refused: they run when what refused them is gone."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from dataset_operator.cluster_index import PER_NAMESPACE
from dataset_operator.requeueing import CONDITION
from moorage.kube import PODS
from tests.ports import free_port
from tests.scheduler_plugin.conftest import run_extender
from tests.world import World, eventually

pytestmark = pytest.mark.usefixtures("operator", "scheduler")

SCHEDULER = "moorage-requeued"  # a name of its own, so that no other test's scheduler takes these pods
Raw = dict[str, Any]


@pytest.fixture(scope="module")
def scheduler(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A dedicated kube-scheduler with its extender."""
    port, folder = free_port(), tmp_path_factory.mktemp("scheduler")
    extender = {
        "urlPrefix": f"http://127.0.0.1:{port}",
        "filterVerb": "filter",
        "weight": 1,
        "nodeCacheCapable": True,
        "enableHTTPS": False,
    }
    configuration = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(world.cluster.kubeconfig_path)},
        "leaderElection": {"leaderElect": False},
        "profiles": [{"schedulerName": SCHEDULER}],
        "extenders": [extender],
    }
    (folder / "config.json").write_text(json.dumps(configuration))
    command: list[str | Path] = [world.cluster.bin_dir / "kube-scheduler", f"--config={folder / 'config.json'}"]
    with run_extender(world.cluster, port), (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--secure-port=0"], stdout=log, stderr=log)
        yield
        process.terminate()
        process.wait(timeout=30)


def waiting_for(world: World, name: str, dataset: str, refusal: str) -> Raw:
    """Make a pod that wants to read at the us site, and wait until it was refused."""
    world.apply(world.pod(name, dataset, site=world.us, schedulerName=SCHEDULER))

    def refused() -> Raw | None:
        raw = world.get("pod", name, world.reader)
        told = {entry["type"]: entry for entry in raw.get("status", {}).get("conditions", ())}
        return raw if refusal in told.get("PodScheduled", {}).get("message", "") else None

    return eventually(refused)


def bound(world: World, name: str) -> Raw | None:
    """The pod, once it has a node."""
    raw = world.get("pod", name, world.reader)
    return raw if raw["spec"].get("nodeName") else None


def requeued(raw: Raw) -> str:
    """What our condition says."""
    return next((entry["message"] for entry in raw["status"].get("conditions", ()) if entry["type"] == CONDITION), "")


def test_a_pod_runs_once_the_steward_allows_its_site(world: World) -> None:
    """Untouched by its author; its labels, annotations and spec as they were; others are left alone."""
    world.apply(world.dataset("strict", world.eu, residency=["EU"]), world.dataset("other", world.eu, residency=["EU"]))
    before = waiting_for(world, "patient", "strict", "ResidencyViolated")
    waiting_for(world, "bystander", "other", "ResidencyViolated")
    world.apply(world.dataset("strict", world.eu, residency=["EU", "US"]))
    after = eventually(lambda: bound(world, "patient"))
    assert after["spec"]["nodeName"] == world.node("us-a")
    assert requeued(after).startswith(f"Dataset {world.steward}/strict changed")
    for part in ("labels", "annotations"):
        assert after["metadata"].get(part) == before["metadata"].get(part)
    assert "strict" not in requeued(world.get("pod", "bystander", world.reader))


def test_a_pod_runs_once_its_dataset_exists(world: World) -> None:
    """Created after the pod."""
    waiting_for(world, "early", "later", "DatasetUnknown")
    world.apply(world.dataset("later", world.eu))
    assert eventually(lambda: bound(world, "early"))


def test_a_pod_runs_once_the_site_is_cleared(world: World) -> None:
    """A Site changes."""
    world.apply(world.dataset("secret", world.eu, classification="restricted"))
    waiting_for(world, "cleared", "secret", "ClearanceTooLow")
    world.kubectl("patch", "site", world.us, "--type=merge", "-p", '{"spec":{"clearance":"restricted"}}')
    assert eventually(lambda: bound(world, "cleared"))
    world.kubectl("patch", "site", world.us, "--type=merge", "-p", '{"spec":{"clearance":"internal"}}')


def test_a_pod_runs_once_its_namespace_lists_the_purpose(world: World) -> None:
    """An annotation of the Namespace changes."""
    world.kubectl("annotate", "namespace", world.reader, "moorage.dev/purposes=billing")
    try:
        world.apply(world.dataset("purposeful", world.eu, purposes=["research"]))
        waiting_for(world, "purpose", "purposeful", "PurposeMissing")
        world.kubectl("annotate", "namespace", world.reader, "moorage.dev/purposes=billing,research", "--overwrite")
        assert eventually(lambda: bound(world, "purpose"))
    finally:
        world.kubectl("annotate", "namespace", world.reader, "moorage.dev/purposes-")


def test_a_tenant_that_edits_in_a_loop_writes_at_a_bounded_rate(world: World, tmp_path: Path) -> None:
    """Three hundred waiting pods and edits without a pause: every pod is touched, none without end."""
    names = [f"loop-{n}" for n in range(300)]
    world.apply(world.dataset("loop", world.eu, residency=["EU"]))
    world.apply(*[world.pod(name, "loop", site=world.us, schedulerName="nobody") for name in names])
    touched = tmp_path / "touched"
    command = ["kubectl", "get", "pods", "-n", world.reader, "--watch-only", "-o", "name"]
    try:
        with touched.open("wb") as output, _running(world, command, output):
            began, residency = time.monotonic(), ["EU"]
            while time.monotonic() - began < 10:
                residency = ["EU", "CH"] if residency == ["EU"] else ["EU"]
                world.apply(world.dataset("loop", world.eu, residency=residency))
            seconds = time.monotonic() - began
            writes = touched.read_text().count("pod/loop-")
        # Unpaced, each edit touches each pod thrice.
        assert writes <= PER_NAMESPACE.burst + PER_NAMESPACE.per_second * seconds
        ends = names[0], names[-1]
        assert eventually(
            lambda: all("loop changed" in requeued(world.get("pod", name, world.reader)) for name in ends)
        )
    finally:
        world.delete_all(PODS, world.reader)


@contextmanager
def _running(world: World, command: list[str], output: BinaryIO) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=output, env=os.environ | world.cluster.environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)
