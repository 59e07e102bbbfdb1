"""Deleting buckets of Datasets that went: every attempt ends, and tenants neither see nor delay each other."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from dataset_operator import bucket_remover, entries
from dataset_operator.bucket_remover import BucketRemover
from dataset_operator.entries import Written, names_bucket, read_written
from dataset_operator.listing import Budget
from dataset_operator.listing.marks import UID_TAG, mark_of
from dataset_operator.listing.s3 import Access
from dataset_operator.listing.s3.buckets import remove_bucket
from moorage.errors import NotFoundError
from moorage.model import API_VERSION, DatasetRef
from moorage.sources import Location
from moorage.sources.s3 import S3Source
from tests.dataset_operator.stores import STEWARD
from tests.polling import until

MARK = mark_of(DatasetRef("steward", "x"), "uid-1")
OURS = f"<Tagging><TagSet><Tag><Key>{UID_TAG}</Key><Value>uid-1</Value></Tag></TagSet></Tagging>"


@contextmanager
def answering(answer: Callable[[str], str]) -> Iterator[tuple[str, list[str]]]:
    """A store that answers each GET with a document, and the methods that it was asked with."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.append(self.command)
            body = answer(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_an_answer_without_tags_is_no_tag() -> None:
    """A document that is none of theirs is no error without an end."""
    with answering(lambda _: "<Tagging/>") as (url, asked):
        assert (
            remove_bucket(Access(S3Source(url, "data"), STEWARD, Budget()), MARK) == "it was not made for this Dataset"
        )
    assert "DELETE" not in asked


@pytest.mark.parametrize("question", ["list-type", "versions", "uploads"])
def test_a_page_of_nothing_that_others_follow_is_not_empty(question: str) -> None:
    """Of objects, of old versions and of uploads."""

    def answer(path: str) -> str:
        if "tagging" in path:
            return OURS
        return f"<Answer><IsTruncated>{str(question in path).lower()}</IsTruncated></Answer>"

    with answering(answer) as (url, asked):
        assert remove_bucket(Access(S3Source(url, "data"), STEWARD, Budget()), MARK) == "it is not empty"
    assert "DELETE" not in asked


def test_a_mark_fits_into_a_tag() -> None:
    """However long the names are."""
    assert all(len(value) <= 256 for value in mark_of(DatasetRef("n" * 63, "d" * 253), "uid").values())


class Events:
    """What was told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    async def warning(self, _: object, __: str, message: str, **___: object) -> None:
        """Tell of trouble."""
        self.messages.append(message)

    async def normal(self, _: object, __: str, message: str, **___: object) -> None:
        """Tell of what went well."""
        self.messages.append(message)


class EmptyServer:
    """An API server without objects."""

    async def get(self, *_: object) -> None:
        """Find nothing."""
        raise NotFoundError("not found", status=404)


def make_remover(events: Events, used: Callable[[Location], Any]) -> BucketRemover:
    """A remover beside nothing real."""
    return BucketRemover(cast("Any", EmptyServer()), cast("Any", events), Budget(), used)


def gone(name: str, namespace: str = "team") -> Written:
    """A Dataset whose bucket is to go with it."""
    source = {
        "site": "eu-1",
        "s3": {
            "endpoint": f"http://{namespace}.example.com",
            "bucket": name,
            "secretRef": {"name": "keys"},
            "provision": {"deletionPolicy": "Delete"},
        },
    }
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 1}
    return read_written({"apiVersion": API_VERSION, "metadata": metadata, "spec": {"sources": [source]}})


async def test_whatever_goes_wrong_there_is_a_last_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours counts like a store's, and the Event says no more than that."""
    monkeypatch.setattr(bucket_remover, "_FIRST_PAUSE_SECONDS", 0.001)
    tried = 0

    async def used(_: Location) -> None:
        nonlocal tried
        tried += 1
        raise KeyError("TagSet")

    events = Events()
    async with make_remover(events, used) as remover:
        remover.gone(gone("data"))
        await until(lambda: bool(events.messages))
    assert tried == bucket_remover.ATTEMPTS
    assert "the store's answer can't be read" in events.messages[0]
    assert not remover._attempts  # noqa: SLF001 - nothing may stay of it
    assert not remover._waiting  # noqa: SLF001


@pytest.mark.parametrize(("other", "told"), [("team", "Dataset team/other names it"), ("secret", "another Dataset")])
async def test_only_names_of_its_own_namespace_are_told(other: str, told: str) -> None:
    """Buckets' names can be guessed, and would tell who has a Dataset of them."""

    async def used(_: Location) -> DatasetRef:
        return DatasetRef(other, "other")

    events = Events()
    async with make_remover(events, used) as remover:
        remover.gone(gone("data"))
        await until(lambda: bool(events.messages))
    assert told in events.messages[0]
    assert ("secret" in events.messages[0]) is False


async def test_a_namespace_takes_its_own_part_of_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many buckets it has, those of another namespace get their turn."""
    monkeypatch.setattr(bucket_remover, "_MOST_WAITING_OF_A_NAMESPACE", 3)
    waits = asyncio.Event()

    async def used(location: Location) -> DatasetRef:
        if location.bucket_name != "other":
            await waits.wait()
        return DatasetRef("team", "x")

    events = Events()
    async with make_remover(events, used) as remover:
        for number in range(10):
            remover.gone(gone(f"data-{number}"))
        assert len(remover._attempts) == 3  # noqa: SLF001
        remover.gone(gone("other", "others"))
        await until(lambda: len(events.messages) == 1)
        waits.set()
        await until(lambda: len(events.messages) == 4)


@pytest.mark.parametrize("name", ["spec", "sources", "moorage.dev", "http", "sit", "keys"])
def test_words_of_every_spec_are_no_bucket_that_it_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read for them: a tenant could have all Datasets read, again and again."""
    written = gone("data")
    monkeypatch.setattr(entries, "dataset_of", lambda _: pytest.fail("it was read"))
    assert not names_bucket(written, name)


def test_a_bucket_is_found_in_either_form() -> None:
    """Of a source, and of Datashim's words."""
    metadata = {"name": "x", "namespace": "team", "uid": "u", "generation": 1}
    spec = {"local": {"type": "COS", "endpoint": "http://s3", "bucket": "data", "secret-name": "k"}}
    assert names_bucket(read_written({"apiVersion": API_VERSION, "metadata": metadata, "spec": spec}), "data")
    assert names_bucket(gone("data"), "data")
    assert not names_bucket(gone("data"), "dat")
