"""The phases of starting a cluster, in order of dependence."""

import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from devcluster import (
    binaries,
    cgroups,
    control_plane,
    dns,
    fake_nodes,
    images,
    kubectl,
    node,
    object_store,
    process,
)
from devcluster.control_plane import Authorities
from devcluster.layout import cache_dir
from devcluster.network import Wiring
from devcluster.progress import Progress
from devcluster.record import Record
from devcluster.spec import ClusterSpec, NodeSpec
from moorage.errors import DevClusterError

_API_SERVER_SECONDS = 120.0
_NODES_SECONDS = 180.0
_POLL_SECONDS = 0.2


class Start:
    """The phases of bringing one cluster up."""

    def __init__(self, spec: ClusterSpec, known: Record, progress: Progress) -> None:
        self._spec = spec
        self._layout = known.layout
        self._addresses = known.addresses
        self._progress = progress
        self._nodes = spec.nodes

    def run(self, found: dict[str, Path]) -> None:
        """Bring it up with these programs.

        Raises:
            DevClusterError: something did not start; the message has the end of its log.
        """
        binaries.link(found, self._layout.bin)
        authorities = Authorities.new()
        with self._progress.step("Starting the control plane"):
            wiring = self._wire() if self._nodes else None
            control_plane.write_credentials(self._layout, self._addresses, authorities)
            for component in ("etcd", "kube-apiserver"):
                control_plane.start(component, self._layout, self._addresses)
            for number, site in enumerate(self._spec.object_stores):
                object_store.create(self._layout, self._addresses, site, number, self._spec.identities)
            inits = self._start_nodes(authorities, wiring) if wiring else {}
            self._wait_for_api_server()
            for component in ("kube-controller-manager", "kube-scheduler"):
                control_plane.start(component, self._layout, self._addresses)
            if self._nodes:
                dns.write_files(self._layout, self._addresses, authorities.kubernetes)
                kubectl.create(self._layout, dns.RIGHTS)
                dns.start(self._layout)
        if self._nodes:
            self._join_nodes(inits)
        if self._spec.fake_nodes:
            with self._progress.step(f"Simulating {self._spec.fake_nodes} nodes"):
                fake_nodes.start(self._spec, self._layout, self._addresses)
        if self._nodes or self._spec.fake_nodes:
            self._wait_for_nodes()
        self._wait_for_object_stores()
        if self._nodes:
            dns.wait_until_ready(self._layout, self._addresses)
        self._layout.complete.touch()

    def _wire(self) -> Wiring:
        return Wiring.start(self._layout, self._addresses, len(self._spec.object_stores))

    def _start_nodes(self, authorities: Authorities, wiring: Wiring) -> dict[str, process.Process]:
        """Start every node with namespaces, cables and containerd: none of it needs the API server."""
        hierarchies = cgroups.hierarchies()
        numbers = [each.number for each in self._nodes]
        inits = {}
        for each in self._nodes:
            cgroups.create(node.cgroup_name(self._spec.name, each.name), hierarchies)
            node.write_files(each, self._layout, self._addresses, authorities.kubernetes)
            inits[each.name] = node.start(each, self._layout, self._addresses)
            wiring.connect(each.number, inits[each.name].pid, numbers)
        return inits

    def _wait_for_api_server(self) -> None:
        needed = ("etcd", "kube-apiserver")
        run = self._layout.run
        if not kubectl.wait_until_ready(
            self._layout, _API_SERVER_SECONDS, lambda: all(process.runs(run / component) for component in needed)
        ):
            broken = next((component for component in needed if not process.runs(run / component)), "kube-apiserver")
            message = f"{broken} did not come up:\n{_tail(self._layout.logs / f'{broken}.log')}"
            raise DevClusterError(message)

    def _join_nodes(self, inits: dict[str, process.Process]) -> None:
        with self._progress.step(f"Joining {_nodes(len(self._nodes))}"):
            kubectl.create(self._layout, [node.manifest(each, self._addresses) for each in self._nodes])
            for each in self._nodes:
                for program in ("kubelet", "kube-proxy"):
                    node.want(program, each, self._layout, self._addresses)
                inits[each.name].signal(signal.SIGHUP)
            pause = images.build(
                "pause",
                cache_dir() / "images" / "built",
                lambda _: None,
                programs=partial(binaries.program, progress=self._progress),
            )
            on_all(self._nodes, lambda one: import_image(self._layout.bin, inits[one.name], pause.path))

    def _wait_for_nodes(self) -> None:
        expected = len(self._nodes) + self._spec.fake_nodes
        with self._progress.step(f"Waiting for {_nodes(expected)} to be Ready") as step:
            deadline = time.monotonic() + _NODES_SECONDS
            while True:
                ready = kubectl.ready_nodes(self._layout)
                step.update("", sum(ready.values()), expected)
                if sum(ready.values()) >= expected:
                    return
                if time.monotonic() > deadline:
                    late = sorted(name for name, is_ready in ready.items() if not is_ready)
                    tail = _tail(self._layout.node(late[0]).logs / "kubelet.log") if late else ""
                    message = f"not Ready after {_NODES_SECONDS:.0f} s: {', '.join(late)}\n{tail}"
                    raise DevClusterError(message)
                time.sleep(_POLL_SECONDS)

    def _wait_for_object_stores(self) -> None:
        for number, site in enumerate(self._spec.object_stores):
            store = object_store.read(self._layout, self._addresses, site, number)
            if not object_store.wait_until_ready(store):
                tail = _tail(self._layout.logs / f"object-store-{site}.log")
                message = f"the object store of {site} does not answer at {store.endpoint}:\n{tail}"
                raise DevClusterError(message)


def import_image(bin_dir: Path, init: process.Process, oci_tar: Path) -> None:
    """Import an OCI archive into the node of this first process.

    Raises:
        DevClusterError: the node refused it.
    """
    address = node.containerd_address(init)
    # Not through the transfer service: passing the archive through it takes twice the time.
    options = ("--address", address, "--namespace", "k8s.io")
    command = [str(bin_dir / "ctr"), *options, "images", "import", "--local", str(oci_tar)]
    deadline = time.monotonic() + _NODES_SECONDS
    while not Path(address).exists() and init.alive and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        message = f"can't import {oci_tar}: {done.stderr.strip()[-1000:]}"
        raise DevClusterError(message)


def on_all(nodes: list[NodeSpec], work: Callable[[NodeSpec], None]) -> None:
    """Do the same on every node at once; the first error is raised."""
    if nodes:
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(work, nodes))


def _tail(log: Path) -> str:
    try:
        return f"(the end of {log})\n{log.read_text(errors='replace')[-1500:]}"
    except OSError:
        return f"(no {log})"


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"
