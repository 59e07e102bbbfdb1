"""Transfers between two real S3 servers."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest

from moorage.errors import StoreError
from moorage.runs import FileEntry, Manifest, RunKeys, RunRef
from pipeline_executor.store import ArtifactStore, multipart
from pipeline_executor.transfers import Place, TransferLimits, transfer
from tests.dataset_operator.stores import STEWARD, Store, run_store
from tests.pipeline_executor.task_pods import MODEL, open_runs, sha256

SOURCE, TARGET = "source", "target"
MIB = 1 << 20
QUICK = TransferLimits(patience_seconds=3)


@pytest.fixture(scope="module")
def far_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The consumer's S3 server."""
    with run_store(tmp_path_factory.mktemp("far")) as running:
        running.client.create_bucket(Bucket=TARGET)
        yield running


@pytest.fixture(scope="module")
def near_server(store_server: Store) -> Store:
    """The producer's S3 server."""
    store_server.client.create_bucket(Bucket=SOURCE)
    return store_server


@pytest.fixture
async def places(
    near_server: Store, far_server: Store, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Place, Place]]:
    """A run of its own in both stores."""
    run = RunRef("lab", "pipeline", request.node.name.replace("[", "-").replace("]", ""))
    async with open_runs(near_server, SOURCE) as source, open_runs(far_server, TARGET) as target:
        yield Place(source, RunKeys("moorage", run)), Place(target, RunKeys("moorage", run))


async def produced(source: Place, files: Mapping[str, bytes], output: str = "model") -> Manifest:
    """An artifact in the producer's store."""
    key = source.keys.data("train", 1, output)
    for path, content in files.items():
        await source.store.put(f"{key}/{path}" if path else key, content)
    entries = tuple(FileEntry(path, len(content), sha256(content)) for path, content in files.items())
    return Manifest(f"train.{output}", MODEL, {"accuracy": 1}, source.store.uri(key), entries, "eu-1-1", 1)


async def digests(place: Place, manifest: Manifest) -> dict[str, str]:
    """What is really in a store, by path."""
    key = place.store.key(manifest.uri)
    found = {}
    for each in await place.store.keys(f"{key}"):
        content = await place.store.get(each.key, 1 << 30)
        assert content is not None
        found[each.key.removeprefix(f"{key}").removeprefix("/")] = sha256(content)
    return found


async def published(place: Place) -> bytes | None:
    """The manifest at the consumer's."""
    return await place.store.get(place.keys.artifact("train", "model"), 1 << 26)


@pytest.mark.parametrize(
    "files",
    [
        {"": b"one file"},
        {"": b""},
        {},
        {"a": b"1", "b/c d/é": b"22" * 100_000, "b/empty": b""},
        {"": os.urandom(MIB) * 64},
        {"": os.urandom(MIB) * 65 + b"end", "other": b"x"},
    ],
    ids=["file", "empty", "nothing", "folder", "whole", "parts"],
)
async def test_an_artifact_crosses(places: tuple[Place, Place], files: dict[str, bytes]) -> None:
    """All files are at the consumer's, under the same path, and the manifest says where; progress ends at all bytes."""
    source, target = places
    if len(files) > 1 and "" in files:
        files["large"] = files.pop("")
    manifest = await produced(source, files)
    seen: list[int] = []
    made = await transfer(manifest, source, target, progress=seen.append)
    assert await digests(target, made) == {file.path: file.sha256 for file in manifest.files}
    content = await published(target)
    assert content == made.write()
    assert Manifest.read(content, "manifest") == made
    assert made.uri == manifest.uri.replace("s3://source/", "s3://target/")
    assert (made.files, made.type, made.metadata) == (manifest.files, manifest.type, manifest.metadata)
    assert not seen or seen[-1] == manifest.size_bytes
    # Once more: nothing is brought, and the same manifest counts.
    assert await transfer(manifest, source, target) == made


async def test_many_files_cross_at_once(places: tuple[Place, Place]) -> None:
    """Hundreds of files."""
    source, target = places
    manifest = await produced(source, {f"part/{each:04}": os.urandom(each) for each in range(300)})
    made = await transfer(manifest, source, target)
    assert await digests(target, made) == {file.path: file.sha256 for file in manifest.files}


@pytest.mark.parametrize("size_bytes", [1000, 66 * MIB], ids=["whole", "parts"])
async def test_altered_bytes_are_never_published(places: tuple[Place, Place], size_bytes: int) -> None:
    """A file with another digest than its manifest says is an error, and nothing is at the consumer's."""
    source, target = places
    manifest = await produced(source, {"good": b"good", "bad": bytes(size_bytes)})
    await source.store.put(f"{source.store.key(manifest.uri)}/bad", b"!" + bytes(size_bytes - 1))
    with pytest.raises(StoreError, match="bad: its bytes in the producer's store have another SHA-256") as caught:
        await transfer(manifest, source, target)
    assert caught.value.reason == "Altered"
    assert await published(target) is None
    assert "bad" not in await digests(target, made_uri(manifest, target))
    assert not await multipart.find_uploads(target.store, target.keys.root)


def made_uri(manifest: Manifest, target: Place) -> Manifest:
    """The manifest as if it lay at the consumer's."""
    return Manifest("x", {}, {}, target.store.uri(target.keys.data("train", 1, "model")), manifest.files)


@pytest.mark.parametrize(("change", "reason"), [("gone", "NotFound"), ("shorter", "Altered"), ("longer", "Altered")])
async def test_what_is_not_there_is_told(places: tuple[Place, Place], change: str, reason: str) -> None:
    """An object that vanished, or has another length, is named; nothing is published."""
    source, target = places
    manifest = await produced(source, {"file": bytes(1000)})
    key = f"{source.store.key(manifest.uri)}/file"
    if change == "gone":
        await source.store.delete([key])
    else:
        await source.store.put(key, bytes(500 if change == "shorter" else 1500))
        if change == "longer":
            manifest = Manifest("train.model", {}, {}, manifest.uri, (FileEntry("file", 1000, sha256(b"other")),))
    with pytest.raises(StoreError, match="file") as caught:
        await transfer(manifest, source, target, limits=QUICK)
    assert caught.value.reason == reason
    assert await published(target) is None


async def test_a_manifest_can_not_name_anothers_data(places: tuple[Place, Place]) -> None:
    """Only what lies in the run's own folder is copied."""
    source, target = places
    other = source.store.uri("moorage/runs/stranger/pipeline/1/data/train/1/model")
    manifest = Manifest("train.model", {}, {}, other, (FileEntry("", 1, sha256(b"x")),))
    with pytest.raises(StoreError, match="is not in the run's folder") as caught:
        await transfer(manifest, source, target)
    assert caught.value.reason == "NotReadable"


async def test_parts_of_an_earlier_transfer_are_kept_and_verified(places: tuple[Place, Place]) -> None:
    """A transfer goes on from the parts that are there; if one of them is wrong, it is found, and brought again."""
    source, target = places
    content = os.urandom(MIB) * 80
    manifest = await produced(source, {"": content})
    key = target.keys.data("train", 1, "model")
    upload = await multipart.begin(target.store, key)

    async def left(number: int, part: bytes) -> None:
        def put() -> None:
            target.store.client.upload_part(Bucket=TARGET, Key=key, UploadId=upload.id, PartNumber=number, Body=part)

        await target.store.run("upload", put)

    await left(1, content[: 16 * MIB])
    await left(3, bytes(16 * MIB))
    seen: list[int] = []
    made = await transfer(manifest, source, target, progress=seen.append)
    assert seen[0] == 32 * MIB
    assert seen[-1] == len(content)
    assert await digests(target, made) == {"": sha256(content)}


async def test_of_two_transfers_one_publishes(places: tuple[Place, Place]) -> None:
    """Two at once end with the same manifest."""
    source, target = places
    manifest = await produced(source, {f"{each}": os.urandom(1000) for each in range(20)} | {"l": os.urandom(70 * MIB)})
    first, second = await asyncio.gather(transfer(manifest, source, target), transfer(manifest, source, target))
    assert first == second
    assert await digests(target, first) == {file.path: file.sha256 for file in manifest.files}


async def test_cancelled_it_goes_on_later(places: tuple[Place, Place]) -> None:
    """Cancelled at any moment, it publishes nothing, and the next one completes it."""
    source, target = places
    manifest = await produced(source, {"large": os.urandom(100 * MIB), "small": b"s"})
    for seconds in (0.01, 0.1, 0.2):
        running = asyncio.ensure_future(transfer(manifest, source, target))
        await asyncio.sleep(seconds)
        assert running.cancel(), "it was done before it was cancelled"
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await published(target) is None
    made = await transfer(manifest, source, target)
    assert await digests(target, made) == {file.path: file.sha256 for file in manifest.files}


_ONCE = """
import asyncio, sys
from pathlib import Path
from moorage.runs import Manifest, RunKeys, RunRef
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from pipeline_executor.store import ArtifactStore
from pipeline_executor.transfers import Place, transfer
manifest, near, far, key, secret, uid = sys.argv[1:]
async def main():
    keys = Credentials(key, secret)
    run = RunKeys("moorage", RunRef("lab", "pipeline", uid))
    source = ArtifactStore("eu-1", S3Source(near, "source", prefix="moorage"), keys)
    target = ArtifactStore("us-1", S3Source(far, "target", prefix="moorage"), keys)
    async with source, target:
        made = Manifest.read(Path(manifest).read_bytes(), "m")
        await transfer(made, Place(source, run), Place(target, run), progress=lambda done: print(done, flush=True))
asyncio.run(main())
"""


async def test_killed_again_and_again(
    places: tuple[Place, Place], near_server: Store, far_server: Store, tmp_path: Path
) -> None:
    """Killed with -9 as it goes, and started again, it ends with the right bytes, and never published others."""
    source, target = places
    files = {f"small/{each}": os.urandom(20_000) for each in range(100)} | {"large": os.urandom(150 * MIB)}
    manifest = await produced(source, files)
    (tmp_path / "manifest").write_bytes(manifest.write())
    arguments = [str(tmp_path / "manifest"), near_server.endpoint, far_server.endpoint]
    arguments += [STEWARD.access_key_id, STEWARD.secret_access_key, source.keys.run.uid]
    killed = 0
    for step in range(10):
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _ONCE, *arguments, env={"PYTHONPATH": str(Path.cwd())}, stdout=subprocess.PIPE
        )
        assert running.stdout is not None
        while line := await running.stdout.readline():
            if int(line) >= manifest.size_bytes * step // 10:
                running.send_signal(signal.SIGKILL)
                break
        killed += await running.wait() == -signal.SIGKILL
        if (content := await published(target)) is not None:
            made = Manifest.read(content, "manifest")
            assert await digests(target, made) == {file.path: file.sha256 for file in manifest.files}
    assert killed >= 5
    made = await transfer(manifest, source, target)
    assert await digests(target, made) == {file.path: file.sha256 for file in manifest.files}


def store_of(endpoint: str) -> ArtifactStore:
    """A store behind an address."""
    return open_runs(Store(endpoint, None), SOURCE)


async def test_a_link_that_is_cut_for_a_while(places: tuple[Place, Place], near_server: Store) -> None:
    """Connections that break, and a store that can't be reached for seconds, delay a transfer and no more."""
    source, target = places
    manifest = await produced(source, {"large": os.urandom(90 * MIB)} | {f"{each}": b"x" * 99 for each in range(50)})
    async with Cuts(near_server.endpoint) as link, store_of(link.endpoint) as through:
        made = await transfer(manifest, Place(through, source.keys), target)
        assert link.cuts > 2
    assert await digests(target, made) == {file.path: file.sha256 for file in manifest.files}


async def test_a_store_that_stays_away_is_told(places: tuple[Place, Place]) -> None:
    """After its patience, the transfer says which store does not answer."""
    source, target = places
    manifest = await produced(source, {"": b"x"})
    async with store_of("http://127.0.0.1:9") as nobody:
        with pytest.raises(StoreError, match=r"Site eu-1: can't read .* does not answer") as caught:
            await transfer(manifest, Place(nobody, source.keys), target, limits=QUICK)
    assert caught.value.reason == "StoreUnreachable"
    assert await published(target) is None


class Cuts:
    """A way to a server that breaks after every 20 MB, and then is closed for half a second."""

    def __init__(self, endpoint: str) -> None:
        host, port = endpoint.removeprefix("http://").split(":")
        self._server = (host, int(port))
        self._passed = 0
        self._closed_until = 0.0
        self.cuts = 0
        self.endpoint = ""

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if time.monotonic() < self._closed_until:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._server)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except (ConnectionError, EOFError):
            pass
        finally:
            writer.transport.abort()
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            self._passed += len(data)
            if self._passed > 20_000_000:
                self._passed, self.cuts, self._closed_until = 0, self.cuts + 1, time.monotonic() + 0.5
                raise ConnectionError
            writer.write(data)
            await writer.drain()
        raise EOFError


def test_the_digest_of_these_tests_is_that_of_manifests() -> None:
    """So that what is compared is what a manifest says."""
    assert sha256(b"x") == hashlib.sha256(b"x").hexdigest()
