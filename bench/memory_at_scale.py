"""The memory that many Datasets cost each component: its process's peak beside the chart's limit.

A real API server (`MOORAGE_BENCH_PLANE` names one that is up) with 10,000 Datasets of ordinary size, then with 1,000 of
the largest that the CRD admits, each with a status as large as the operator writes. Operator, webhook, broker and
extender start as processes, and each is left until it is ready and at rest; the peak of resident memory is the kernel's
figure.

    python -m bench memory_at_scale
"""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.plane import plane as bare_plane
from bench.processes import cpu_seconds
from bench.rows import Row
from devcluster.cluster import Cluster
from moorage.errors import ConflictError, DevClusterError, KubeError, NotFoundError
from moorage.kube import DATASETS, NAMESPACES, Client, Selection
from moorage.wire import parse_quantity
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
ORDINARY = int(os.environ.get("MOORAGE_BENCH_ORDINARY", "10000"))
LARGEST = int(os.environ.get("MOORAGE_BENCH_LARGEST", "1000"))
NAMESPACES_USED = 10
_AT_ONCE = 8
_START_SECONDS = 600.0
_REST_SECONDS = 10.0
_JUDGED_SECONDS = 1800.0

Raw = dict[str, Any]


@dataclass(frozen=True)
class Component:
    """A component that is measured.

    Attributes:
        name: as the chart's values have it.
        module: what is run.
        health_variable: which setting is the port of its health checks.
        secure: whether they are behind TLS.
        settings: what it needs besides.
    """

    name: str
    module: str
    health_variable: str
    secure: bool
    settings: dict[str, str]


COMPONENTS = (
    Component("operator", "dataset_operator", "MOORAGE_HEALTH_LISTEN_PORT", False, {}),  # noqa: FBT003
    Component("webhook", "webhook", "MOORAGE_LISTEN_PORT", True, {"MOORAGE_NAMESPACE": "scale-system"}),  # noqa: FBT003
    Component("broker", "broker", "MOORAGE_LISTEN_PORT", True, {"MOORAGE_NAMESPACE": "scale-system"}),  # noqa: FBT003
    Component("scheduler", "scheduler_plugin", "MOORAGE_HEALTH_PORT", False, {"MOORAGE_LISTEN_PORT": "0"}),  # noqa: FBT003
)


def measure() -> Iterator[Row]:
    """Measure both sizes, one after the other.

    Raises:
        DevClusterError: a component does not come up.
    """
    with bare_plane() as plane:
        subprocess.run(
            [
                str(plane.bin_dir / "kubectl"),
                f"--kubeconfig={plane.kubeconfig_path}",
                "apply",
                "-f",
                str(ROOT / "crds"),
            ],
            check=True,
            capture_output=True,
        )
        for what, count, make, told in (
            (f"{LARGEST:,} of the largest Datasets", LARGEST, largest, STATUS),
            (f"{ORDINARY:,} Datasets", ORDINARY, ordinary, None),
        ):
            try:
                asyncio.run(_load(plane, count, make, told))
                yield from _measured(plane, what)
            finally:
                asyncio.run(_clean(plane))


def ordinary(number: int) -> Raw:
    """Return a spec as people write it."""
    s3 = {"endpoint": "https://s3.example.com", "bucket": "bench", "prefix": f"set-{number}"}
    governance = {"residency": ["EU"], "purposes": ["research"], "consumers": ["fraud", "risk/trainer"]}
    return {
        "sources": [
            {"site": "eu-1", "nfs": {"server": "nfs.example.com", "path": f"/{number}"}},
            {"site": "us-1", "s3": {**s3, "webIdentity": {"roleARN": "arn:x"}}},
        ],
        "governance": governance,
    }


def largest(number: int) -> Raw:
    """Return a spec at every limit of the CRD, in the shape that takes most memory: many short, different texts."""
    sources: list[Raw] = [
        {
            "site": f"site-{n}",
            "nfs": {"server": f"nfs-{number}-{n}.example.com", "path": f"/{number}/{n}/".ljust(200, "p")},
        }
        for n in range(64)
    ]
    consumers = [f"{number:05}-{n:03}".ljust(31, "c") for n in range(256)]
    component = {"image": "example.com/release:1", "args": [f"{number}-{n}".ljust(31, "a") for n in range(64)]}
    releases = [
        {
            "name": f"r{n}",
            "component": component,
            "yields": {"consumers": [f"{number:x}-{n:x}{each:02x}" for each in range(50)]},
        }
        for n in range(16)
    ]
    return {"sources": sources, "governance": {"consumers": consumers, "releases": releases}}


STATUS: Raw = {
    "schema": [{"name": f"column_with_a_name_{n:05}", "type": "int64", "nullable": True} for n in range(1000)],
    "sources": [{"site": f"site-{n}", "reachable": False, "reason": "x", "message": "m" * 400} for n in range(64)],
    "inUseBy": [f"some-namespace/some-pod-{n:05}" for n in range(100)],
    "inUseCount": 100,
}


async def _load(plane: Cluster, count: int, make: Any, told: Raw | None) -> None:  # noqa: ANN401
    async with Client.from_environment(plane.kubeconfig_path) as client:
        for name in (*_namespaces(), "scale-system"):
            await client.apply(NAMESPACES, {"metadata": {"name": name}})
        places = asyncio.Semaphore(_AT_ONCE)

        async def create(number: int) -> None:
            metadata = {"name": f"set-{number}", "namespace": f"scale-{number % NAMESPACES_USED}"}
            body = {"apiVersion": DATASETS.api_version, "kind": DATASETS.kind, "metadata": metadata}
            async with places:
                with contextlib.suppress(ConflictError):
                    await client.create(DATASETS, {**body, "spec": make(number)})
                if told is not None:
                    await client.merge_patch(DATASETS, {"metadata": metadata, "status": told}, subresource="status")

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(create(number))


async def _clean(plane: Cluster) -> None:
    async with Client.from_environment(plane.kubeconfig_path) as client:
        places = asyncio.Semaphore(_AT_ONCE)

        async def delete(name: str, namespace: str) -> None:
            async with places:
                with contextlib.suppress(NotFoundError):
                    await client.delete(DATASETS, name, namespace)

        for namespace in _namespaces():
            async for page in client.pages(DATASETS, Selection(namespace)):
                async with asyncio.TaskGroup() as group:
                    for raw in page.items:
                        group.create_task(delete(raw["metadata"]["name"], namespace))


def _namespaces() -> list[str]:
    return [f"scale-{number}" for number in range(NAMESPACES_USED)]


def _measured(plane: Cluster, what: str) -> Iterator[Row]:
    values = yaml.safe_load((ROOT / "charts" / "moorage" / "values.yaml").read_text())
    for component in COMPONENTS:
        limit_bytes = float(parse_quantity(values[component.name]["resources"]["limits"]["memory"]))
        peak_bytes = _peak_bytes(plane, component)
        yield Row(
            f"memory: {component.name} with {what}, peak",
            f"{peak_bytes / 2**20:.0f} MiB",
            f"the chart's limit: {limit_bytes / 2**20:.0f} MiB",
            "under nine tenths of the limit",
            peak_bytes < 0.9 * limit_bytes,
        )


def _peak_bytes(plane: Cluster, component: Component) -> int:
    port = free_port()
    environment = os.environ | component.settings
    environment |= {"KUBECONFIG": str(plane.kubeconfig_path), component.health_variable: str(port)}
    environment |= {"MOORAGE_LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", component.module], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _wait_ready(process, component, port)
            if component.name == "operator":
                asyncio.run(_wait_judged(plane))
            _wait_at_rest(process)
            return _peak_of(process.pid)
        finally:
            process.kill()
            process.wait()


def _unjudged(items: list[Raw]) -> int:
    return sum(not (raw.get("status") or {}).get("conditions") for raw in items)


async def _wait_judged(plane: Cluster) -> None:
    """Wait until every Dataset has its conditions: an operator that waits for the API server is also idle."""
    end = time.monotonic() + _JUDGED_SECONDS
    async with Client.from_environment(plane.kubeconfig_path) as client:
        while True:
            left = -1
            with contextlib.suppress(KubeError):  # an API server that is behind is asked again
                pages = [_unjudged(page.items) async for page in client.pages(DATASETS)]
                left = sum(pages)
            if not left:
                return
            if time.monotonic() > end:
                raise DevClusterError(f"{left} Datasets have no conditions after {_JUDGED_SECONDS:g} s")
            await asyncio.sleep(10)


def _wait_ready(process: "subprocess.Popen[bytes]", component: Component, port: int) -> None:
    trusting = ssl._create_unverified_context() if component.secure else None  # noqa: S323, SLF001 - our own, just made
    address = f"{'https' if component.secure else 'http'}://127.0.0.1:{port}/readyz"
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise DevClusterError(f"{component.module} ended with {process.returncode}")
        if _caches_are_full(address, trusting):
            return
        time.sleep(0.5)
    raise DevClusterError(f"{component.module} is not ready after {_START_SECONDS:g} s")


def _caches_are_full(address: str, trusting: ssl.SSLContext | None) -> bool:
    """Return whether the component is ready but for a certificate that nobody published."""
    try:
        with urllib.request.urlopen(address, context=trusting) as answer:  # noqa: S310
            told = answer.read().decode()
    except urllib.error.HTTPError as error:
        told = error.read().decode()
    except OSError:
        return False
    return not [line for line in told.splitlines() if line.startswith("[-]") and "certificate" not in line]


def _wait_at_rest(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the process uses little processor time for a while, as its queues are empty."""
    end = time.monotonic() + _START_SECONDS
    quiet_since = time.monotonic()
    before = cpu_seconds(process.pid)
    while time.monotonic() < end and time.monotonic() - quiet_since < _REST_SECONDS:
        time.sleep(1)
        now = cpu_seconds(process.pid)
        if now - before > 0.3:  # noqa: PLR2004 - a third of a processor
            quiet_since = time.monotonic()
        before = now


def _peak_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
