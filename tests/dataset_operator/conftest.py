"""A real S3 server and a real API server with an operator, shared by this room's tests; each uses names of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from moorage.kube import DATASETS
from tests.dataset_operator import provisioners
from tests.dataset_operator.brokers import Broker, run_broker
from tests.dataset_operator.iceberg_catalogues import Lake, run_lake
from tests.dataset_operator.metastores import Metastore, run_metastore
from tests.dataset_operator.processes import SYSTEM, Running, run_operator
from tests.dataset_operator.provisioners import Provisioner
from tests.dataset_operator.rights import granted
from tests.dataset_operator.stores import STEWARD, Store, run_store
from tests.world import World, make_world


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture(scope="session")
def world(plane: Cluster) -> Iterator[World]:
    """Sites, nodes and namespaces of this room in a real API server."""
    with make_world(plane, "oper") as made:
        keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
        made.apply(secret(made, "keys", keys))
        yield made


@pytest.fixture(scope="session")
def rights(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Kubeconfigs of operator and broker with the chart's rights and no others."""
    with granted(world, SYSTEM, tmp_path_factory.mktemp("rights")) as kubeconfigs:
        yield kubeconfigs


@pytest.fixture(scope="module")
def operator(world: World, rights: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running operator, stopped before other rooms write statuses of their own into the same API server.

    What other modules left in the steward's namespace goes first: looks at stores that are gone would precede theirs.
    """
    world.delete_all(DATASETS, world.steward)
    with run_operator(world, rights["operator"], tmp_path_factory.mktemp("operator")) as running:
        yield running


@pytest.fixture(scope="module")
def broker(world: World, rights: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker, with a node plugin to ask it."""
    with run_broker(world, rights["broker"], tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def provisioner(world: World, store: Store) -> Iterator[Provisioner]:
    """A provisioner of buckets, whose kinds the API server has while a module runs."""
    provisioners.install(world)
    yield Provisioner(world, store)
    provisioners.remove(world)


def secret(world: World, name: str, data: dict[str, str]) -> dict[str, Any]:
    """A Secret of the steward's."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": world.steward},
        "stringData": data,
    }


@pytest.fixture(scope="session")
def metastore_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore]:
    """A Hive metastore."""
    with run_metastore(tmp_path_factory.mktemp("metastore")) as running:
        yield running


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """An Iceberg catalogue that anybody may ask."""
    with run_lake(tmp_path_factory.mktemp("lake"), anonymous=True) as running:
        yield running
