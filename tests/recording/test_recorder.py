"""The recorder on a real store: what it does while the store, or the API server, is away."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.errors import BrokerError
from moorage.evidence.documents import entries_of
from moorage.evidence.findings import Report
from moorage.evidence.line import Event, What
from moorage.evidence.verifying import verify
from moorage.kube import Client
from moorage.recording import EvidenceStore, Limits, Places, Recorder, Retention
from moorage.serving.logs import JsonLines
from moorage.sources.s3 import S3Source
from tests.dataset_operator.stores import BUCKET, STEWARD, Store
from tests.evidence.logs import granted, refused
from tests.polling import until
from tests.ports import free_port

PLACES = Places("nowhere", "nothing")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The audit's log, as a component writes it."""
    path = tmp_path / "broker.log"
    handler = logging.FileHandler(path)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("moorage.audit")
    logger.addHandler(handler)
    yield path
    logger.removeHandler(handler)
    handler.close()


def _lines(server: Store, prefix: str) -> list[bytes]:
    listed = server.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents") or []
    keys = sorted(each["Key"] for each in listed)
    content = b"".join(server.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys)
    return content.splitlines(keepends=True)


def _verified(log: Path) -> Report:
    return verify(entries_of("log", log.read_bytes().splitlines(keepends=True)))


def _nowhere(log: Path, *hidden: str) -> None:
    text = log.read_text()
    assert [each for each in hidden if each in text] == []


def _repeat(recorder: Recorder, event: Callable[[int], Event]) -> None:
    for number in range(100):
        recorder.record(event(number), "again")


async def test_log_and_store_have_the_same_lines(server: Store, nobody: Client, log: Path) -> None:
    """Without an API server there is no key to seal with; nothing else waits for it. The end is stored at the end."""
    location = S3Source(server.endpoint, BUCKET, "same", inline_credentials=STEWARD)
    for _ in range(2):
        store = EvidenceStore(nobody, "", location, Retention())
        async with Recorder(nobody, "broker", PLACES, store, Limits(pause_seconds=0.1)) as recorder:
            recorder.record(granted(1), "granted")
            recorder.record(refused(2), "refused")
    stored = verify(entries_of("store", _lines(server, "same")))
    logged = _verified(log)
    assert stored.findings == logged.findings == ()
    assert stored.chains == logged.chains
    assert [(each.last, each.ended) for each in stored.chains] == [(3, True), (3, True)]
    # Of two that begin in one second, either may come first by its name.
    begun = [json.loads(line) for line in _lines(server, "same") if b'"begun"' in line]
    assert [link["sequence"] for line in begun for link in line["chains"]] == [3]


async def test_a_store_that_is_away_holds_nothing_up_until_the_room_is_full(nobody: Client, log: Path) -> None:
    """Then what is refused again and again can't keep others from grants; and in the end nothing is granted."""
    location = S3Source(f"http://127.0.0.1:{free_port()}", BUCKET, inline_credentials=STEWARD)
    store = EvidenceStore(nobody, "", location, Retention())
    async with Recorder(nobody, "broker", PLACES, store, Limits(waiting_bytes=20_000)) as recorder:
        with pytest.raises(BrokerError, match="evidence can't be kept"):
            _repeat(recorder, refused)
        recorder.record(granted(1), "granted")
        with pytest.raises(BrokerError):
            recorder.record(Event(what=What.STRANGER, address="127.0.0.1"), "refused a stranger")
        with pytest.raises(BrokerError):
            _repeat(recorder, granted)
    report = _verified(log)
    assert report.findings == ()
    assert report.chains[0].ended


async def test_a_process_that_is_killed_leaves_a_whole_chain(server: Store, nobody: Client, log: Path) -> None:
    """What waited is in its log alone; the next chain names what was stored, so nothing seems to be missing."""
    location = S3Source(server.endpoint, BUCKET, "killed", inline_credentials=STEWARD)
    limits = Limits(pause_seconds=0.1)
    store = EvidenceStore(nobody, "", location, Retention())
    killed = Recorder(nobody, "broker", PLACES, store, limits)
    await killed.__aenter__()
    killed.record(granted(1), "granted")
    await until(lambda: b'"granted"' in b"".join(_lines(server, "killed")))
    for task in asyncio.all_tasks():
        if task.get_name() == "evidence of broker":
            task.cancel()
    killed.record(granted(2), "granted")
    await store.close()
    async with Recorder(nobody, "broker", PLACES, EvidenceStore(nobody, "", location, Retention()), limits):
        pass
    stored = verify(entries_of("store", _lines(server, "killed")))
    assert stored.findings == ()
    # Both began in one second, so their names come in any order.
    assert {(each.last, each.ended) for each in stored.chains} == {(1, False), (1, True)}
    assert {each.last for each in _verified(log).chains} == {2, 1}


async def test_a_store_that_comes_back_gets_all(server: Store, nobody: Client) -> None:
    """In order, and linked to what was there before, although that was out of sight at the beginning."""
    there = S3Source(server.endpoint, BUCKET, "back", inline_credentials=STEWARD)
    async with Recorder(nobody, "broker", PLACES, EvidenceStore(nobody, "", there, Retention())) as recorder:
        recorder.record(granted(1), "granted")
    port = free_port()
    away = replace(there, endpoint=f"http://127.0.0.1:{port}")
    store = EvidenceStore(nobody, "", away, Retention())
    recording = Recorder(nobody, "broker", PLACES, store, Limits(pause_seconds=0.1))
    async with AsyncExitStack() as ways, recording as recorder:
        recorder.record(granted(2), "granted")
        await ways.enter_async_context(_way_to(server, port))
        await until(lambda: b'"linked"' in b"".join(_lines(server, "back")))
    lines = _lines(server, "back")
    assert verify(entries_of("store", lines)).findings == ()
    (linked,) = [json.loads(line) for line in lines if b'"linked"' in line]
    assert [link["sequence"] for link in linked["chains"]] == [2]


@asynccontextmanager
async def _way_to(server: Store, port: int) -> AsyncIterator[None]:
    """Connections to this port lead to the server."""
    host, _, real = server.endpoint.removeprefix("http://").partition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    ended = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection(host, int(real))
        await asyncio.gather(pump(reader, their_writer), pump(their_reader, writer))
        await asyncio.gather(writer.wait_closed(), their_writer.wait_closed(), return_exceptions=True)

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.create_task(forward(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", port):
        yield
    await asyncio.gather(*ended)


async def test_nothing_that_looks_like_a_key_is_in_a_line(nobody: Client, log: Path) -> None:
    """It is masked before the line is made, so that the log's line has the hash of the chain's."""
    async with Recorder(nobody, "broker", PLACES) as recorder:
        told = "password=hunter2 in https://x?X-Amz-Signature=abcdef"
        recorder.record(Event(what=What.REFUSED, reason=told, source={"url": told}), "refused")
    _nowhere(log, "hunter2", "abcdef")
    assert _verified(log).findings == ()
