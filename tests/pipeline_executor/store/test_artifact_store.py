"""An artifact store on a real S3 server."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx2 as httpx
import pytest

from moorage.errors import StoreError
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from pipeline_executor.store import ArtifactStore, StoredObject, open_store
from tests.dataset_operator.stores import STEWARD, Store, run_store

KEYS = Credentials(STEWARD.access_key_id, STEWARD.secret_access_key)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        running.client.create_bucket(Bucket="runs")
        yield running


@pytest.fixture
async def store(server: Store) -> AsyncIterator[ArtifactStore]:
    """The store of a site, in a folder of a bucket."""
    async with open_store("eu-1", S3Source(server.endpoint, "runs", prefix="moorage/"), KEYS) as opened:
        yield opened


async def test_objects_come_back(store: ArtifactStore) -> None:
    """What was put is there, with its size; what was not put is not."""
    await store.put("moorage/a/1", b"one")
    await store.put("moorage/a/2", b"")
    assert await store.get("moorage/a/1", 10) == b"one"
    assert await store.get("moorage/a/3", 10) is None
    assert (await store.size("moorage/a/2"), await store.size("moorage/a/3")) == (0, None)
    assert await store.keys("moorage/a/") == [StoredObject("moorage/a/1", 3), StoredObject("moorage/a/2", 0)]
    await store.delete(["moorage/a/1", "moorage/a/nothing"])
    assert await store.keys("moorage/a/") == [StoredObject("moorage/a/2", 0)]


async def test_of_many_writers_one_is_first(store: ArtifactStore) -> None:
    """A conditional write succeeds once, whoever tries, and the first content stays."""
    won = await asyncio.gather(*(store.put_once("moorage/once", str(each).encode()) for each in range(8)))
    assert won.count(True) == 1
    assert await store.get("moorage/once", 10) == str(won.index(True)).encode()


async def test_reading_and_listing_are_bounded(store: ArtifactStore) -> None:
    """An object larger than expected, or more objects than expected, are an error and no memory."""
    for each in range(3):
        await store.put(f"moorage/many/{each}", b"x" * 100)
    with pytest.raises(StoreError, match="more than 99 bytes"):
        await store.get("moorage/many/0", 99)
    with pytest.raises(StoreError, match="more than 2 objects"):
        await store.keys("moorage/many/", most=2)


async def test_a_presigned_url_does_one_thing(store: ArtifactStore) -> None:
    """Whoever holds it writes that object without a key, and no other."""
    url = store.presigned("put_object", 60, Key="moorage/signed")
    async with httpx.AsyncClient() as http:
        assert (await http.put(url, content=b"data")).status_code == 200
        other = url.replace("moorage/signed", "moorage/other")
        assert (await http.put(other, content=b"data")).status_code == 403
    assert await store.get("moorage/signed", 10) == b"data"


def test_keys_outside_of_the_prefix_are_not_the_stores() -> None:
    """A URI of another bucket or folder is none of its objects."""
    made = ArtifactStore("eu-1", S3Source("http://127.0.0.1:9", "runs", prefix="/moorage"), None)
    assert made.key("s3://runs/moorage/a") == "moorage/a"
    assert made.key(made.uri("moorage/a/b")) == "moorage/a/b"
    for uri in ("s3://other/moorage/a", "s3://runs/moorage2/a", "s3://runs/moorage/../a", "gs://runs/moorage/a"):
        assert made.key(uri) is None


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (lambda endpoint: S3Source(endpoint, "missing"), "BucketNotFound"),
        (lambda _: S3Source("http://127.0.0.1:9", "runs"), "StoreUnreachable"),
    ],
)
async def test_failures_have_a_reason(server: Store, location: object, reason: str) -> None:
    """And name the store, what was tried and the remedy; no key is in the message."""
    assert callable(location)
    async with open_store("eu-1", location(server.endpoint), KEYS) as store:
        with pytest.raises(StoreError, match=r"artifact store of Site eu-1 .*: can't list x: ") as caught:
            await store.keys("x")
    assert caught.value.reason == reason
    assert KEYS.secret_access_key not in str(caught.value)


async def test_wrong_keys_are_told(server: Store) -> None:
    """With the place where to mend them."""
    async with open_store("eu-1", S3Source(server.endpoint, "runs"), Credentials("AKIANOBODY", "wrong")) as store:
        with pytest.raises(StoreError, match="secretRef") as caught:
            await store.put("x", b"")
    assert caught.value.reason == "AccessDenied"


def test_a_site_without_a_store_is_told() -> None:
    """The message names the field."""
    with pytest.raises(StoreError, match=r"Site us-1: spec\.artifactStore is missing"):
        open_store("us-1", None, None)


async def test_the_signer_signs_as_boto3_does(store: ArtifactStore) -> None:
    """Its URLs read and write, whatever the key; nothing else can be done with them."""
    key = "moorage/signed by/us/é+~(1)='&?#%25.csv"
    async with httpx.AsyncClient() as http:
        assert (await http.put(store.signer.url("PUT", key, 60), content=b"data")).status_code == 200
        assert (await http.get(store.signer.url("GET", key, 60))).content == b"data"
        assert (await http.get(store.signer.url("PUT", key, 60))).status_code == 403
    assert await store.get(key, 10) == b"data"
