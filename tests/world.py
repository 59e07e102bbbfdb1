"""A small world in a real API server: two sites, nodes that exist on paper, a steward's and a reader's namespace.

Every room that asks for one gets its own names, and removes them in the end.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from devcluster.cluster import Cluster
from moorage.kube import PODS, Resource
from moorage.model import API_VERSION, SITE_LABEL
from tests import api_server
from tests.polling import PATIENCE_SECONDS

T = TypeVar("T")
Raw = dict[str, Any]

CRDS = Path(__file__).parent.parent / "crds"
_CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "500"}


@dataclass(frozen=True)
class Administered:
    """A real cluster, as its administrator changes it.

    Attributes:
        cluster: that one.
    """

    cluster: Cluster

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl and return what it prints; with `check`, a failure fails the test with its words."""
        done = subprocess.run(
            ["kubectl", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            text=True,
            env=os.environ | self.cluster.environment,
        )
        assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: Raw) -> None:
        """Create or change objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(listed))


@dataclass(frozen=True)
class World(Administered):
    """Names, and ways to change the world they are in.

    Attributes:
        tag: what all names end with.
    """

    tag: str

    @property
    def steward(self) -> str:
        """The namespace of the datasets."""
        return f"steward-{self.tag}"

    @property
    def reader(self) -> str:
        """The namespace of the pods, with a service account `trainer`."""
        return f"fraud-{self.tag}"

    @property
    def eu(self) -> str:
        """A site in Germany with two nodes, `eu-a` and `eu-b`; 100 MB/s to the other."""
        return f"eu-{self.tag}"

    @property
    def us(self) -> str:
        """A site in the United States with one node, `us-a`."""
        return f"us-{self.tag}"

    def node(self, name: str) -> str:
        """The full name of node `eu-a`, `eu-b`, `us-a` or `stray`, which is at no site."""
        return f"{name}-{self.tag}"

    def get(self, kind: str, name: str, namespace: str = "") -> Raw:
        """Read one object."""
        return api_server.read(self.cluster.kubeconfig_path, kind, name, namespace)

    def delete_all(self, resource: Resource, namespace: str) -> None:
        """Delete all objects of a kind in one request: kubectl itself would send one for each, five a second."""
        self.kubectl("delete", "--raw", f"{resource.path(namespace)}?gracePeriodSeconds=0")

    def set_status(self, kind: str, name: str, status: Raw, namespace: str = "") -> None:
        """Write a status, as its controller would."""
        where = ["-n", namespace] if namespace else []
        patch = json.dumps({"status": status})
        self.kubectl("patch", kind, name, *where, "--subresource=status", "--type=merge", "-p", patch)

    def dataset(self, name: str, *sites: str, **governance: object) -> Raw:
        """A Dataset of the steward with a copy at each site that the reader's namespace may read."""
        return {
            "apiVersion": API_VERSION,
            "kind": "Dataset",
            "metadata": {"name": name, "namespace": self.steward},
            "spec": {
                "sources": [{"site": site, "s3": {"endpoint": "http://s3.test", "bucket": "b"}} for site in sites],
                "governance": {"consumers": [self.reader], **governance},
            },
        }

    def pod(self, name: str, *datasets: str, site: str = "", **spec: object) -> Raw:
        """A pod of the reader's that mounts the steward's datasets; it tolerates nodes without a kubelet."""
        labels = {"moorage.dev/purpose": "research"} if datasets else {}
        for index, dataset in enumerate(datasets):
            labels |= {
                f"dataset.{index}.id": dataset,
                f"dataset.{index}.namespace": self.steward,
                f"dataset.{index}.useas": "mount",
            }
        body: Raw = {
            "schedulerName": "moorage",
            "serviceAccountName": "trainer",
            "tolerations": [{"operator": "Exists"}],
            "nodeSelector": {SITE_LABEL: site} if site else {},
            "containers": [{"name": "main", "image": "none", "resources": {"requests": {"cpu": "10m"}}}],
            **spec,
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.reader, "labels": labels},
            "spec": body,
        }


def eventually(look: Callable[[], T | None], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Look until there is something to see; how long it takes is not asserted, only that it comes."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"nothing to see after {seconds:g} s"
        time.sleep(0.1)


@contextmanager
def make_world(cluster: Cluster, tag: str) -> Iterator[World]:
    """Make a world with this tag, and remove it afterwards."""
    world = World(cluster, tag)
    world.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    world.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))
    namespaced = [_namespace(world.steward), _namespace(world.reader)]
    nodes = [
        _node(world.node("eu-a"), world.eu),
        _node(world.node("eu-b"), world.eu),
        _node(world.node("us-a"), world.us),
        _node(world.node("stray"), ""),
    ]
    sites = [
        _site(world.eu, "DE", links=[{"to": world.us, "bytesPerSecond": "100M", "latencySeconds": "0.1"}]),
        _site(world.us, "US"),
    ]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "trainer", "namespace": world.reader}}
    try:
        # In a namespace that an earlier run left, and that is still going, nothing can be made.
        for namespace in (world.steward, world.reader):
            if "Terminating" in world.kubectl("get", "namespace", namespace, check=False):
                world.kubectl("wait", "--for=delete", f"namespace/{namespace}", "--timeout=120s")
        world.apply(*namespaced, *nodes, *sites, account)
        for node in nodes:
            status = {"conditions": [_READY], "capacity": _CAPACITY, "allocatable": _CAPACITY}
            world.set_status("node", node["metadata"]["name"], status)
        yield world
    finally:
        world.delete_all(PODS, world.reader)
        for kind, names in (
            ("namespaces", [world.steward, world.reader]),
            ("nodes", [node["metadata"]["name"] for node in nodes]),
            ("sites.moorage.dev", [world.eu, world.us]),
        ):
            world.kubectl("delete", kind, *names, "--wait=false", "--ignore-not-found", check=False)


_READY = {
    "type": "Ready",
    "status": "True",
    "reason": "OnPaper",
    "message": "no kubelet",
    "lastHeartbeatTime": "2026-01-01T00:00:00Z",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def _namespace(name: str) -> Raw:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _node(name: str, site: str) -> Raw:
    labels = {SITE_LABEL: site} if site else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def _site(name: str, jurisdiction: str, **spec: object) -> Raw:
    return {
        "apiVersion": API_VERSION,
        "kind": "Site",
        "metadata": {"name": name},
        "spec": {"jurisdiction": jurisdiction, "nodeSelector": {SITE_LABEL: name}, **spec},
    }
