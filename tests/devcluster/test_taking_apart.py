"""Several clusters side by side, and taking them apart whatever happened to them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import cluster, object_store, process, record, teardown
from devcluster.cluster import Cluster
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError
from tests.conftest import BUSYBOX, make_busybox_image
from tests.polling import PATIENCE_SECONDS

pytestmark = pytest.mark.real

_NAME = "test-apart"
_SPEC = ClusterSpec(_NAME, {"eu-1": 1}, fake_nodes=1, object_stores=("eu-1",))


@pytest.fixture
def second(real_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster beside the one that all tests share."""
    del real_cluster
    yield cluster.up(_SPEC)
    cluster.down(_NAME)


def _run_a_pod_that_mounts(made: Cluster, folder: Path) -> None:
    """Have a container, a network namespace, cgroups and a mount inside the node."""
    cluster.load_image(made, make_busybox_image(folder))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "mounter"},
        "spec": {
            "volumes": [{"name": "host", "hostPath": {"path": "/var/lib/shared", "type": "DirectoryOrCreate"}}],
            "containers": [
                {
                    "name": "main",
                    "image": BUSYBOX,
                    "imagePullPolicy": "Never",
                    "command": ["sh", "-c", "mount -t tmpfs none /host; trap '' TERM; while true; do sleep 1; done"],
                    "securityContext": {"privileged": True},
                    "volumeMounts": [{"name": "host", "mountPath": "/host", "mountPropagation": "Bidirectional"}],
                }
            ],
        },
    }
    _kubectl(made, "wait", "serviceaccount/default", "--for=create", "--timeout=60s")
    _kubectl(made, "create", "-f", "-", stdin=json.dumps(pod))
    _kubectl(made, "wait", "pod/mounter", "--for=condition=Ready", "--timeout=60s")


def _kubectl(made: Cluster, *arguments: str, stdin: str | None = None) -> str:
    command = [str(made.bin_dir / "kubectl"), f"--kubeconfig={made.kubeconfig_path}", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True, text=True).stdout


def _everything_of(made: Cluster, known: record.Record) -> dict[str, object]:
    """What there is on this machine, asked in other ways than the code under test does."""
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True, text=True).stdout
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, check=True, text=True).stdout
    routes = subprocess.run(["ip", "route"], capture_output=True, check=True, text=True).stdout
    return {
        "processes": str(made.state_dir) in processes,
        "links": f" {known.addresses.link}@" in links,
        "routes": str(known.addresses.node_pods(0)) in routes,
        "mounts": str(made.state_dir) in Path("/proc/self/mountinfo").read_text(),
        "cgroups": any(Path("/sys/fs/cgroup").rglob(f"*.{made.name}.*")),
        "files": made.state_dir.exists(),
    }


_RUNNING = {"processes": True, "links": True, "routes": True, "mounts": False, "cgroups": True, "files": True}


@pytest.mark.parametrize("killed", ["nothing", "everything", "the control plane", "the first process of the node"])
def test_nothing_is_left(killed: str, second: Cluster, real_cluster: Cluster, tmp_path: Path) -> None:
    """Whatever was killed before: no process, link, route, mount, control group or file stays; neighbours live on."""
    _run_a_pod_that_mounts(second, tmp_path)
    known = record.read(_NAME)
    assert known is not None
    assert _everything_of(second, known) == _RUNNING
    init = second.node_process("eu-1-n1")
    victims = {
        "nothing": [],
        "everything": [*process.marked(str(second.state_dir)), init],
        "the control plane": [found for each in (second.state_dir / "run").iterdir() if (found := process.read(each))],
        "the first process of the node": [init],
    }[killed]
    for victim in victims:
        victim.signal(signal.SIGKILL)

    assert cluster.down(_NAME)

    assert teardown.leftovers(_NAME) == []
    assert not Path(f"/sys/class/net/{known.addresses.link}").exists()
    assert not init.alive
    assert _everything_of(second, known) == dict.fromkeys(_RUNNING, False)
    assert cluster.status(real_cluster.name).running
    assert not cluster.down(_NAME)


def test_a_half_started_cluster_is_replaced(second: Cluster) -> None:
    """After a crash half way, `up` removes what is left and starts anew."""
    (second.state_dir / "complete").unlink()
    old = second.node_process("eu-1-n1")
    again = cluster.up(_SPEC)
    assert not old.alive
    assert cluster.status(again.name).running


def test_up_is_idempotent(second: Cluster) -> None:
    """The same cluster is found again; another of the same name is refused."""
    assert cluster.up(_SPEC) == second
    with pytest.raises(DevClusterError, match="runs with other sites or nodes"):
        cluster.up(ClusterSpec(_NAME, {"us-1": 1}))


def test_a_cluster_that_runs_in_part_is_not_taken_apart_unasked(
    second: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may be using it: `up` names what is stopped, and leaves the rest alone."""
    monkeypatch.setattr(cluster, "_RECOVERY_SECONDS", 0.1)
    second.stop_component("kube-scheduler")
    init = second.node_process("eu-1-n1")
    with pytest.raises(DevClusterError, match=r"runs in part only \(kube-scheduler\)"):
        cluster.up(_SPEC)
    assert init.alive


def test_components_stop_and_start(second: Cluster) -> None:
    """A program can be taken away and given back, on the host and in a node; what was killed comes back by itself."""
    init = second.node_process("eu-1-n1")

    def kubelets() -> list[int]:
        listed = subprocess.run(
            ["ps", "--ppid", str(init.pid), "-o", "pid=,comm="], capture_output=True, check=False, text=True
        ).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if line.endswith(" kubelet")]

    def wait_for(number: int, without: int | None = None) -> list[int]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found := kubelets()) != number or without in found:
            assert time.monotonic() < deadline, f"{len(found)} kubelets, not {number}"
            time.sleep(0.05)
        return found

    first = wait_for(1)[0]
    os.kill(first, signal.SIGKILL)
    wait_for(1, without=first)
    second.stop_component("kubelet", "eu-1-n1")
    wait_for(0)
    second.start_component("kubelet", "eu-1-n1")
    wait_for(1)

    second.stop_component("kube-scheduler")
    assert not cluster.status(_NAME).components["kube-scheduler"]
    second.start_component("kube-scheduler")
    assert cluster.status(_NAME).components["kube-scheduler"]

    second.stop_component("object-store-eu-1")
    assert not object_store.wait_until_ready(second.object_stores["eu-1"], seconds=0.5)
    second.start_component("object-store-eu-1")
    assert object_store.wait_until_ready(second.object_stores["eu-1"])


def test_fake_nodes_stand_beside_real_ones(second: Cluster) -> None:
    """Fake nodes are at the sites too, and take no pod that should really run."""
    nodes = json.loads(_kubectl(second, "get", "nodes", "-o", "json"))["items"]
    fake = next(node for node in nodes if node["metadata"]["name"] == "eu-1-fake1")
    assert fake["metadata"]["labels"]["node-restriction.kubernetes.io/moorage-site"] == "eu-1"
    assert fake["spec"]["taints"][0]["effect"] == "NoSchedule"


def test_down_forgives_a_lost_record(second: Cluster) -> None:
    """Even with the record gone, everything that is found by mark, name and path goes."""
    known = record.read(_NAME)
    (second.state_dir / "cluster.json").write_text("{")
    assert cluster.down(_NAME)
    assert known is not None
    assert not Path(f"/sys/class/net/{known.addresses.link}").exists()
    assert teardown.leftovers(_NAME) == []
