"""A real API server with this room's server in front, as a process that has the chart's rights and no others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from tests.dataset_operator.rights import granted
from tests.kfp_api.servers import SYSTEM, Server, make_accounts, run_server
from tests.leftovers import collect
from tests.world import World, make_world


@pytest.fixture(scope="session")
def world(plane: Cluster) -> Iterator[World]:
    """Two namespaces: the reader's, in which runs are made, and another tenant's."""
    with make_world(plane, "kfp") as made:
        make_accounts(made)
        yield made


@pytest.fixture(scope="session")
def rights(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kubeconfig with the chart's rights for the reader's namespace and the steward's."""
    values = ("kfpApi.enabled=true", f'kfpApi.namespaces=["{world.reader}","{world.steward}"]')
    with granted(world, SYSTEM, tmp_path_factory.mktemp("rights"), ["kfp-api"], values) as kubeconfigs:
        yield kubeconfigs["kfp-api"]


@pytest.fixture(scope="session")
def server(world: World, rights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, over TLS, asking for tokens, for one namespace."""
    with run_server(world, rights, tmp_path_factory.mktemp("kfp-api")) as running:
        yield running


@pytest.fixture(scope="session")
def token(server: Server) -> str:
    """Of an account that may do everything with runs."""
    return server.token("scientist")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What a test leaves to the garbage collector is collected at its end."""
    yield
    collect()
