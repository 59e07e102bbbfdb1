"""Nodes that kwok simulates: Ready at once, and every pod that is scheduled there counts as running."""

from pathlib import Path
from typing import Any

from devcluster import kubectl, process
from devcluster.address import Addresses
from devcluster.layout import Layout
from devcluster.node import site_labels
from devcluster.spec import ClusterSpec

_ANNOTATION = "kwok.x-k8s.io/node"
_STAGES = Path(__file__).with_name("kwok_stages.yaml")
_SIZE = {"cpu": "32", "memory": "256Gi", "pods": "110", "ephemeral-storage": "1Ti"}


def manifests(spec: ClusterSpec) -> list[dict[str, Any]]:
    """Return the Node objects, spread over the sites in turn.

    Beside real nodes they are tainted, so that nothing that should run is only said to.
    """
    sites = list(spec.sites)
    taint = {"key": _ANNOTATION, "value": "fake", "effect": "NoSchedule"}
    made = []
    for number in range(spec.fake_nodes):
        site = sites[number % len(sites)]
        name = f"{site}-fake{number // len(sites) + 1}"
        made.append(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "annotations": {_ANNOTATION: "fake"},
                    "labels": {**site_labels(name, site), "type": "kwok", "kubernetes.io/os": "linux"},
                },
                "spec": {"taints": [taint] if spec.nodes else []},
                "status": {"capacity": _SIZE, "allocatable": _SIZE},
            }
        )
    return made


def start(spec: ClusterSpec, layout: Layout, addresses: Addresses) -> None:
    """Start kwok and make the Node objects.

    Raises:
        DevClusterError: it can't be executed, or the API server refuses the nodes.
    """
    process.start(
        [
            str(layout.bin / "kwok"),
            f"--kubeconfig={layout.pki / 'kwok.kubeconfig'}",
            f"--config={_STAGES}",
            f"--manage-nodes-with-annotation-selector={_ANNOTATION}=fake",
            f"--node-ip={addresses.host}",
            "--node-lease-duration-seconds=40",
        ],
        mark=str(layout.root),
        log=layout.logs / "kwok.log",
        pid_file=layout.run / "kwok",
        env={"HOME": str(layout.run)},
    )
    kubectl.create(layout, manifests(spec))
