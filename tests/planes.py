"""Working with the control plane of `conftest.plane`: a client, a namespace of its own for each test."""

import uuid
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest

from devcluster.cluster import Cluster
from moorage.errors import KubeError
from moorage.kube import NAMESPACES, SERVICE_ACCOUNTS, Client
from tests.polling import until


@pytest.fixture
async def client(plane: Cluster) -> AsyncIterator[Client]:
    """The administrator."""
    async with Client.from_environment(plane.kubeconfig_path) as client:
        await until(lambda: is_ready(client))  # a former test may have stopped the API server
        yield client


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    """A new namespace with its default account."""
    name = f"kube-{uuid.uuid4().hex[:8]}"
    body = {"metadata": {"name": name}}
    await client.create(NAMESPACES, body)

    async def has_account() -> bool:
        return any(entry["metadata"]["namespace"] == name for entry in await client.list(SERVICE_ACCOUNTS))

    await until(has_account)
    yield name
    await client.delete(NAMESPACES, name)


def nowhere() -> Client:
    """An API server that does not answer."""
    return Client(httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False))


async def is_ready(client: Client) -> bool:
    """Whether the API server answers."""
    try:
        await client.request("GET", "/readyz")
    except KubeError:
        return False
    return True


async def make_token(client: Client, namespace: str, audience: str | None = None) -> str:
    """A token of the namespace's default account."""
    body = {"spec": {"audiences": [audience]} if audience else {}}
    path = SERVICE_ACCOUNTS.path(namespace, "default", "token")
    token: str = (await client.request("POST", path, body=body))["status"]["token"]
    return token
