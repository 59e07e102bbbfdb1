"""How many pods a second a real kube-scheduler places on nodes that kwok simulates, with our extender and without.

Both are dedicated kube-schedulers, configured as the chart does but for the rate of their clients, which would hide the
difference: both look at all nodes. Pods are created while their scheduler is stopped; then it goes on, and the time
until the last one has a node counts. Pods without datasets are placed by the one without extender, while ours and its
extender run, and while they are stopped.

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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console

from bench.rows import Row, table
from devcluster import cluster as clusters
from devcluster.cluster import Cluster
from devcluster.progress import Terminal
from devcluster.spec import ClusterSpec
from moorage.errors import ConflictError, DevClusterError, NotFoundError, UnreachableError
from moorage.kube import DATASETS, NAMESPACES, NODES, PODS, SITES, Client, Resource, Selection
from moorage.model import SITE_LABEL
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
        ways: dict[str, Callable[[], float]] = {
            "ours": lambda: asyncio.run(_placed(made, ours, OURS, pods, labelled=True)),
            "bare": lambda: asyncio.run(_placed(made, bare, BARE, pods, labelled=True)),
            "plain": lambda: asyncio.run(_placed(made, bare, BARE, pods, labelled=False)),
            "alone": lambda: _without((ours, extender), made, bare, pods),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(rounds):
            for way in list(ways)[:: -1 if turn % 2 else 1]:
                seconds[way].append(ways[way]())
    rates = {way: pods / statistics.median(values) for way, values in seconds.items()}
    yield Row(
        f"kube-scheduler: {pods:,} pods with datasets, {found:,} nodes",
        f"{rates['ours']:.0f} pods/s",
        f"without our extender {rates['bare']:.0f} pods/s ({rates['ours'] / rates['bare']:.2f} of it)",
    )
    yield Row(
        f"kube-scheduler: {pods:,} pods without datasets, {found:,} nodes, beside ours",
        f"{rates['plain']:.0f} pods/s",
        f"ours stopped: {rates['alone']:.0f} pods/s ({rates['plain'] / rates['alone']:.2f} of it)",
        "at least 0.95 of it",
        rates["plain"] >= AIM_OF_ALONE * rates["alone"],
    )


@contextmanager
def _nodes(size: int) -> Iterator[Cluster]:
    """A control plane with so many simulated nodes."""
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
    """Sites, Datasets and the pods' namespace; gives the number of nodes."""
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


async def _placed(
    made: Cluster, running: "subprocess.Popen[bytes]", scheduler: str, pods: int, *, labelled: bool
) -> float:
    """Seconds from the first pod that the scheduler sees until the last one has a node."""
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
        began = time.perf_counter()
        await _until(client, "spec.nodeName=")
        seconds = time.perf_counter() - began

        await _clean(client)
    return seconds


async def _clean(client: Client) -> None:
    """No pod is left, of an earlier run either."""
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


def _without(
    stopped: "tuple[subprocess.Popen[bytes], ...]", made: Cluster, bare: "subprocess.Popen[bytes]", pods: int
) -> float:
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        return asyncio.run(_placed(made, bare, BARE, pods, labelled=False))
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


@contextmanager
def _extender(made: Cluster, port: int, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """`python3 -m scheduler_plugin`."""
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
def _scheduler(made: Cluster, name: str, port: int | None, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A dedicated kube-scheduler, with an extender or without."""
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
    """As the chart has it."""
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
def _process(command: list[str], log: Path, environment: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
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
