"""The webhook as a process of its own, called by a real API server as the chart configures it, beside the guard."""

import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.kube import Client
from tests.guard.conftest import ROOT, guard_manifests, guarded
from tests.polling import PATIENCE_SECONDS
from tests.ports import free_port
from tests.rendered import read_all
from tests.webhook.pods import NAMESPACE

__all__ = ["guard_manifests", "guarded"]  # fixtures


@dataclass
class RunningWebhook:
    """One process of the webhook, and the API server that calls it."""

    plane: Cluster
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, and wait until it is ready: caches complete, certificate made and published."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.plane.kubeconfig_path),
            "MOORAGE_LISTEN_PORT": str(self.port),
            "MOORAGE_CERTIFICATE_NAMES": "127.0.0.1",
            "MOORAGE_LINGER_SECONDS": "0",
            **self.settings,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "webhook"], cwd=ROOT, env=environment, stderr=log)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.is_ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """End it as a node that loses power would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def is_ready(self) -> bool:
        """What /readyz says."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{self.port}/readyz", context=context, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """As a person would."""
        command = [str(self.plane.bin_dir / "kubectl"), f"--kubeconfig={self.plane.kubeconfig_path}", *arguments]
        return subprocess.run(command, input=stdin, text=True, check=check, capture_output=True)


@pytest.fixture(scope="module")
def webhook(guarded: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWebhook]:
    """The webhook in force; afterwards the API server is as before."""
    running = RunningWebhook(guarded, tmp_path_factory.mktemp("webhook") / "log")
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name, labels in {
            "moorage-system": {},
            "steward": {},
            NAMESPACE: {"pod-security.kubernetes.io/enforce": "restricted"},
        }.items()
    ]
    configuration = yaml.safe_dump_all(configurations(guarded, running.port))
    running.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(namespaces))
    running.kubectl("apply", "-f", "-", stdin=configuration)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        running.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=configuration)
        running.kubectl("delete", "--ignore-not-found", "namespace", "steward", "defaulted", NAMESPACE)
        running.kubectl("delete", "--ignore-not-found", "sites", "eu-1", "us-1")
        running.kubectl("delete", "--ignore-not-found", "-n", "moorage-system", "secret", "moorage-webhook-tls")


def configurations(plane: Cluster, port: int) -> list[dict[str, Any]]:
    """The chart's, but for where the process is."""
    chart = str(ROOT / "charts/moorage")
    command = [str(plane.bin_dir / "helm"), "template", "moorage", chart, "-n", "moorage-system"]
    rendered = subprocess.run(
        [*command, "--show-only", "templates/webhook-configuration.yaml"], capture_output=True, check=True, text=True
    ).stdout
    documents = read_all(rendered)
    for document in documents:
        for each in document["webhooks"]:
            path = each["clientConfig"]["service"]["path"]
            each["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}"}
    return documents


@pytest.fixture
async def client(webhook: RunningWebhook) -> AsyncIterator[Client]:
    """The administrator's connection."""
    async with Client.from_environment(webhook.plane.kubeconfig_path) as client:
        yield client
