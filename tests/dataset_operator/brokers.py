"""A broker as a process, a node plugin's account with real node-bound tokens, and pods that mount something."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dataset_operator.processes import SYSTEM, Running, run_module
from tests.ports import free_port
from tests.world import World, eventually

Raw = dict[str, Any]
ACCOUNT = "moorage-node-plugin"


@dataclass(frozen=True)
class Broker:
    """A running broker, and how a node plugin asks it."""

    running: Running
    port: int
    world: World

    def authorities(self) -> str:
        """What node plugins find in the ConfigMap."""
        found = self.world.kubectl("get", "configmap", "moorage-broker-ca", "-n", SYSTEM, "-o", "json", check=False)
        bundle: str = (json.loads(found or "{}").get("data") or {}).get("ca.crt", "")
        return bundle

    def ask(self, token: str, body: object, path: str = "/v1/grants") -> tuple[int, Raw]:
        """POST as a node plugin does, the certificate verified against the published authorities."""
        context = ssl.create_default_context(cadata=self.authorities())
        context.check_hostname = False  # the test has no name for it; its names are asserted on their own
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode() if not isinstance(body, bytes) else body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")

    def eventually_says(self, code: int, token: str, body: object) -> Raw:
        """The first answer with that status."""

        def look() -> Raw | None:
            told, answer = self.ask(token, body)
            return answer if told == code else None

        return eventually(look)

    def ready(self) -> bool:
        """Whether /readyz says so."""
        with suppress(OSError, ValueError):
            context = ssl.create_default_context(cadata=self.authorities())
            context.check_hostname = False
            url = f"https://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(url, context=context, timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    def audits(self) -> list[Raw]:
        """What the audit says so far."""
        lines = [json.loads(line) for line in self.running.text().splitlines() if line.startswith("{")]
        return [line["audit"] for line in lines if "audit" in line]


@contextmanager
def run_broker(world: World, kubeconfig: Path, folder: Path, **changes: str) -> Iterator[Broker]:
    """A broker, a node plugin's account, and pods of it on two nodes."""
    world.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": SYSTEM}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other", "namespace": SYSTEM}},
        *[plugin_pod(world, node) for node in ("eu-a", "us-a")],
        dataset(world),
    )
    port = free_port()
    settings = {"namespace": SYSTEM, "node_plugin_account": f"{SYSTEM}/{ACCOUNT}", "listen_port": str(port)}
    settings |= {"listen_host": "127.0.0.1", "linger_seconds": "0", "identity_seconds": "1"}
    settings |= {"pod_grants_per_second": "0.2"}  # a hundred questions at once are more than one pod may ask
    with run_module(world, "broker", kubeconfig, folder, **settings, **changes) as running:
        made = Broker(running, port, world)
        eventually(lambda: made.ready() or not running.alive())
        assert running.alive(), running.text()
        yield made
    assert "forbidden" not in running.text()


def dataset(world: World, name: str = "claims", keys: str = "keys") -> Raw:
    """A governed Dataset at the eu site."""
    raw = world.dataset(name, world.eu, residency=["EU"], purposes=["research"], consumers=[f"{world.reader}/trainer"])
    raw["spec"]["sources"][0]["s3"] |= {"prefix": "/claims/", "secretRef": {"name": keys}}
    raw["spec"]["cache"] = {"mode": "always", "sizeLimit": "1Gi"}
    return raw


def plugin_pod(world: World, node: str) -> Raw:
    """The node plugin's pod on a node."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"plugin-{node}", "namespace": SYSTEM},
        "spec": {
            "nodeName": world.node(node),
            "serviceAccountName": ACCOUNT,
            "containers": [{"name": "main", "image": "none"}],
        },
    }


def token(
    world: World, *, node: str = "eu-a", account: str = ACCOUNT, audience: str = "moorage-broker", bound: bool = True
) -> str:
    """A token as the kubelet projects it into the node plugin's pod."""
    pod = f"plugin-{node}"
    spec: Raw = {"audiences": [audience], "expirationSeconds": 3600}
    if bound:
        uid = world.get("pod", pod, SYSTEM)["metadata"]["uid"]
        spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": uid}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    path = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{account}/token"
    answer = world.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))
    made: str = json.loads(answer)["status"]["token"]
    return made


def mounting(world: World, name: str, node: str = "eu-a", asked: str = "claims", **changes: Any) -> Raw:  # noqa: ANN401
    """Make a pod whose hand-written volume asks for the dataset, and return what a node plugin asks for it."""
    raw = world.pod(name, nodeName=world.node(node), **changes)
    raw["metadata"]["labels"] = {"moorage.dev/purpose": "research"}
    attributes = {"dataset": asked, "namespace": world.steward}
    csi = {"driver": "data.moorage.dev", "readOnly": True, "volumeAttributes": attributes}
    raw["spec"]["volumes"] = [{"name": "x", "csi": csi}]
    world.apply(raw)
    uid = world.get("pod", name, world.reader)["metadata"]["uid"]
    pod = {"namespace": world.reader, "name": name, "uid": uid}
    return {"pod": pod, "dataset": {"namespace": world.steward, "name": asked}}
