"""The guard of the chart, in force on a real API server."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.errors import KubeError
from moorage.kube import DATASETS, PODS, Client, RawObject
from moorage.kube.connection import find_config, open_http
from tests.polling import until
from tests.rendered import read_all
from tests.webhook.pods import NAMESPACE, make_pod, reading
from tests.world import eventually

ROOT = Path(__file__).parents[2]
TEMPLATES = ("guard-pods", "guard-labels", "guard-releases", "guard-datasets", "guard-defaults", "near-misses")
OPTED_OUT = "opted-out"
NODE = "eu-1-n1"
FEW_LABELS = 1024
"""As in the chart's `_guard.tpl`: up to so many labels, misspelt ones are found."""


@pytest.fixture(scope="session")
def guard_manifests(plane: Cluster) -> list[RawObject]:
    """What the chart renders."""
    chosen = [part for name in TEMPLATES for part in ("--show-only", f"templates/{name}.yaml")]
    chart = str(ROOT / "charts/moorage")
    command = [str(plane.bin_dir / "helm"), "template", "moorage", chart, "-n", "moorage-system", *chosen]
    rendered = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return read_all(rendered)


@pytest.fixture(scope="module")
def guarded(plane: Cluster, guard_manifests: list[RawObject]) -> Iterator[Cluster]:
    """The API server with our CRDs and the guard in force; afterwards it is as before."""

    def kubectl(*arguments: str, stdin: str | None = None) -> None:
        command = [str(plane.bin_dir / "kubectl"), f"--kubeconfig={plane.kubeconfig_path}", *arguments]
        subprocess.run(command, input=stdin, text=True, check=True, capture_output=True)

    objects: list[RawObject] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": OPTED_OUT, "labels": {"moorage.dev/admission": "disabled"}},
        },
    ]
    # Pods on a node that is not there are deleted by the garbage collector, in the middle of a test.
    objects.append({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
    kubectl("apply", "-f", str(ROOT / "crds"))
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([*objects, *guard_manifests]))
    try:
        asyncio.run(_wait_until_in_force(plane))
        eventually(lambda: _warns_of_near_misses(plane))
        yield plane
    finally:
        kubectl("delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all([*guard_manifests, *objects]))


def _warns_of_near_misses(plane: Cluster) -> bool:
    pod = json.dumps(make_pod(labels={"datasets.0.id": "claims"}))
    command = [str(plane.bin_dir / "kubectl"), f"--kubeconfig={plane.kubeconfig_path}", "create", "--dry-run=server"]
    told = subprocess.run([*command, "-f", "-"], input=pod, capture_output=True, text=True, check=False).stderr
    return "moorage-near-misses" in told


async def _wait_until_in_force(plane: Cluster) -> None:
    """Both ways: what must pass does (the namespace's account is there), and what must not does not."""
    async with Client.from_environment(plane.kubeconfig_path) as client:

        async def refuses() -> bool:
            try:
                await client.create(PODS, make_pod(), dry_run=True)
            except KubeError:
                return False
            try:
                await client.create(PODS, make_pod(labels=reading("claims")), dry_run=True)
            except KubeError as error:
                return "ValidatingAdmissionPolicy" in str(error)
            return False

        await until(refuses)
        await _wait_until_datasets_stay(client)


async def _wait_until_datasets_stay(client: Client) -> None:
    """Each policy comes into force by itself: one that is said to be in use is deleted until this one has."""
    source = {"site": "eu-1", "nfs": {"server": "nfs.example.com", "path": "/probe"}}
    identity = {"name": "probe", "namespace": NAMESPACE}
    probe = {"apiVersion": DATASETS.api_version, "kind": "Dataset", "metadata": identity, "spec": {"sources": [source]}}

    async def stays() -> bool:
        await client.create(DATASETS, probe)
        used = {"metadata": identity, "status": {"inUseBy": ["fraud/reader"], "inUseCount": 1}}
        await client.merge_patch(DATASETS, used, subresource="status")
        try:
            await client.delete(DATASETS, "probe", NAMESPACE)
        except KubeError:
            return True
        return False

    await until(stays)
    await client.merge_patch(DATASETS, {"metadata": identity, "status": {"inUseBy": []}}, subresource="status")
    await client.delete(DATASETS, "probe", NAMESPACE)


@pytest.fixture
async def client(guarded: Cluster) -> AsyncIterator[Client]:
    """The administrator's connection: nobody has more rights."""
    async with Client(open_patiently(guarded)) as client:
        yield client


def open_patiently(plane: Cluster) -> httpx.AsyncClient:
    """A connection that waits for what a busy machine does late: a pod of 60,000 labels, for instance."""
    http = open_http(find_config(plane.kubeconfig_path))
    http.timeout = httpx.Timeout(300)
    return http
