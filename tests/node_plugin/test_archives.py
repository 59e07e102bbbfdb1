"""Archives behind a real web server, unpacked by the real driver and filler, and shown to pods."""

import gzip
import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from moorage.caching import CacheMode, CachePolicy
from moorage.calling.endpoints import Endpoint
from moorage.grants.grant import FillTerms, Grant
from moorage.model import DatasetRef
from moorage.sources.http import HttpSource
from node_plugin.caching.awaiting import progress
from node_plugin.caching.deciding import most_bytes, wanted_bytes
from node_plugin.caching.holding import Holding, VersionKey
from node_plugin.filler import manifest
from node_plugin.filler.exchange import Ended, Ending, Job, Listed, Unpacked
from node_plugin.filler.web import CopiedWebFolder
from tests.node_plugin.object_stores import digests
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, wait_for
from tests.node_plugin.test_cached_mounts import read
from tests.node_plugin.test_filler import ending, files_in, fill, start
from tests.node_plugin.test_unpacking import FILES, info, tar_of, tar_of_files, zip_of, zstd
from tests.web_server import serve_folder

DATASET = "stewards/claims"
REF = DatasetRef("stewards", "claims")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[bytes], HttpSource]]:
    """Puts an archive on a web server."""
    (tmp_path / "served").mkdir()
    with serve_folder(tmp_path / "served") as url:

        def put(body: bytes) -> HttpSource:
            unfinished = tmp_path / "unfinished"
            unfinished.write_bytes(body)
            unfinished.replace(tmp_path / "served" / "claims.tgz")
            return HttpSource(f"{url}claims.tgz?token=5ecret", extract=True)

        yield put


def terms(place: HttpSource) -> FillTerms:
    """As the operator sees it."""
    with closing(CopiedWebFolder(place, Endpoint(place.url, None))) as folder:
        ((entry,),) = folder.pages()
    return FillTerms(size_bytes=entry.size_bytes, far_seconds=1.0, listed_version=manifest.version_of([entry]))


def job(place: HttpSource, *, most: int = 1 << 30) -> Job:
    """Unpack it."""
    grant = Grant(location=place, local=False, credentials=None, fill=terms(place))
    return Job(grant=grant, connections=2, most_objects=100, most_bytes=most, reused=None)


Put = Callable[[bytes], HttpSource]


def test_an_archive_is_another_version_than_the_file(served: Put) -> None:
    """So a copy of the one is never shown for the other."""
    place = served(gzip.compress(tar_of_files(FILES)))
    assert terms(place).listed_version != terms(HttpSource(place.url)).listed_version


@pytest.mark.parametrize(
    "archive",
    [gzip.compress(tar_of_files(FILES)), zstd(tar_of_files(FILES)), zip_of(FILES)],
    ids=["tar.gz", "tar.zst", "zip"],
)
def test_a_filler_unpacks_an_archive(served: Put, tmp_path: Path, archive: bytes) -> None:
    """Whole, read-only, and nothing of the archive is left."""
    lines = fill(tmp_path / "copy", job(served(archive)))
    assert (lines[0], *lines[-2:]) == (
        Listed(1, len(archive)),
        Unpacked(3, sum(map(len, FILES.values()))),
        Ended(Ending.WHOLE),
    )
    assert files_in(tmp_path / "copy") == FILES
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"objects"}
    assert oct((tmp_path / "copy/objects/deep/er").stat().st_mode & 0o777) == "0o555"


def test_what_can_not_be_unpacked_is_said(served: Put, tmp_path: Path) -> None:
    """A bomb, a bad name, half an archive; and nothing stands beside the folder."""
    for number, (body, told) in enumerate(
        [
            (gzip.compress(tar_of_files({"z": b"\0" * (3 << 20)})), "spec.cache.sizeLimit"),
            (tar_of((info("../x"), b"x")), "leads out"),
            (gzip.compress(tar_of_files(FILES))[:-9], "cut short"),
        ]
    ):
        last = fill(tmp_path / f"copies/{number}".replace("/", "-"), job(served(body), most=2 << 20))[-1]
        assert isinstance(last, Ended)
        assert last.ending is Ending.UNKEEPABLE
        assert told in last.message
    assert not (tmp_path / "x").exists()


def test_an_archive_that_changed_is_not_unpacked(served: Put, tmp_path: Path) -> None:
    """It is another version."""
    asked = job(served(gzip.compress(tar_of_files(FILES))))
    served(gzip.compress(tar_of_files({"other": b"x"})))
    assert ending(tmp_path / "copy", asked) is Ending.CHANGED


def test_a_filler_that_is_killed_anywhere_leaves_nothing_torn(served: Put, tmp_path: Path) -> None:
    """The next one begins with what has come, and unpacks anew, over what was sealed already too."""
    files = {f"d{number % 5}/{number}": os.urandom(20_000) for number in range(90)}
    asked = job(served(gzip.compress(tar_of_files(files))))
    folder = tmp_path / "copy"
    for delay in (0.0, 0.2, 0.3, 0.4):
        child = start(folder, asked)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    (folder / "objects").mkdir(exist_ok=True)
    (folder / "objects" / "torn").mkdir()
    (folder / "objects" / "torn").chmod(0o555)
    assert ending(folder, asked) is Ending.WHOLE
    assert files_in(folder) == files


GRANT = Grant(
    location=HttpSource("https://h.test/a.zip", extract=True),
    local=False,
    credentials=None,
    fill=FillTerms(size_bytes=4_000_000, far_seconds=1.0, listed_version="v"),
)


@pytest.mark.parametrize(
    ("held", "last", "told"),
    [
        (None, "", "waits for its turn"),
        ((1_000_000, 4_000_000), "", "1 MB of 4 MB have come"),
        ((3_999_999, 13_000_000), "", "being unpacked, 9 MB so far"),
        ((1_000_000, 4_000_000), "the store does not answer", "tried again: the store does not answer"),
    ],
)
def test_a_waiting_pod_is_told_how_far_it_is(held: tuple[int, int] | None, last: str, told: str) -> None:
    """In its Events."""
    key = VersionKey(REF, "v")
    holding = held and Holding(key=key, size_bytes=held[0], disk_bytes=held[1], whole=False, last_used=0.0)
    assert told in progress(REF, GRANT, holding or None, last)


def test_an_archive_takes_room_for_itself_and_its_files() -> None:
    """What comes out is bounded by the Dataset's limit and the node's."""
    limited = Grant(
        location=GRANT.location,
        local=False,
        credentials=None,
        fill=GRANT.fill,
        cache=CachePolicy(CacheMode.AUTO, 7),
    )
    assert (wanted_bytes(GRANT), most_bytes(GRANT, 100), most_bytes(limited, 100)) == (8_000_000, 100, 7)


def permit(broker: PlayedBroker, place: HttpSource, *, mode: str = "auto") -> str:
    """Grant the dataset as the broker would; its version."""
    known = terms(place)
    broker.grant(DATASET, {"kind": place.kind, **place.write()}, version=known.listed_version, fill=known, mode=mode)
    return known.listed_version


def publish(node: Node, pod: FakePod) -> str:
    """Once, as the kubelet does; why not, or ""."""
    try:
        node.publish(pod, "claims", dataset="claims", namespace="stewards")
    except grpc.RpcError as error:
        return str(error.details())
    return ""


@pytest.mark.real
def test_a_pod_gets_the_files_of_an_archive(
    node: Node, make_pod: MakePod, broker: PlayedBroker, served: Put, cache_dir: Path
) -> None:
    """The first waits for the copy and reads it; the second gets the same; a new archive is a new copy."""
    version = permit(broker, served(gzip.compress(tar_of_files(FILES))))
    first, second = make_pod(), make_pod()
    wait_for("the volume", lambda: publish(node, first) == "")
    node.start_sidecar(first, "claims")
    node.wait_ready(first, "claims")
    assert read(node, first) == digests(FILES)
    (shown,) = node.stack(first, "claims")
    assert shown != "fuse.moorage"
    assert "Read-only" in node.output("sh", "-c", f"echo x > {first.target('claims')}/a.csv")
    node.stop_driver(signal.SIGKILL)
    node.start_driver()
    assert publish(node, second) == ""
    assert read(node, second) == digests(FILES)
    newer = permit(broker, served(gzip.compress(tar_of_files({"new": b"n"}))))
    third = make_pod()
    wait_for("the new version", lambda: publish(node, third) == "")
    assert read(node, third) == digests({"new": b"n"})
    assert read(node, first) == digests(FILES)
    assert {path.name.split("_")[2] for path in (cache_dir / "whole").iterdir()} == {version, newer}
    for pod in (first, second, third):
        node.unpublish(pod, "claims")
        assert node.stack(pod, "claims") == []
    assert "5ecret" not in node.log.read_text()


@pytest.mark.real
@pytest.mark.usefixtures("cache_dir")
def test_a_pod_is_told_why_an_archive_is_not_to_be_had(
    node: Node, make_pod: MakePod, broker: PlayedBroker, served: Put
) -> None:
    """With the remedy, and nothing is mounted; once the archive is mended it is."""
    pod = make_pod()
    permit(broker, served(tar_of((info("l", tarfile.SYMTYPE, "/etc"), b""))))
    wait_for("its reason", lambda: "may lead out of the folder" in publish(node, pod))
    permit(broker, served(tar_of_files(FILES)), mode="none")
    assert "spec.cache.mode: none forbids copies" in publish(node, pod)
    broker.grant(DATASET, {"kind": "http", **served(tar_of_files(FILES)).write()}, version=None)
    assert "the operator has not looked at yet" in publish(node, pod)
    assert node.stack(pod, "claims") == []
    permit(broker, served(tar_of_files(FILES)))
    wait_for("the volume", lambda: publish(node, pod) == "")
    assert read(node, pod) == digests(FILES)


@pytest.mark.real
def test_a_node_without_a_cache_says_so(node: Node, make_pod: MakePod, broker: PlayedBroker, served: Put) -> None:
    """It never streams the archive itself."""
    permit(broker, served(tar_of_files(FILES)))
    assert "nodePlugin.cache.enabled" in publish(node, make_pod())
