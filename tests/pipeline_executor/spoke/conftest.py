"""A rig on a real API server and a real S3 server."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from moorage.kube import Client
from tests.dataset_operator.stores import Store
from tests.leftovers import collect
from tests.pipeline_executor.kubeflow.played_backend import PlayedBackend
from tests.pipeline_executor.spoke.kubeflows import kubeflow_of
from tests.pipeline_executor.spoke.rig import REPOSITORY, Rig, make_rig


@pytest.fixture(scope="session")
def crds(plane: Cluster) -> None:
    """Our kinds."""
    for command in (
        ["apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "crds")],
        ["wait", "--for=condition=Established", "--timeout=60s", "-f", str(REPOSITORY / "crds")],
    ):
        subprocess.run(["kubectl", *command], check=True, capture_output=True, env=os.environ | plane.environment)


@pytest.fixture
async def rig(
    client: Client,
    plane: Cluster,
    store_server: Store,
    crds: None,  # noqa: ARG001 - what it made is used
    tmp_path: Path,
) -> AsyncIterator[Rig]:
    """A namespace of runs, two Sites and a node."""
    if os.geteuid() != 0:
        pytest.skip("the played kubelet mounts: it needs root")
    async with make_rig(client, plane, store_server, tmp_path) as made:
        yield made


@pytest.fixture
async def backend(rig: Rig) -> AsyncIterator[PlayedBackend]:
    """A played Kubeflow Pipelines, which the rig's spokes use as their runner."""
    async with kubeflow_of(rig) as served:
        yield served


@pytest.fixture(params=["embedded", "kubeflow"])
async def any_rig(request: pytest.FixtureRequest, rig: Rig) -> AsyncIterator[Rig]:
    """A rig whose spokes have either runner."""
    if request.param == "embedded":
        yield rig
        return
    async with kubeflow_of(rig):
        yield rig


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What a test leaves to the garbage collector is collected at its end."""
    yield
    collect()
