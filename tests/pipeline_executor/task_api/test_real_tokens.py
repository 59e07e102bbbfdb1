"""Tokens of pods, as a real API server vouches for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2 as httpx
import pytest

from moorage.grants.question import PodIdentity
from moorage.kube import PODS, Client
from pipeline_executor.task_sidecar import exchange
from tests.dataset_operator.stores import Store
from tests.pipeline_executor.task_pods import Api, TaskPod, open_runs, serve_api


@pytest.fixture
async def api(store_server: Store, client: Client) -> AsyncIterator[Api]:
    """A task API that asks a real API server."""
    async with open_runs(store_server) as store, serve_api(store, client) as served:
        yield served


async def made_pod(client: Client, namespace: str, name: str) -> PodIdentity:
    """A pod in the API server; nothing runs it."""
    spec = {"containers": [{"name": "main", "image": "none"}]}
    made = await client.create(PODS, {"metadata": {"name": name, "namespace": namespace}, "spec": spec})
    return PodIdentity(namespace, name, made["metadata"]["uid"])


async def token_of(client: Client, pod: PodIdentity, audience: str = exchange.AUDIENCE, *, bound: bool = True) -> str:
    """A token as the kubelet projects it."""
    spec: dict[str, object] = {"audiences": [audience], "expirationSeconds": 600}
    if bound:
        spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
    path = f"/api/v1/namespaces/{pod.namespace}/serviceaccounts/default/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = await client.request("POST", path, action="make a token", body=body)
    token: str = answer["status"]["token"]
    return token


async def status_of(api: Api, token: str) -> int:
    """What a caller with this token is answered."""
    async with httpx.AsyncClient(verify=api.tls(), headers={"Authorization": f"Bearer {token}"}) as http:
        return (await http.get(api.url + exchange.TASK)).status_code


async def test_a_pods_own_token_is_what_counts(client: Client, namespace: str, api: Api, tmp_path: Path) -> None:
    """Another pod's, another audience's, an unbound one, and that of a pod that was deleted get nothing."""
    own, other = await made_pod(client, namespace, "own"), await made_pod(client, namespace, "other")
    TaskPod(tmp_path, api, own).launch(path=namespace)
    assert await status_of(api, await token_of(client, own)) == 200
    assert await status_of(api, await token_of(client, other)) == 404
    assert await status_of(api, await token_of(client, own, "moorage-broker")) == 401
    assert await status_of(api, await token_of(client, own, bound=False)) == 401
    earlier = await token_of(client, own)
    await client.delete(PODS, own.name, own.namespace)
    again = await made_pod(client, namespace, "own")
    assert again.uid != own.uid
    assert await status_of(api, earlier) == 401
    assert await status_of(api, await token_of(client, again)) == 404
