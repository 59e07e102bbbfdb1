"""A real S3 server, and a client of an API server that does not answer."""

from collections.abc import AsyncIterator, Iterator

import httpx2 as httpx
import pytest

from moorage.kube import Client
from tests.dataset_operator.stores import Store, run_store
from tests.ports import free_port


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server, with a second bucket that has object lock."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        running.client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        yield running


@pytest.fixture
async def nobody() -> AsyncIterator[Client]:
    """A client of nobody: keys that stand in the source itself need no Secret."""
    async with Client(httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port()}")) as client:
        yield client
