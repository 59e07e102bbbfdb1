"""Reading for the first time and again: our stream and a node's copy, beside a plain `rclone mount` and boto3.

From a near source and from a far one (`far_line`). The stream is rclone with the options that the sidecar gives, on
this machine instead of in a pod (`mount_reads` measures what a pod adds). The copy is a filler's, bound as into a pod.
Each mount is made anew for each read, and the page cache is dropped before; every round takes all ways in turn.

Needs root. `--share` makes what is read smaller.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from bench.cache_fills import BUCKET, BYTES_PER_SECOND, ROUND_TRIP_SECONDS, Workload, bound, fill, put, source_of
from bench.far_line import far_line
from bench.mount_reads import drop_page_cache
from bench.rows import Row, table
from devcluster import binaries
from devcluster.progress import Terminal
from moorage.caching import CachePolicy
from moorage.errors import DevClusterError
from moorage.sources.s3 import S3Source
from node_plugin.sidecar import rclone
from node_plugin.sidecar.remotes import Remote
from node_plugin.sidecar.remotes import s3 as s3_remotes
from tests.dataset_operator.stores import STEWARD, Store, run_store

ROUNDS = 3
READERS = 8
PIECE_BYTES = 64 << 10
PARQUET = "parquet"
COLUMNS, COLUMNS_READ, ROW_GROUPS = 20, 2, 8
_MOUNT_SECONDS = 20.0


class Reader(Protocol):
    """The reads of a program over a folder of files or a bucket."""

    def whole(self, name: str) -> None:
        """Read a file from start to end."""

    def piece(self, name: str, offset: int) -> None:
        """64 KiB of it."""

    def columns(self, name: str) -> None:
        """Some columns of a table."""


@dataclass(frozen=True)
class Files:
    """Through a file system."""

    folder: Path

    def whole(self, name: str) -> None:
        """Read as `Reader.whole` does."""
        with (self.folder / name).open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass

    def piece(self, name: str, offset: int) -> None:
        """Read as `Reader.piece` does."""
        with (self.folder / name).open("rb", buffering=0) as file:
            assert len(os.pread(file.fileno(), PIECE_BYTES, offset)) == PIECE_BYTES

    def columns(self, name: str) -> None:
        """Read as `Reader.columns` does."""
        _read_columns(self.folder / name)


@dataclass(frozen=True)
class Objects:
    """The reads of a program over a bucket, with boto3."""

    client: Any
    prefix: str

    def _get(self, name: str, **more: str) -> Any:  # noqa: ANN401 - boto3 has no types
        return self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", **more)["Body"]

    def whole(self, name: str) -> None:
        """Read as `Reader.whole` does."""
        for _ in self._get(name).iter_chunks(1 << 20):
            pass

    def piece(self, name: str, offset: int) -> None:
        """Read as `Reader.piece` does."""
        assert len(self._get(name, Range=f"bytes={offset}-{offset + PIECE_BYTES - 1}").read()) == PIECE_BYTES

    def columns(self, name: str) -> None:
        """Read all of it: boto3 knows no columns."""
        _read_columns(BytesIO(self._get(name).read()))


def _read_columns(file: Path | BytesIO) -> None:
    names = [f"column-{number}" for number in range(0, COLUMNS, COLUMNS // COLUMNS_READ)]
    assert pq.read_table(file, columns=names).num_columns == COLUMNS_READ


@dataclass(frozen=True)
class Distance:
    """A store and its distance."""

    words: str
    endpoint: str
    local: bool


@dataclass(frozen=True)
class Kind:
    """One kind of reading.

    Attributes:
        read: all that is read, in one go.
    """

    words: str
    workload: Workload
    read: Callable[[Reader], None]


def kinds(share: float) -> list[Kind]:
    """Return the kinds of files to read, or a share of each."""
    large = Workload("large", "large", max(2, round(8 * share)), 32 << 20)
    small = Workload("small", "small", max(100, round(10_000 * share)), 10_000)
    tables = Workload("tables", PARQUET, 1, max(20_000, round(800_000 * share)))
    pieces = max(50, round(1_000 * share))

    def read_large(reader: Reader) -> None:
        for number in range(large.objects):
            reader.whole(f"{number:05}")

    def read_pieces(reader: Reader) -> None:
        places = random.Random(7)  # noqa: S311 - the same places each time
        for _ in range(pieces):
            offset = places.randrange(large.size_bytes // PIECE_BYTES) * PIECE_BYTES
            reader.piece(f"{places.randrange(large.objects):05}", offset)

    def read_small(reader: Reader) -> None:
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(lambda number: reader.whole(f"{number:05}"), range(small.objects)))

    return [
        Kind(f"{large.objects} files of 32 MiB from start to end", large, read_large),
        Kind(f"{pieces:,} reads of 64 KiB at random", large, read_pieces),
        Kind(f"{COLUMNS_READ} of {COLUMNS} columns of a Parquet file", tables, lambda reader: reader.columns("00000")),
        Kind(f"{small.objects:,} files of 10 kB, {READERS} at once", small, read_small),
    ]


def measure(share: float = 1.0, rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure medians of the rounds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        (root / "store").mkdir()
        store = stack.enter_context(run_store(root / "store"))
        store.client.create_bucket(Bucket=BUCKET)
        parts = urlsplit(store.endpoint)
        line = {"bytes_per_second": BYTES_PER_SECOND, "round_trip_seconds": ROUND_TRIP_SECONDS}
        far = stack.enter_context(far_line(parts.hostname or "", parts.port or 0, **line))
        read = kinds(share)
        for workload in {kind.workload.folder: kind.workload for kind in read}.values():
            _put_table(store, workload) if workload.folder == PARQUET else put(store, workload)
        for kind in read:
            with copied(kind.workload, store, root) as copy:
                for source in (
                    Distance("far", far.endpoint, local=False),
                    Distance("near", store.endpoint, local=True),
                ):
                    yield _row(kind, source.words, _times(kind, source, root, copy, rounds))


def _row(kind: Kind, words: str, seconds: dict[str, float]) -> Row:
    stream, plain, boto, copy = (seconds[way] for way in ("stream", "plain", "boto3", "copy"))
    return Row(
        f"Reads: {kind.words}, {words} source",
        f"stream {stream:.2f} s, the node's copy {copy:.2f} s ({copy / stream:.2f} of the stream)",
        f"plain rclone mount {plain:.2f} s (stream {stream / plain:.2f}x), boto3 {boto:.2f} s ({stream / boto:.2f}x)",
    )


def _times(kind: Kind, source: Distance, root: Path, copy: Path, rounds: int) -> dict[str, float]:
    endpoint = source.endpoint
    ways: dict[str, Callable[[], float]] = {
        "stream": lambda: _through_mount(kind, endpoint, root, sidecar_options(source, kind.workload, root)),
        "plain": lambda: _through_mount(kind, endpoint, root, ["--read-only"]),
        "boto3": lambda: _timed(kind, Objects(_client(endpoint), kind.workload.folder)),
        "copy": lambda: _timed(kind, Files(copy)),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in list(ways)[:: -1 if turn % 2 else 1]:
            seconds[way].append(ways[way]())
    return {way: statistics.median(values) for way, values in seconds.items()}


def _timed(kind: Kind, reader: Reader) -> float:
    drop_page_cache()
    began = time.perf_counter()
    kind.read(reader)
    return time.perf_counter() - began


def _through_mount(kind: Kind, endpoint: str, root: Path, options: list[str]) -> float:
    with mounted(endpoint, kind.workload.folder, root, options) as folder:
        return _timed(kind, Files(folder))


def _client(endpoint: str) -> Any:  # noqa: ANN401 - boto3 has no types
    keys = {"aws_access_key_id": STEWARD.access_key_id, "aws_secret_access_key": STEWARD.secret_access_key}
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)


def _put_table(store: Store, workload: Workload) -> None:
    """Columns of bytes that don't compress; one row takes eight bytes of each."""
    rows = workload.size_bytes
    columns = {f"column-{number}": pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(os.urandom(8 * rows))])
               for number in range(COLUMNS)}  # fmt: skip
    body = BytesIO()
    pq.write_table(pa.table(columns), body, row_group_size=rows // ROW_GROUPS, compression=None, use_dictionary=False)
    store.client.put_object(Bucket=BUCKET, Key=f"{workload.folder}/00000", Body=body.getvalue())


@contextmanager
def copied(workload: Workload, store: Store, root: Path) -> Iterator[Path]:
    """Provide a node's copy, bound read-only."""
    with tempfile.TemporaryDirectory(dir=root) as name:
        copy, shown = Path(name) / "copy", Path(name) / "shown"
        copy.mkdir()
        shown.mkdir()
        fill(source_of(workload, store.endpoint, store), copy)
        with bound(copy / "objects", shown):
            yield shown


def sidecar_options(
    source: Distance, workload: Workload, root: Path, *, limit_bytes: int = 1 << 40, parted: bool = False
) -> list[str]:
    """Return the options that the sidecar gives, without those that belong to its pod.

    Args:
        source: where the store is.
        workload: the reads to make.
        root: where the pod's own cache is made.
        limit_bytes: of that cache.
        parted: the node holds a part.
    """
    remote = s3_remotes.remote(S3Source(source.endpoint, BUCKET, workload.folder), STEWARD)
    place = rclone.CachePlace(directory=Path(tempfile.mkdtemp(dir=root)), limit_bytes=limit_bytes)
    descriptors = rclone.Descriptors(fuse=0, config=0, ca_bundle=None)
    rule = rclone.CacheRule(CachePolicy(), local=source.local, parted=parted)
    given = rclone.command("rclone", remote, rule, place, descriptors)
    return [each for each in given[4:] if not each.startswith(("--config", "/proc/self/fd", "--allow-non-empty"))]


@contextmanager
def mounted(endpoint: str, prefix: str, root: Path, options: list[str]) -> Iterator[Path]:
    """Mount with `rclone mount2` and these options.

    Raises:
        DevClusterError: it does not come up.
    """
    with mounted_remote(s3_remotes.remote(S3Source(endpoint, BUCKET, prefix), STEWARD), root, options) as folder:
        yield folder


@contextmanager
def mounted_remote(remote: Remote, root: Path, options: list[str]) -> Iterator[Path]:
    """Provide the same of any remote.

    Raises:
        DevClusterError: it does not come up.
    """
    helper = binaries.program("fusermount3", Terminal(Console(stderr=True)))
    path = os.pathsep.join((str(helper.parent), os.environ.get("PATH", "/usr/bin:/bin")))
    with tempfile.TemporaryDirectory(dir=root) as name:
        config, target, log = (Path(name) / each for each in ("rclone.conf", "mnt", "log"))
        target.mkdir()
        config.touch(mode=0o600)
        config.write_text(rclone.write_config(remote), encoding="utf-8")
        program = Path(sys.executable).with_name("rclone")
        command = [str(program), "mount2", f"source:{remote.path}", str(target), "--config", str(config), *options]
        environment = {**os.environ, "PATH": path}
        with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as server:
            try:
                _wait(target, server, log)
                yield target
            finally:
                subprocess.run(["umount", "--lazy", str(target)], check=False, capture_output=True)
                server.terminate()


def _wait(target: Path, server: "subprocess.Popen[bytes]", log: Path) -> None:
    ends_at = time.monotonic() + _MOUNT_SECONDS
    while not target.is_mount():
        if server.poll() is not None or time.monotonic() > ends_at:
            message = f"rclone does not mount: {log.read_text(encoding='utf-8').strip()[-300:] or 'it says nothing'}"
            raise DevClusterError(message)
        time.sleep(0.05)


@click.command()
@click.option("--share", default=1.0, show_default=True, help="Of what is read.")
@click.option("--rounds", default=ROUNDS, show_default=True)
def main(share: float, rounds: int) -> None:
    """Measure it, and print a table."""
    click.echo(table(measure(share, rounds)))


if __name__ == "__main__":
    main()
