"""The filler as a process, against a store that does what a test says: whole and right, or not at all."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.calling.endpoints import Endpoint
from moorage.grants.grant import FillTerms, Grant
from moorage.sources import Credentials
from moorage.sources.http import HttpSource
from moorage.sources.s3 import S3Source
from node_plugin.filler import manifest
from node_plugin.filler.exchange import Done, Ended, Ending, Job, Line, Listed, read_line, write_job
from node_plugin.filler.web import CopiedWebFolder
from tests.node_plugin.played_node import wait_for
from tests.node_plugin.played_store import BUCKET, PlayedStore, play_store
from tests.web_server import serve_folder

ROOT = Path(__file__).parents[2]
FILLER = [sys.executable, "-P", "-m", "node_plugin.filler"]


@pytest.fixture
def store() -> Iterator[PlayedStore]:
    """A store with some objects in folders."""
    with play_store() as played:
        for key, body in {"a": b"1" * 10, "b/c": b"2" * 3_000_000, "b/d e+f": b"", "b/": b"", "ü/x": b"x"}.items():
            played.put(f"claims/{key}", body)
        yield played


def job_for(store: PlayedStore, *, version: str = "", reused: int | None = None, most_objects: int = 100) -> Job:
    """Fill the folder `claims`."""
    grant = Grant(
        location=S3Source(store.endpoint, BUCKET, "claims"),
        local=False,
        credentials=Credentials("id", "secret"),
        fill=FillTerms(
            size_bytes=store.size_bytes(), far_seconds=1.0, listed_version=version or store.version("claims/")
        ),
    )
    return Job(grant=grant, connections=2, most_objects=most_objects, most_bytes=1 << 30, reused=reused)


def start(folder: Path, job: Job, *inherited: int, command: list[str] = FILLER) -> subprocess.Popen[bytes]:
    """A filler that has its job, and whose parent lives."""
    folder.mkdir(exist_ok=True)
    child = subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if command is not FILLER else None,
        pass_fds=inherited,
    )
    assert child.stdin is not None
    child.stdin.write(write_job(job))
    child.stdin.flush()
    return child


def fill(folder: Path, job: Job, *inherited: int) -> list[Line]:
    """What a filler says until its end."""
    child = start(folder, job, *inherited)
    assert child.stdout is not None
    lines = [read_line(line) for line in child.stdout]
    assert child.stdin is not None
    child.stdin.close()
    child.stdout.close()
    last = lines[-1]
    assert isinstance(last, Ended)
    assert child.wait(60) == (0 if last.ending is Ending.WHOLE else 1)
    return lines


def ending(folder: Path, job: Job, *inherited: int) -> Ending:
    """How it ended."""
    last = fill(folder, job, *inherited)[-1]
    assert isinstance(last, Ended)
    return last.ending


def files_in(folder: Path) -> dict[str, bytes]:
    """What is under `objects`."""
    return files_in_folder(folder / manifest.OBJECTS)


def files_in_folder(folder: Path) -> dict[str, bytes]:
    """All files under it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def expected(store: PlayedStore) -> dict[str, bytes]:
    """What should be there: every object that is no folder's marker."""
    found = {key.removeprefix("claims/"): each.body for key, each in store.objects.items()}
    return {key: body for key, body in found.items() if not key.endswith("/")}


def test_a_version_is_copied_whole(store: PlayedStore, tmp_path: Path) -> None:
    """Every object under its key, read-only, with the store's time; nothing unfinished; the manifest is the version."""
    lines = fill(tmp_path, job_for(store))
    assert lines[0] == Listed(4, 3_000_011)
    assert lines[-1] == Ended(Ending.WHOLE)
    assert files_in(tmp_path) == expected(store)
    assert {path.name for path in tmp_path.iterdir()} == {"manifest", "objects"}
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert manifest.version_of(manifest.read(descriptor)) == store.version("claims/")
    finally:
        os.close(descriptor)
    stat = (tmp_path / "objects" / "a").stat()
    assert (oct(stat.st_mode & 0o777), int(stat.st_mtime)) == ("0o444", 1796000523)
    assert oct((tmp_path / "objects" / "b").stat().st_mode & 0o777) == "0o555"
    assert all("Credential=id/" in signature for signature in store.signatures)


def test_a_folder_behind_a_web_server_is_copied_whole(tmp_path: Path) -> None:
    """With the server's times; a file that is another by then ends it."""
    source = tmp_path / "source"
    (source / "b").mkdir(parents=True)
    for key, body in {"a": b"1" * 10, "b/c d": b"2" * 3_000_000, "b/ü": b""}.items():
        (source / key).write_bytes(body)
    os.utime(source / "a", (1796000523, 1796000523))
    with serve_folder(source) as url:
        place = HttpSource(url)
        with closing(CopiedWebFolder(place, Endpoint(url, None))) as listed:
            entries = [entry for page in listed.pages() for entry in page]
        version = manifest.version_of(sorted(entries, key=lambda entry: entry.sort_key))
        terms = FillTerms(size_bytes=3_000_010, far_seconds=1.0, listed_version=version)
        grant = Grant(location=place, local=False, credentials=None, fill=terms)
        job = Job(grant=grant, connections=2, most_objects=100, most_bytes=1 << 30, reused=None)
        assert ending(tmp_path / "copy", job) is Ending.WHOLE
        assert files_in(tmp_path / "copy") == files_in_folder(source)
        assert int((tmp_path / "copy" / manifest.OBJECTS / "a").stat().st_mtime) == 1796000523
        (source / "a").write_bytes(b"other")
        assert ending(tmp_path / "again", job) is Ending.CHANGED


def test_a_single_file_behind_a_web_server_is_copied(tmp_path: Path) -> None:
    """Under its name."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a b.csv").write_bytes(b"x,y\n" * 1000)
    with serve_folder(source) as url:
        place = HttpSource(f"{url}a%20b.csv?token=x")
        with closing(CopiedWebFolder(place, Endpoint(place.url, None))) as listed:
            (entries,) = listed.pages()
        terms = FillTerms(size_bytes=4000, far_seconds=1.0, listed_version=manifest.version_of(entries))
        grant = Grant(location=place, local=False, credentials=None, fill=terms)
        job = Job(grant=grant, connections=2, most_objects=100, most_bytes=1 << 30, reused=None)
        assert ending(tmp_path / "copy", job) is Ending.WHOLE
    assert files_in(tmp_path / "copy") == files_in_folder(source)


def test_another_version_than_the_one_asked_for_is_not_copied(store: PlayedStore, tmp_path: Path) -> None:
    """Not one object of it is read."""
    assert ending(tmp_path, job_for(store, version="0" * 64)) is Ending.CHANGED
    assert store.reads == []


@pytest.mark.parametrize("honours", [True, False])
def test_an_object_that_changes_meanwhile_ends_the_fill(store: PlayedStore, tmp_path: Path, *, honours: bool) -> None:
    """Between the listing and the read, whether or not the store knows If-Match."""
    job = job_for(store)
    store.honours_if_match = honours
    store.before_read = lambda _: store.put("claims/b/c", b"3" * 3_000_000)
    assert ending(tmp_path, job) is Ending.CHANGED
    assert "b/c" not in files_in(tmp_path)


def test_what_the_network_bent_is_fetched_again(store: PlayedStore, tmp_path: Path) -> None:
    """The MD5 tells; once the bytes are right the copy is."""
    bent = iter([True, True])
    store.bend = lambda key, body: b"9" * len(body) if key.endswith("/a") and next(bent, False) else body
    assert ending(tmp_path, job_for(store)) is Ending.WHOLE
    assert files_in(tmp_path) == expected(store)
    assert store.reads.count("claims/a") == 3


def test_an_etag_under_a_customers_key_is_no_md5(store: PlayedStore, tmp_path: Path) -> None:
    """It has 32 digits, too; size and etag must do."""
    store.put("claims/a", b"1" * 10, etag="0" * 32)
    store.headers = {"x-amz-server-side-encryption": "aws:kms"}
    assert ending(tmp_path, job_for(store)) is Ending.WHOLE


def test_an_answer_that_breaks_off_is_gone_on_with(store: PlayedStore, tmp_path: Path) -> None:
    """From where it broke, and the MD5 is that of the whole."""
    broken = iter([True])
    store.bend = lambda key, body: body[:1_500_000] if key.endswith("/c") and next(broken, False) else body
    assert ending(tmp_path, job_for(store)) is Ending.WHOLE
    assert files_in(tmp_path) == expected(store)


@pytest.mark.parametrize("key", ["x//y", "../x", "./x", "a/b", "x" * 300, "deep/" * 130 + "x"])
def test_what_no_folder_can_show_is_not_copied(store: PlayedStore, tmp_path: Path, key: str) -> None:
    """Nothing is written outside, nothing is left out, and no object is read."""
    store.put(f"claims/{key}", b"x")
    assert ending(tmp_path / "in", job_for(store)) is Ending.UNKEEPABLE
    assert store.reads == []
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


@pytest.mark.parametrize("endpoint", ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://100.100.100.200"])
def test_a_metadata_service_is_no_store(store: PlayedStore, tmp_path: Path, endpoint: str) -> None:
    """It is not called at all."""
    job = job_for(store)
    location = replace(job.grant.location, endpoint=endpoint)  # type: ignore[type-var]
    last = fill(tmp_path, replace(job, grant=replace(job.grant, location=location)))[-1]
    assert isinstance(last, Ended)
    assert last.ending is Ending.FAILED
    assert "where no store can be" in last.message


def test_no_redirect_is_followed(store: PlayedStore, tmp_path: Path) -> None:
    """A store leads nowhere else."""
    job = job_for(store)
    with play_store() as elsewhere:
        store.moved_to = elsewhere.endpoint
        assert ending(tmp_path, job) is Ending.FAILED
        assert elsewhere.signatures == []


def test_more_objects_than_may_be_kept_are_not(store: PlayedStore, tmp_path: Path) -> None:
    """The listing ends there."""
    assert ending(tmp_path, job_for(store, most_objects=2)) is Ending.UNKEEPABLE


def test_a_filler_that_was_killed_is_gone_on_with(store: PlayedStore, tmp_path: Path) -> None:
    """What was whole is not read again, and a filler whose parent is gone is gone."""
    waiting = threading.Event()
    store.before_read = lambda key: (waiting.wait(60), None)[1] if key.endswith("/a") else None
    child = start(tmp_path, job_for(store))
    wait_for("the other objects", (tmp_path / "objects" / "ü" / "x").exists)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    waiting.set()
    before, store.before_read = list(store.reads), None
    assert ending(tmp_path, job_for(store)) is Ending.WHOLE
    assert files_in(tmp_path) == expected(store)
    assert "claims/a" in store.reads[len(before) :]
    assert "claims/b/c" not in store.reads[len(before) :]


def test_a_filler_ends_with_its_parent(store: PlayedStore, tmp_path: Path) -> None:
    """Its standard input ends, and so does it, in the middle of an object."""
    waiting = threading.Event()
    store.before_read = lambda _: (waiting.wait(60), None)[1]
    child = start(tmp_path, job_for(store))
    wait_for("a request", lambda: len(store.reads))
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(30) == 1
    assert child.stdout is not None
    child.stdout.close()
    waiting.set()


def test_a_new_version_brings_only_what_changed(store: PlayedStore, tmp_path: Path) -> None:
    """The rest is linked from the version before, which stays as it is."""
    old, new = tmp_path / "old", tmp_path / "new"
    assert ending(old, job_for(store)) is Ending.WHOLE
    before = files_in(old)
    store.put("claims/a", b"new")
    store.put("claims/g", b"more")
    store.reads.clear()
    descriptor = os.open(old, os.O_RDONLY)
    try:
        assert ending(new, job_for(store, reused=descriptor), descriptor) is Ending.WHOLE
    finally:
        os.close(descriptor)
    assert sorted(store.reads) == ["claims/a", "claims/g"]
    assert files_in(new) == expected(store)
    assert files_in(old) == before


@pytest.mark.real
def test_a_full_disk_is_said_to_be_full(store: PlayedStore, tmp_path: Path) -> None:
    """The copy ends, and nothing torn has a name."""
    script = 'mount -t tmpfs -o size=2m none "$1" && cd "$1" && shift && "$@"; ls -R objects >&2'
    child = start(tmp_path, job_for(store), command=["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path), *FILLER])
    assert child.stdout is not None
    *_, last = [read_line(line) for line in child.stdout]
    assert isinstance(last, Ended)
    assert last.ending is Ending.FULL
    _, listed = child.communicate(timeout=60)
    assert b"objects" in listed
    assert b"c\n" not in listed


def test_progress_is_told_in_bytes(store: PlayedStore, tmp_path: Path) -> None:
    """Never more than there are."""
    lines = fill(tmp_path, job_for(store))
    assert all(line.size_bytes <= 3_000_011 for line in lines if isinstance(line, Done))
