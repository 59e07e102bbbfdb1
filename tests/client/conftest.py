"""A world of this room's own, and the official library's connection to it."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client as official

from devcluster.cluster import Cluster
from moorage.client import Client
from moorage.client.connecting import connect_by_kubeconfig
from tests.world import World, make_world


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """Sites and namespaces in a real API server."""
    with make_world(plane, "people") as made:
        yield made


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[Any]:
    """The official library, connected as the administrator."""
    made, _ = connect_by_kubeconfig(str(world.cluster.kubeconfig_path), None)
    with made:
        yield made


@pytest.fixture
def moorage(world: World, api: official.ApiClient) -> Client:
    """The typed client, in the steward's namespace."""
    return Client(api, world.steward)
