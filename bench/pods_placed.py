"""Pods per second that a real kube-scheduler places on kwok's nodes, with our extender and without.

Both are dedicated kube-schedulers, configured as the chart does but for the rate of their clients, which would hide the
difference: both look at all nodes. Pods are created while their scheduler is stopped; then it goes on, and the time
until the last one has a node counts. Pods without datasets are placed by the one without extender, while ours and its
extender run, and while they are stopped. Rates depend on what else the machine does; the CPU that a pod takes hardly
does, so it is told too: of a scheduler with its extender, and of ours while it has nothing to place.

Needs no root. `MOORAGE_BENCH_FAKES=NAME` names a cluster that is up, of two sites and fake nodes alone.
"""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import click
import yaml
from rich.console import Console

from bench.processes import cpu_seconds
from bench.rows import Row, table
from devcluster import cluster as clusters
from devcluster.cluster import Cluster
from devcluster.progress import Terminal
from devcluster.spec import ClusterSpec
from moorage.errors import ConflictError, DevClusterError, NotFoundError, UnreachableError
from moorage.kube import DATASETS, NAMESPACES, NODES, PODS, SITES, Client, Reflector, Resource, Selection
from moorage.model import SITE_LABEL
from moorage.wire import read_node
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
SIZES = (1_000, 5_000)
PODS_PLACED, ROUNDS, DATASETS_MADE = 1_000, 3, 100
SITES_MADE = ("eu-1", "us-1")
NAMESPACE = "bench-placed"
OURS, BARE = "moorage", "bench-bare"
AIM_OF_ALONE = 0.95
_CLIENT_RATE = 1_000
_AT_ONCE = 16
_READY_SECONDS, _PLACED_SECONDS, _LOOK_SECONDS = 60.0, 600.0, 0.2

Raw = dict[str, Any]
Process: TypeAlias = "subprocess.Popen[bytes]"


@dataclass(frozen=True, slots=True)
class Taken:
    """The cost of placing the pods: seconds, and CPU seconds of the processes that were looked at."""

    seconds: float
    cpu_seconds: float


def measure(sizes: tuple[int, ...] = SIZES, pods: int = PODS_PLACED, rounds: int = ROUNDS) -> Iterator[Row]:
    """Pods a second, medians of the rounds."""
    for size in sizes:
        with _nodes(size) as made:
            yield from _measured(made, pods, rounds)


def _measured(made: Cluster, pods: int, rounds: int) -> Iterator[Row]:
    _install_crds(made)
    found = asyncio.run(_load(made))
    port = free_port()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        extender = stack.enter_context(_extender(made, port, Path(name)))
        ours = stack.enter_context(_scheduler(made, OURS, port, Path(name)))
        bare = stack.enter_context(_scheduler(made, BARE, None, Path(name)))
        both = (ours, extender)
        ways: dict[str, Callable[[], Taken]] = {
            "ours": lambda: asyncio.run(_placed(made, ours, OURS, pods, both, labelled=True)),
            "bare": lambda: asyncio.run(_placed(made, bare, BARE, pods, (bare,), labelled=True)),
            "plain": lambda: asyncio.run(_placed(made, bare, BARE, pods, both, labelled=False)),
            "alone": lambda: _without(both, made, bare, pods),
        }
        taken: dict[str, list[Taken]] = {way: [] for way in ways}
        for turn in range(rounds):
            for way in list(ways)[:: -1 if turn % 2 else 1]:
                taken[way].append(ways[way]())
    yield _listing_row(made, found, rounds)
    rates = {way: pods / statistics.median(each.seconds for each in values) for way, values in taken.items()}
    cpu = {way: 1000 / pods * statistics.median(each.cpu_seconds for each in values) for way, values in taken.items()}
    yield Row(
        f"kube-scheduler: {pods:,} pods with datasets, {found:,} nodes",
        f"{rates['ours']:.0f} pods/s; {cpu['ours']:.0f} ms of CPU each",
        f"without our extender {rates['bare']:.0f} pods/s ({rates['ours'] / rates['bare']:.2f} of it); "
        f"{cpu['bare']:.0f} ms",
    )
    yield Row(
        f"kube-scheduler: {pods:,} pods without datasets, {found:,} nodes, beside ours",
        f"{rates['plain']:.0f} pods/s; ours: {cpu['plain']:.1f} ms of CPU for each",
        f"ours stopped: {rates['alone']:.0f} pods/s ({rates['plain'] / rates['alone']:.2f} of it); "
        f"{cpu['alone']:.0f} ms of CPU for each",
        "at least 0.95 of it",
        rates["plain"] >= AIM_OF_ALONE * rates["alone"],
    )


def _listing_row(made: Cluster, found: int, rounds: int) -> Row:
    """Measure the first list of the nodes, as extender and broker do it, and with whole objects."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for metadata_only, values in seconds.items():
            values.append(asyncio.run(_list_nodes(made, metadata_only=metadata_only)))
    ours, whole = statistics.median(seconds[True]), statistics.median(seconds[False])
    return Row(
        f"extender: first list of {found:,} nodes, metadata only",
        f"{ours:.2f} s of CPU",
        f"whole objects: {whole:.2f} s ({ours / whole:.2f} of it)",
    )


async def _list_nodes(made: Cluster, *, metadata_only: bool) -> float:
    async with Client.from_environment(made.kubeconfig_path) as client:
        nodes = Reflector(client, NODES, project=read_node, metadata_only=metadata_only)
        began = time.process_time()
        async with nodes:
            await nodes.wait_synced(_PLACED_SECONDS)
            return time.process_time() - began


@contextmanager
def _nodes(size: int) -> Iterator[Cluster]:
    """Provide a control plane with so many simulated nodes."""
    if named := os.environ.get("MOORAGE_BENCH_FAKES"):
        yield clusters.find(named)
        return
    spec = ClusterSpec("bench-fakes", dict.fromkeys(SITES_MADE, 0), size)
    try:
        yield clusters.up(spec, Terminal(Console(stderr=True)))
    finally:
        clusters.down(spec.name)


def _install_crds(made: Cluster) -> None:
    kubectl = [str(made.bin_dir / "kubectl"), f"--kubeconfig={made.kubeconfig_path}"]
    subprocess.run([*kubectl, "apply", "-f", str(ROOT / "crds")], check=True, capture_output=True)
    names = [f"crd/{document['metadata']['name']}" for document in _crds()]
    subprocess.run([*kubectl, "wait", "--for=condition=Established", *names], check=True, capture_output=True)


def _crds() -> list[Raw]:
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "crds").glob("*.yaml"))]


async def _load(made: Cluster) -> int:
    """Load Sites, Datasets and the pods' namespace; return the number of nodes."""
    async with Client.from_environment(made.kubeconfig_path) as client:
        with suppress(ConflictError):
            await client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
        for site in SITES_MADE:
            await _create(client, SITES, site, {"jurisdiction": "DE", "nodeSelector": {SITE_LABEL: site}})
        for number in range(DATASETS_MADE):
            s3 = {"endpoint": "https://s3.example.com", "bucket": "bench", "secretRef": {"name": "keys"}}
            source = {"site": SITES_MADE[number % len(SITES_MADE)], "s3": s3}
            await _create(client, DATASETS, f"set-{number}", {"sources": [source]}, NAMESPACE)
        await _clean(client)
        return len(await client.list(NODES))


async def _create(client: Client, resource: Resource, name: str, spec: Raw, namespace: str = "") -> None:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    with suppress(ConflictError):
        await client.create(
            resource, {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}
        )


def _pod(number: int, scheduler: str, *, labelled: bool) -> Raw:
    labels = {"dataset.0.id": f"set-{number % DATASETS_MADE}", "dataset.0.useas": "mount"} if labelled else {}
    container = {"name": "main", "image": "none", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
    return {
        "metadata": {"name": f"pod-{number}", "namespace": NAMESPACE, "labels": labels},
        "spec": {"schedulerName": scheduler, "containers": [container], "terminationGracePeriodSeconds": 0},
    }


async def _placed(  # noqa: PLR0913 - what is measured, and where
    made: Cluster, running: Process, scheduler: str, pods: int, seen: tuple[Process, ...], *, labelled: bool
) -> Taken:
    """Measure what it took from the first pod that the scheduler sees until the last one has a node."""
    async with Client.from_environment(made.kubeconfig_path) as client:
        places = asyncio.Semaphore(_AT_ONCE)
        running.send_signal(signal.SIGSTOP)
        try:

            async def create(number: int) -> None:
                async with places:
                    await client.create(PODS, _pod(number, scheduler, labelled=labelled))

            await asyncio.gather(*map(create, range(pods)))
        finally:
            running.send_signal(signal.SIGCONT)
        began, before = time.perf_counter(), _used(seen)
        await _until(client, "spec.nodeName=")
        taken = Taken(time.perf_counter() - began, _used(seen) - before)

        await _clean(client)
    return taken


def _used(processes: Iterable[Process]) -> float:
    return sum(cpu_seconds(process.pid) for process in processes)


async def _clean(client: Client) -> None:
    """Delete all pods, also those of an earlier run."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def remove(name: str) -> None:
        async with places:
            with suppress(NotFoundError, UnreachableError):
                await client.delete(PODS, name, NAMESPACE)

    left = await client.list(PODS, Selection(NAMESPACE))
    await asyncio.gather(*(remove(pod["metadata"]["name"]) for pod in left))
    await _until(client, "")


async def _until(client: Client, fields: str) -> None:
    """Wait until there is no such pod left."""
    parameters = {"limit": "1", "fieldSelector": fields}
    ends_at = time.monotonic() + _PLACED_SECONDS
    while await _are_left(client, parameters):
        if time.monotonic() > ends_at:
            message = f"pods are still there or without a node after {_PLACED_SECONDS:.0f} s"
            raise DevClusterError(message)
        await asyncio.sleep(_LOOK_SECONDS)


async def _are_left(client: Client, parameters: dict[str, str]) -> bool:
    try:
        return bool((await client.request("GET", PODS.path(NAMESPACE), parameters=parameters))["items"])
    except UnreachableError:
        return True  # it is busy


def _without(stopped: tuple[Process, ...], made: Cluster, bare: Process, pods: int) -> Taken:
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        return asyncio.run(_placed(made, bare, BARE, pods, (bare,), labelled=False))
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


@contextmanager
def _extender(made: Cluster, port: int, folder: Path) -> Iterator[Process]:
    """Run `python3 -m scheduler_plugin` within the block."""
    environment = os.environ | made.environment
    environment |= {"MOORAGE_LISTEN_PORT": str(port), "MOORAGE_HEALTH_PORT": "0", "MOORAGE_LINGER_SECONDS": "0"}
    with _process([sys.executable, "-m", "scheduler_plugin"], folder / "extender.log", environment) as process:
        ends_at = time.monotonic() + _READY_SECONDS
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > ends_at:
                message = f"the extender does not start: {(folder / 'extender.log').read_text()[-300:]}"
                raise DevClusterError(message)
            time.sleep(_LOOK_SECONDS)
        yield process


def _is_ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
        return bool(answer.status == 200)  # noqa: PLR2004 - OK
    return False


@contextmanager
def _scheduler(made: Cluster, name: str, port: int | None, folder: Path) -> Iterator[Process]:
    """Provide a dedicated kube-scheduler, with an extender or without."""
    configuration: Raw = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(made.kubeconfig_path), "qps": _CLIENT_RATE, "burst": _CLIENT_RATE},
        "leaderElection": {"leaderElect": False},
        "profiles": [{"schedulerName": name}],
        "percentageOfNodesToScore": 100,
        "extenders": [] if port is None else [_extender_entry(port)],
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(configuration), encoding="utf-8")
    command = [str(made.bin_dir / "kube-scheduler"), f"--config={path}", "--secure-port=0"]
    with _process(command, folder / f"{name}.log", dict(os.environ)) as process:
        yield process


def _extender_entry(port: int) -> Raw:
    """Return the extender's configuration as the chart has it."""
    return {
        "urlPrefix": f"http://127.0.0.1:{port}",
        "filterVerb": "filter",
        "prioritizeVerb": "prioritize",
        "weight": 10,
        "nodeCacheCapable": True,
        "enableHTTPS": False,
        "httpTimeout": "5s",
        "ignorable": False,
    }


@contextmanager
def _process(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[Process]:
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(timeout=30)


@click.command()
@click.option("--nodes", multiple=True, type=int, default=SIZES, show_default=True)
@click.option("--pods", default=PODS_PLACED, show_default=True)
@click.option("--rounds", default=ROUNDS, show_default=True)
def main(nodes: tuple[int, ...], pods: int, rounds: int) -> None:
    """Measure it, and print a table."""
    click.echo(table(measure(nodes, pods, rounds)))


if __name__ == "__main__":
    main()
