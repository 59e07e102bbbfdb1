"""A store on a real S3 server."""

from collections.abc import AsyncIterator, Iterator

import pytest

from moorage.sources.s3 import S3Source
from moorage.stores import ReadableStore
from tests.dataset_operator.stores import BUCKET, STEWARD, Store, run_store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture
async def store(server: Store) -> AsyncIterator[ReadableStore]:
    """The store of a site, in a folder of the bucket."""
    opened = ReadableStore("eu-1", S3Source(server.endpoint, BUCKET, prefix="moorage/"), STEWARD)
    yield opened
    await opened.close()
