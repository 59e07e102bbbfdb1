"""What this room's tests share: an S3 server, and a stage on two real API servers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from moorage.kube import RawObject
from tests.dataset_operator.stores import Store, run_store
from tests.leftovers import collect
from tests.pipeline_executor.hub.stage import Stage, install_crds, rendered_rights, staged
from tests.world import Administered


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture(scope="session")
def two_planes(plane: Cluster, second_plane: Cluster) -> tuple[Cluster, Cluster]:
    """The hub's cluster and a spoke's, with our definitions; what other rooms have left would be planned with."""
    for cluster in (plane, second_plane):
        install_crds(cluster)
        Administered(cluster).kubectl("delete", "sites.moorage.dev", "--all")
    return plane, second_plane


@pytest.fixture(scope="session")
def rights(plane: Cluster) -> list[RawObject]:  # noqa: ARG001 - who has a plane can have helm
    """What the chart gives the hub."""
    return rendered_rights()


@pytest.fixture
async def stage(
    two_planes: tuple[Cluster, Cluster], store: Store, rights: list[RawObject], tmp_path: Path
) -> AsyncIterator[Stage]:
    """Names of a test's own."""
    async with staged(*two_planes, store, rights, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What a test leaves to the garbage collector is collected at its end."""
    yield
    collect()
