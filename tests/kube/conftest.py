"""Clients with other credentials, and a network that can be cut."""

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.kube import Client
from tests.network import Network
from tests.planes import client, namespace

__all__ = ["client", "kubeconfig", "namespace", "network"]

Changes = dict[str, Any]


@pytest.fixture
def kubeconfig(plane: Cluster, tmp_path: Path) -> Callable[..., Path]:
    """Write the administrator's kubeconfig with another cluster entry or user."""

    def write(*, cluster: Changes | None = None, user: Changes | None = None) -> Path:
        config = yaml.safe_load(plane.kubeconfig_path.read_text())
        config["clusters"][0]["cluster"].update(cluster or {})
        if user is not None:
            config["users"][0]["user"] = user
        path = tmp_path / f"{uuid.uuid4().hex}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    return write


@pytest.fixture
async def network(client: Client) -> AsyncIterator[Network]:
    """A network between a client and the API server."""
    host, _, port = client.address.removeprefix("https://").partition(":")
    async with Network(host, int(port)) as network:
        yield network
