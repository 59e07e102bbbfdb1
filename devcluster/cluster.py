"""Brings a cluster up, tells how it is, and lets tests and demos reach into it."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from devcluster import (
    binaries,
    control_plane,
    dns,
    kubectl,
    limits,
    node,
    object_store,
    preflight,
    process,
    record,
    starting,
    teardown,
)
from devcluster.layout import Layout
from devcluster.network import SWITCH
from devcluster.object_store import ObjectStore
from devcluster.progress import Progress, Silent
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError

_RECOVERY_SECONDS = 30.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up.

    Attributes:
        bin_dir: kubectl, helm and all else that it runs; one folder for PATH.
        object_stores: by site.
    """

    spec: ClusterSpec
    kubeconfig_path: Path
    bin_dir: Path
    state_dir: Path
    object_stores: dict[str, ObjectStore]

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.spec.name

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which a person's shell reaches the cluster."""
        return {"KUBECONFIG": str(self.kubeconfig_path), "PATH": f"{self.bin_dir}:{os.environ.get('PATH', '')}"}

    def node_process(self, name: str) -> process.Process:
        """Return the first process of a node.

        Raises:
            DevClusterError: no such node runs.
        """
        init = process.read(Layout(self.state_dir).node(name).init_pid)
        if init is None or not init.alive:
            message = f"node {name} of cluster {self.name} does not run"
            raise DevClusterError(message)
        return init

    def stop_component(self, component: str, node_name: str | None = None, *, grace_seconds: float = 5) -> None:
        """Stop a process of the control plane, `object-store-SITE`, or one of a node's programs.

        Raises:
            DevClusterError: it lives even so, or there is no such node.
        """
        layout = Layout(self.state_dir)
        if node_name is not None:
            (layout.node(node_name).wanted / f"{component}.json").unlink(missing_ok=True)
            self.node_process(node_name).signal(signal.SIGHUP)
            return
        running = process.read(layout.run / component)
        if running is not None and process.stop([running], grace_seconds=grace_seconds):
            message = f"{component} of cluster {self.name} can't be stopped"
            raise DevClusterError(message)

    def start_component(self, component: str, node_name: str | None = None) -> None:
        """Start again what `stop_component` stopped.

        Raises:
            DevClusterError: it can't be executed, or there is no such node.
        """
        known = record.read(self.name)
        if known is None:
            message = f"there is no cluster {self.name}"
            raise DevClusterError(message)
        stores = {f"object-store-{site}": (number, site) for number, site in enumerate(known.object_stores)}
        if component in stores:
            number, site = stores[component]
            object_store.start(known.layout, known.addresses, site, number)
            object_store.wait_until_ready(self.object_stores[site])
            return
        if component == dns.NAME:
            dns.start(known.layout)
            dns.wait_until_ready(known.layout, known.addresses)
            return
        if node_name is None:
            control_plane.start(component, known.layout, known.addresses)
            return
        init = self.node_process(node_name)
        spec = next(each for each in self.spec.nodes if each.name == node_name)
        node.want(component, spec, known.layout, known.addresses)
        init.signal(signal.SIGHUP)


@dataclass(frozen=True)
class Status:
    """The status of a cluster.

    Attributes:
        components: of the control plane and the object stores, and whether each runs.
        nodes: and whether each is Ready; empty when the API server does not answer.
    """

    name: str
    api_server: str
    components: dict[str, bool]
    nodes: dict[str, bool]
    expected_nodes: int

    @property
    def running(self) -> bool:
        """Whether every process runs and every node is Ready."""
        return all(self.components.values()) and sum(self.nodes.values()) >= self.expected_nodes


def up(spec: ClusterSpec, progress: Progress | None = None, *, bin_dir: Path | None = None) -> Cluster:
    """Bring a cluster up, or find it up already; what is left of one of that name is removed first.

    Args:
        spec: the spec of the cluster.
        progress: the sink of progress messages.
        bin_dir: executables to be used before all others.

    Raises:
        DevClusterError: the machine can't, or something did not start; the message says what, and where its log is.
    """
    progress = progress or Silent()
    if (running := _running_already(spec)) is not None:
        return running
    preflight.require(spec)
    if teardown.leftovers(spec.name):
        with progress.step(f"Removing what is left of {spec.name}"):
            teardown.remove(spec.name)
    found = binaries.provide(binaries.needed(spec), progress, given=bin_dir)
    if spec.nodes:
        preflight.require_network(found["ip"], found["nft"])
        limits.raise_limits()
    known = record.create(spec)
    starting.Start(spec, known, progress).run(found)
    return find(spec.name)


def find(name: str) -> Cluster:
    """Find the cluster of this name, as it was brought up.

    Raises:
        DevClusterError: there is none.
    """
    known = record.read(name)
    if known is None:
        message = f"there is no cluster {name!r}; `moorage dev up` makes one"
        raise DevClusterError(message)
    layout = known.layout
    stores = {
        site: object_store.read(layout, known.addresses, site, number)
        for number, site in enumerate(known.object_stores)
    }
    return Cluster(known.spec, layout.kubeconfig, layout.bin, layout.root, stores)


def down(name: str, progress: Progress | None = None) -> bool:
    """Take a cluster apart; False when there was nothing.

    Raises:
        DevClusterError: something of it can't be removed.
    """
    if not teardown.leftovers(name):
        return False
    with (progress or Silent()).step(f"Removing cluster {name}"):
        teardown.remove(name)
    return True


def status(name: str) -> Status:
    """Read the status of a cluster.

    Raises:
        DevClusterError: there is none.
    """
    known = record.read(name)
    if known is None:
        message = f"there is no cluster {name!r}; `moorage dev up` makes one"
        raise DevClusterError(message)
    layout = known.layout
    components = {component: process.runs(layout.run / component) for component in control_plane.COMPONENTS}
    components |= {
        f"object-store-{site}": process.runs(layout.run / f"object-store-{site}") for site in known.object_stores
    }
    if (layout.run / SWITCH).exists():
        components[SWITCH] = process.runs(layout.run / SWITCH)
    if (layout.run / dns.NAME).exists():
        components[dns.NAME] = process.runs(layout.run / dns.NAME)
    if known.fake_nodes:
        components["kwok"] = process.runs(layout.run / "kwok")
    components |= {f"node {each.name}": process.runs(layout.node(each.name).init_pid) for each in known.spec.nodes}
    nodes = {}
    if components["kube-apiserver"] and kubectl.answers(layout):
        nodes = kubectl.ready_nodes(layout)
    expected = len(known.spec.nodes) + known.fake_nodes
    return Status(name, known.addresses.api_server, components, nodes, expected)


def load_image(cluster: Cluster, oci_tar: Path, progress: Progress | None = None) -> None:
    """Import an OCI archive into every node, all at once.

    Raises:
        DevClusterError: a node refused it.
    """
    with (progress or Silent()).step(f"Loading {oci_tar.name} into {len(cluster.spec.nodes)} nodes"):
        starting.on_all(
            cluster.spec.nodes,
            lambda one: starting.import_image(cluster.bin_dir, cluster.node_process(one.name), oci_tar),
        )


def _running_already(spec: ClusterSpec) -> Cluster | None:
    """Return the requested cluster if it is up; None if there is nothing to keep, as its API server is dead."""
    known = record.read(spec.name)
    if known is None or not known.layout.complete.exists() or not status(spec.name).components["kube-apiserver"]:
        return None
    asked = (dict(spec.sites), spec.fake_nodes, tuple(spec.object_stores))
    if (known.sites, known.fake_nodes, known.object_stores) != asked:
        message = f"cluster {spec.name} runs with other sites or nodes: `moorage dev down` it first, or give a --name"
        raise DevClusterError(message)
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while not (found := status(spec.name)).running:
        if time.monotonic() > deadline:
            # It may still be in use, so it is not removed unasked.
            stopped = [name for name, runs in {**found.components, **found.nodes}.items() if not runs]
            message = f"cluster {spec.name} runs in part only ({', '.join(stopped)}): `moorage dev down` it first"
            raise DevClusterError(message)
        time.sleep(_POLL_SECONDS)
    return find(spec.name)
