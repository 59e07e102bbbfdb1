"""The stores of a cluster's Sites, on a real API server and a real S3 server."""

import asyncio
import threading

import pytest

from devcluster.cluster import Cluster
from moorage.errors import StoreError
from moorage.kube import SECRETS, Client
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from pipeline_executor.store import SiteStores, site_stores
from tests.builders import make_site
from tests.dataset_operator.stores import STEWARD, STRANGER, Store
from tests.pipeline_executor.task_pods import BUCKET


async def _write_keys(client: Client, namespace: str, keys: Credentials) -> None:
    body = {
        "metadata": {"namespace": namespace, "name": "store"},
        "stringData": {"accessKeyID": keys.access_key_id, "secretAccessKey": keys.secret_access_key},
    }
    await client.apply(SECRETS, body)


async def test_other_keys_are_used_by_all_who_hold_the_store(
    client: Client, plane: Cluster, namespace: str, store_server: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds a store, as a group does while it runs, goes on; so do requests that are under way or wait."""
    assert plane
    monkeypatch.setattr(site_stores, "_TRUSTED_SECONDS", 0.0)
    location = S3Source(store_server.endpoint, BUCKET, prefix=namespace, secret_name="store")
    site = make_site("eu-1", artifact_store=location)
    await _write_keys(client, namespace, STRANGER)
    go_on = threading.Event()
    async with SiteStores(client, namespace, lambda _: site) as stores:
        held = await stores.get("eu-1")
        with pytest.raises(StoreError, match="eu-1"):
            await held.put(f"{namespace}/a", b"one")
        under_way = [asyncio.create_task(held.run("wait", go_on.wait)) for _ in range(20)]
        await asyncio.sleep(0)
        await _write_keys(client, namespace, STEWARD)
        renewed = await stores.get("eu-1")
        go_on.set()
        assert renewed is held
        assert all(await asyncio.gather(*under_way))
        await held.put(f"{namespace}/a", b"one")
        assert await held.get(f"{namespace}/a", 10) == b"one"
    with pytest.raises(RuntimeError, match="shutdown"):
        await held.get(f"{namespace}/a", 10)
