"""A real kube-scheduler that asks a real extender, beside the cluster's own, which does not."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from tests.ports import free_port
from tests.world import World, eventually, make_world


@dataclass(frozen=True)
class Extender:
    """An extender process."""

    port: int
    process: subprocess.Popen[bytes]

    def ready(self) -> bool:
        """Whether /readyz says so."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz") as answer:
            return bool(answer.status == 200)
        return False

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Ask it."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - http, and our own
            return json.loads(answer.read())


@contextmanager
def run_extender(cluster: Cluster, port: int) -> Iterator[Extender]:
    """`python3 -m scheduler_plugin` until the block is left."""
    environment = os.environ | cluster.environment
    environment |= {"MOORAGE_LISTEN_PORT": str(port), "MOORAGE_HEALTH_PORT": "0", "MOORAGE_LINGER_SECONDS": "0"}
    process = subprocess.Popen([sys.executable, "-m", "scheduler_plugin"], env=environment)
    extender = Extender(port, process)
    try:
        eventually(lambda: extender.ready() or process.poll() is not None)
        assert process.poll() is None, "the extender ended at its start"
        yield extender
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def world(plane: Cluster) -> Iterator[World]:
    """Sites, nodes and namespaces of this room."""
    with make_world(plane, "sched") as made:
        yield made


@pytest.fixture(scope="session")
def extender_port() -> int:
    """Where the scheduler expects its extender, whether one runs there or not."""
    return free_port()


@pytest.fixture
def extender(world: World, extender_port: int) -> Iterator[Extender]:
    """A running extender."""
    with run_extender(world.cluster, extender_port) as running:
        yield running


@pytest.fixture(scope="module")
def moorage_scheduler(
    world: World, extender_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[bytes]]:
    """A dedicated kube-scheduler, configured as the chart does; it is gone before other rooms use the control plane."""
    folder = tmp_path_factory.mktemp("scheduler")
    configuration = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(world.cluster.kubeconfig_path)},
        "leaderElection": {"leaderElect": False},
        "profiles": [{"schedulerName": "moorage"}],
        "percentageOfNodesToScore": 100,
        "podInitialBackoffSeconds": 1,
        "podMaxBackoffSeconds": 2,
        "extenders": [
            {
                "urlPrefix": f"http://127.0.0.1:{extender_port}",
                "filterVerb": "filter",
                "prioritizeVerb": "prioritize",
                "weight": 10,
                "nodeCacheCapable": True,
                "enableHTTPS": False,
                "httpTimeout": "5s",
                "ignorable": False,
            }
        ],
    }
    path = folder / "config.json"
    path.write_text(json.dumps(configuration))
    with Path(folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [world.cluster.bin_dir / "kube-scheduler", f"--config={path}", "--secure-port=0"], stdout=log, stderr=log
        )
        yield process
        process.terminate()
        process.wait(timeout=30)
