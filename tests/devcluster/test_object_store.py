"""Real S3 servers on loopback addresses."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from devcluster import object_store, process
from devcluster.address import MOST_CLUSTERS, Addresses
from devcluster.layout import Layout
from devcluster.object_store import ObjectStore
from devcluster.spec import Identity

# Beyond what living clusters use, and others than another run's on this machine.
_FIRST = MOST_CLUSTERS + 3 * (os.getpid() % 60)
_ADDRESSES, _KILLED, _FOUND_AGAIN = (Addresses(_FIRST + number, bridged=False) for number in range(3))
_READER = Identity("reader", "reader-key", "reader-secret", ("Read:shared", "List:shared"))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ObjectStore]]:
    """Two servers side by side, as two sites of one cluster have them."""
    layout = Layout(tmp_path_factory.mktemp("stores"))
    made = [
        object_store.create(layout, _ADDRESSES, site, number, [_READER]) for number, site in enumerate(["eu-1", "us-1"])
    ]
    assert all(object_store.wait_until_ready(store) for store in made)
    yield made
    process.stop(process.marked(str(layout.root)), grace_seconds=0)
    assert _sockets()
    for number in range(len(made)):
        object_store.remove_sockets(_ADDRESSES, number)
    assert not _sockets()


def _sockets() -> list[Path]:
    """What servers at these addresses have in /tmp."""
    ports = object_store._inner_ports(_ADDRESSES, 0)  # noqa: SLF001 - told nowhere else
    return [path for port in ports.values() for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]


def _client(store: ObjectStore, access_key: str, secret_key: str) -> Any:  # noqa: ANN401 - boto3 has no types
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=store.region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        # It answers before it has a volume to write to.
        config=Config(retries={"total_max_attempts": 12, "mode": "standard"}),
    )


def test_sites_are_apart(stores: list[ObjectStore]) -> None:
    """What is put at one site is not at the other."""
    here, there = (_client(store, store.access_key, store.secret_key) for store in stores)
    here.create_bucket(Bucket="only-here")
    here.put_object(Bucket="only-here", Key="word", Body=b"content")
    assert here.get_object(Bucket="only-here", Key="word")["Body"].read() == b"content"
    assert [bucket["Name"] for bucket in here.list_buckets()["Buckets"]] == ["only-here"]
    assert there.list_buckets()["Buckets"] == []


def test_identities_are_limited(stores: list[ObjectStore]) -> None:
    """A reader reads its bucket, and can neither write there nor read another one."""
    administrator = _client(stores[0], stores[0].access_key, stores[0].secret_key)
    for bucket in ("shared", "other"):
        administrator.create_bucket(Bucket=bucket)
        administrator.put_object(Bucket=bucket, Key="word", Body=b"content")
    reader = _client(stores[0], _READER.access_key, _READER.secret_key)
    assert reader.get_object(Bucket="shared", Key="word")["Body"].read() == b"content"
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.put_object(Bucket="shared", Key="word", Body=b"changed")
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.get_object(Bucket="other", Key="word")


def test_data_and_keys_outlive_the_server(stores: list[ObjectStore], tmp_path: Path) -> None:
    """A server that was killed and started again has what it had."""
    del stores
    layout = Layout(tmp_path)
    made = object_store.create(layout, _KILLED, "eu-1", 0, [])
    try:
        assert object_store.wait_until_ready(made)
        client = _client(made, made.access_key, made.secret_key)
        client.create_bucket(Bucket="kept")
        client.put_object(Bucket="kept", Key="word", Body=b"content")
        assert process.stop(process.marked(str(layout.root)), grace_seconds=0) == []
        object_store.start(layout, _KILLED, "eu-1", 0)
        assert object_store.wait_until_ready(made)
        assert client.get_object(Bucket="kept", Key="word")["Body"].read() == b"content"
    finally:
        process.stop(process.marked(str(layout.root)), grace_seconds=0)
        object_store.remove_sockets(_KILLED, 0)


def test_keys_are_private_and_found_again(stores: list[ObjectStore], tmp_path: Path) -> None:
    """The file with the keys is its owner's alone, keys are not printed, and a later process finds them."""
    assert stores[0].secret_key not in repr(stores[0])
    layout = Layout(tmp_path)
    folder = layout.object_store("eu-1")
    made = object_store.create(layout, _FOUND_AGAIN, "eu-1", 0, [])
    try:
        assert (folder / "identities.json").stat().st_mode & 0o077 == 0
        assert object_store.read(layout, _FOUND_AGAIN, "eu-1", 0) == made
    finally:
        process.stop(process.marked(str(layout.root)), grace_seconds=0)
        object_store.remove_sockets(_FOUND_AGAIN, 0)
