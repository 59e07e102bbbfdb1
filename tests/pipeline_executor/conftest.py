"""A real S3 server, and a real API server, for the executor's tests."""

from collections.abc import Iterator

import pytest

from tests.dataset_operator.stores import Store, run_store
from tests.pipeline_executor.task_pods import BUCKET, Api, api_in_thread
from tests.planes import client, namespace

__all__ = ["client", "namespace"]


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server with a bucket for runs."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        running.client.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture(scope="module")
def api(store_server: Store) -> Iterator[Api]:
    """A task API over TLS, in a thread."""
    with api_in_thread(store_server) as served:
        yield served
