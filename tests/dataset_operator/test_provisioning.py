"""Buckets that are made for Datasets: with their own keys, and deleted only where nothing is lost."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dataset_operator.listing import Budget
from dataset_operator.listing.marks import UID_TAG, mark_of
from dataset_operator.listing.s3 import Access
from dataset_operator.listing.s3.buckets import is_bucket_name, make_bucket, remove_bucket
from dataset_operator.listing.s3.transport import BoundedSession, Origin
from moorage.errors import SourceError
from moorage.model import DatasetRef
from moorage.sources.provision import Provision
from moorage.sources.s3 import S3Source
from tests.dataset_operator.processes import Running
from tests.dataset_operator.stores import STEWARD, STRANGER, Store
from tests.dataset_operator.test_operator import status_when
from tests.world import World, eventually

MARK = mark_of(DatasetRef("steward", "x"), "uid-1")


def tags(store: Store, bucket: str) -> dict[str, str]:
    """Of a bucket; none where there are none."""
    try:
        found = store.client.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError:
        return {}
    return {tag["Key"]: tag["Value"] for tag in found}


def is_there(store: Store, bucket: str) -> bool:
    """Whether the store has it."""
    return bucket in {each["Name"] for each in store.client.list_buckets()["Buckets"]}


def test_a_bucket_is_made_once_and_tagged(store: Store) -> None:
    """One that somebody made meanwhile gets no tag, so it is never deleted."""
    make_bucket(store.access("", bucket="prov-made"), MARK)
    assert tags(store, "prov-made") == MARK
    make_bucket(store.access("", bucket="prov-made"), mark_of(DatasetRef("other", "x"), "uid-2"))
    assert tags(store, "prov-made") == MARK
    store.client.create_bucket(Bucket="prov-others")
    make_bucket(store.access("", bucket="prov-others"), MARK)
    assert tags(store, "prov-others") == {}
    assert "no tag that says" in remove_bucket(store.access("", bucket="prov-others"), MARK)
    assert is_there(store, "prov-others")


def test_only_an_empty_bucket_of_this_dataset_goes(store: Store) -> None:
    """This store would delete a bucket with all that is in it."""
    access = store.access("", bucket="prov-goes")
    make_bucket(access, MARK)
    assert remove_bucket(access, mark_of(DatasetRef("steward", "x"), "uid-2")) == "it was not made for this Dataset"
    assert remove_bucket(access, mark_of(DatasetRef("steward", "x"), "")) == "it was not made for this Dataset"
    store.put({"deep/a": b"1"}, "prov-goes")
    assert remove_bucket(access, MARK) == "it is not empty"
    store.client.delete_object(Bucket="prov-goes", Key="deep/a")
    upload = store.client.create_multipart_upload(Bucket="prov-goes", Key="b")["UploadId"]
    assert remove_bucket(access, MARK) == "it is not empty"
    store.client.abort_multipart_upload(Bucket="prov-goes", Key="b", UploadId=upload)
    assert remove_bucket(access, MARK) == ""
    assert not is_there(store, "prov-goes")
    assert remove_bucket(access, MARK) == ""


def test_old_versions_keep_a_bucket(store: Store) -> None:
    """They may be all that is left of somebody's data."""
    access = store.access("", bucket="prov-versions")
    make_bucket(access, MARK)
    store.client.put_bucket_versioning(Bucket="prov-versions", VersioningConfiguration={"Status": "Enabled"})
    store.put({"a": b"1"}, "prov-versions")
    store.client.delete_object(Bucket="prov-versions", Key="a")
    assert remove_bucket(access, MARK) == "it is not empty"


@pytest.mark.parametrize("name", ["Upper", "un_der", "a", "a..b", ".ab", "ab-", "10.0.0.1", "x" * 64, "a.-b", "ä-b"])
def test_names_that_no_store_takes(store: Store, name: str) -> None:
    """They are told before anybody is asked."""
    assert not is_bucket_name(name)
    with pytest.raises(SourceError) as refused:
        make_bucket(store.access("", bucket=name), MARK)
    assert refused.value.reason == "BucketNameInvalid"


def test_keys_that_may_not_make_it_are_told(store: Store) -> None:
    """Nothing is made with other keys than the Dataset's."""
    with pytest.raises(SourceError) as refused:
        make_bucket(store.access("", STRANGER, bucket="prov-denied"), MARK)
    assert refused.value.reason == "AccessDenied"
    assert not is_there(store, "prov-denied")


@pytest.fixture
def index() -> Iterator[tuple[str, list[str]]]:
    """A server that is no store, and obeys PUT and DELETE; its URL, and what it was asked."""
    asked: list[str] = []

    class Index(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.append(self.command)
            self.send_response(404 if self.command == "GET" else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def test_what_is_no_store_is_asked_to_change_nothing(index: tuple[str, list[str]]) -> None:
    """A Dataset could name any server of the network, and have an index there made or deleted."""
    url, asked = index
    access = Access(S3Source(url, "customers"), STEWARD, Budget())
    with pytest.raises(SourceError):
        make_bucket(access, MARK)
    with pytest.raises(SourceError):
        remove_bucket(access, MARK)
    assert set(asked) == {"GET"}


def test_a_name_that_means_another_host_now_is_not_called(store: Store) -> None:
    """Nothing is changed at an address that has not answered as a store before."""
    access = store.access("")
    session = BoundedSession(Origin("x", store.endpoint), access.budget, access.stop)
    session.is_pinned = True
    assert session.choose(["192.0.2.1", "192.0.2.2"]) == ["192.0.2.1", "192.0.2.2"]
    session.called("192.0.2.2")
    assert session.choose(["192.0.2.1", "192.0.2.2"]) == ["192.0.2.2"]
    with pytest.raises(OSError, match="another host"):
        session.choose(["192.0.2.1"])


def _dataset(world: World, store: Store, name: str, policy: str) -> dict[str, Any]:
    raw = world.dataset(name, world.eu)
    s3 = {"endpoint": store.endpoint, "bucket": f"prov-{name}", "secretRef": {"name": "keys"}}
    raw["spec"]["sources"] = [{"site": world.eu, "s3": s3 | {"provision": {"deletionPolicy": policy}}}]
    return raw


def test_a_dataset_brings_its_bucket_and_takes_it_along(world: World, operator: Running, store: Store) -> None:
    """One that is kept by policy, or holds something, or that another Dataset names, stays; nothing waits for it."""
    del operator
    names = {"goes": "Delete", "stays": "Retain", "full": "Delete", "shared": "Delete"}
    world.apply(*(_dataset(world, store, f"b-{name}", policy) for name, policy in names.items()))
    for name in names:
        message = status_when(world, f"b-{name}", "NoObjects")["conditions"]
        assert message
        uid = world.get("dataset", f"b-{name}", world.steward)["metadata"]["uid"]
        assert tags(store, f"prov-b-{name}")[UID_TAG] == uid
    store.put({"a": b"1"}, "prov-b-full")
    other = _dataset(world, store, "b-other", "Retain")
    other["spec"]["sources"][0]["s3"]["bucket"] = "prov-b-shared"
    world.apply(other)
    status_when(world, "b-other", "NoObjects")
    datasets = [f"datasets.moorage.dev/b-{name}" for name in names]
    world.kubectl("delete", "-n", world.steward, "--timeout=60s", *datasets)
    eventually(lambda: not is_there(store, "prov-b-goes"))

    def told() -> str:
        return world.kubectl("get", "events", "-n", world.steward, "-o", "jsonpath={.items[*].message}")

    eventually(lambda: "prov-b-full" in told() and "prov-b-shared" in told() and "prov-b-goes" in told())
    words = told()
    assert f"the bucket of {store.endpoint}/prov-b-goes went with the Dataset" in words
    assert f"the bucket of {store.endpoint}/prov-b-full is kept: it is not empty" in words
    assert f"{store.endpoint}/prov-b-shared is kept: Dataset {world.steward}/b-other names it, too" in words
    assert all(is_there(store, f"prov-b-{name}") for name in ("stays", "full", "shared"))


def test_datashims_words_make_a_bucket(world: World, operator: Running, store: Store) -> None:
    """`provision: "true"` in `spec.local`; the bucket is kept."""
    del operator
    raw = world.dataset("b-local", world.eu)
    local = {"type": "COS", "endpoint": store.endpoint, "bucket": "prov-b-local", "secret-name": "keys"}
    raw["spec"] = {"local": local | {"provision": "true", "site": world.eu}}
    world.apply(raw)
    status_when(world, "b-local", "NoObjects")
    assert UID_TAG in tags(store, "prov-b-local")


def test_nobody_else_is_told_of_it() -> None:
    """A mount has no use for it."""
    source = S3Source("https://s3.test", "b", secret_name="keys")
    assert "provision" not in replace(source, provision=Provision()).granted().write()
