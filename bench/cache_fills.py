"""Filling a node's cache and reading from it: against rclone, boto3 and the plain disk, and ten nodes at once.

A far source is the S3 server behind `far_line`, with a round trip and a bandwidth that all connections share. Each
round does the same in all ways, in turn. What is read from the disk was dropped from the page cache before.
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import click
from boto3.s3.transfer import TransferConfig

from bench.far_line import FarLine, far_line
from bench.near_nodes import Source, start_at_once
from bench.rows import Row, table
from node_plugin import binding, mounts
from node_plugin.caching.fillers import run_filler
from node_plugin.filler.exchange import Ending, Job
from tests.dataset_operator.stores import STEWARD, Store, run_store

ROUNDS = 3
ROUND_TRIP_SECONDS, BYTES_PER_SECOND = 0.02, 100e6
BUCKET = "cache"
NODES = 10
READS = 2_000
PIECE_BYTES = 64 << 10
AIM_OF_RCLONE = 1.05
FILLER_NICENESS = 10
"""The niceness that a filler gives itself, so that readers come first."""


@dataclass(frozen=True)
class Workload:
    """Objects of one size."""

    what: str
    folder: str
    objects: int
    size_bytes: int

    @property
    def total_bytes(self) -> int:
        """The size of all objects together."""
        return self.objects * self.size_bytes


LARGE = Workload("64 objects of 8 MiB", "large", 64, 8 << 20)
SMALL = Workload("10,000 objects of 10 kB", "small", 10_000, 10_000)
SHARED = Workload("64 objects of 1 MiB", "shared", 64, 1 << 20)


def measure(rounds: int = ROUNDS, small: Workload = SMALL, large: Workload = LARGE) -> Iterable[Row]:
    """Measure medians of the rounds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        (root / "store").mkdir()
        store = stack.enter_context(run_store(root / "store"))
        store.client.create_bucket(Bucket=BUCKET)
        parts = urlsplit(store.endpoint)
        far = stack.enter_context(
            far_line(
                parts.hostname or "",
                parts.port or 0,
                bytes_per_second=BYTES_PER_SECOND,
                round_trip_seconds=ROUND_TRIP_SECONDS,
            )
        )
        for workload in (large, small, SHARED):
            put(store, workload)
        far_words = f"far source ({ROUND_TRIP_SECONDS * 1e3:.0f} ms, {BYTES_PER_SECOND / 1e6:.0f} MB/s)"
        yield filled(large, far.endpoint, far_words, store, root, rounds)
        yield filled(small, far.endpoint, far_words, store, root, rounds)
        yield filled(large, store.endpoint, "near source", store, root, rounds)
        yield from read_warm(large, store, root, rounds)
        yield at_once(SHARED, far, store, root)


def put(store: Store, workload: Workload) -> None:
    """Put the objects into the store; their bytes don't compress."""

    def one(number: int) -> None:
        key = f"{workload.folder}/{number:05}"
        store.client.put_object(Bucket=BUCKET, Key=key, Body=os.urandom(workload.size_bytes))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(workload.objects)))


def source_of(workload: Workload, endpoint: str, store: Store) -> Source:
    """Return the location of the objects, and their version."""
    return Source.listed(endpoint, BUCKET, workload.folder, STEWARD, store.client)


def filled(workload: Workload, endpoint: str, words: str, store: Store, root: Path, rounds: int) -> Row:  # noqa: PLR0913, PLR0917 - a row's own
    """Return seconds of our filler, of rclone and of boto3."""
    source = source_of(workload, endpoint, store)
    ways: dict[str, Callable[[Path], None]] = {
        "node": lambda target: fill(source, target),
        "rclone copy, as nice": lambda target: copy_with_rclone(endpoint, workload, target, niceness=FILLER_NICENESS),
        "rclone copy": lambda target: copy_with_rclone(endpoint, workload, target),
        "boto3": lambda target: copy_with_boto3(endpoint, workload, target),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in list(ways)[:: -1 if turn % 2 else 1]:
            with tempfile.TemporaryDirectory(dir=root) as target:
                began = time.perf_counter()
                ways[way](Path(target))
                seconds[way].append(time.perf_counter() - began)
    ours, as_nice, rclone, boto = (statistics.median(seconds[way]) for way in ways)
    return Row(
        f"Cache: a copy of {workload.what} from a {words}, verified and synced",
        f"{ours:.1f} s, {workload.total_bytes / ours / 1e6:.0f} MB/s ({ours / as_nice:.2f} of rclone's seconds)",
        f"rclone copy at the same CPU priority {as_nice:.1f} s; at a usual one {rclone:.1f} s ({ours / rclone:.2f}x), "
        f"boto3 {boto:.1f} s ({ours / boto:.2f}x); none of them syncs",
        f"at most {AIM_OF_RCLONE:g} of rclone's at that priority",
        ours <= AIM_OF_RCLONE * as_nice,
    )


def fill(source: Source, target: Path) -> None:
    """Fill a cache as a node does, but as the current user."""
    job = Job(grant=source.grant, connections=8, most_objects=200_000, most_bytes=1 << 40)
    done = asyncio.run(run_filler(target, job, user=None, reused=None, tell=lambda *_: None))
    if done.ended.ending is not Ending.WHOLE:
        raise OSError(done.ended.message)


def copy_with_rclone(endpoint: str, workload: Workload, target: Path, niceness: int = 0) -> None:
    """Copy with rclone, using as many transfers at once."""
    environment = {"PATH": os.environ["PATH"]}
    for option, value in {
        "TYPE": "s3",
        "PROVIDER": "SeaweedFS",
        "ENDPOINT": endpoint,
        "ACCESS_KEY_ID": STEWARD.access_key_id,
        "SECRET_ACCESS_KEY": STEWARD.secret_access_key,
        "FORCE_PATH_STYLE": "true",
    }.items():
        environment[f"RCLONE_CONFIG_SOURCE_{option}"] = value
    options = ["--transfers=8", "--checkers=8", "--config=/dev/null", "--quiet"]
    program = Path(sys.executable).with_name("rclone")
    command = [str(program), "copy", f"source:{BUCKET}/{workload.folder}", str(target), *options]
    subprocess.run(["nice", f"-n{niceness}", *command], env=environment, check=True)


def copy_with_boto3(endpoint: str, workload: Workload, target: Path) -> None:
    """Copy with boto3, using as many threads."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=STEWARD.access_key_id,
        aws_secret_access_key=STEWARD.secret_access_key,
        region_name="us-east-1",
    )
    whole = TransferConfig(use_threads=False)

    def one(key: str) -> None:
        client.download_file(BUCKET, key, str(target / key.rpartition("/")[2]), Config=whole)

    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{workload.folder}/")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, [each["Key"] for page in pages for each in page.get("Contents") or ()]))


def read_warm(workload: Workload, store: Store, root: Path, rounds: int) -> Iterator[Row]:
    """Read a copy as pods see it, against the same bytes in a file of the disk."""
    with tempfile.TemporaryDirectory(dir=root) as name:
        copy, plain, shown = (Path(name) / each for each in ("copy", "plain", "shown"))
        for folder in (copy, plain, shown):
            folder.mkdir()
        fill(source_of(workload, store.endpoint, store), copy)
        for path in (copy / "objects").iterdir():
            (plain / path.name).write_bytes(path.read_bytes())
        with bound(copy / "objects", shown):
            for what, read in (("read from start to end", read_all), (f"{READS:,} random reads of 64 KiB", read_some)):
                ours: list[float] = []
                theirs: list[float] = []
                for turn in range(rounds):
                    for seconds, folder in [(ours, shown), (theirs, plain)][:: -1 if turn % 2 else 1]:
                        drop_page_cache()
                        began = time.perf_counter()
                        read(folder)
                        seconds.append(time.perf_counter() - began)
                mine, beside = statistics.median(ours), statistics.median(theirs)
                yield Row(
                    f"Cache: a node's own copy, {what}",
                    f"{mine:.2f} s",
                    f"plain files {beside:.2f} s ({mine / beside:.2f}x)",
                )


@contextmanager
def bound(folder: Path, target: Path) -> Iterator[None]:
    """Shown read-only, as in a pod."""
    binding.bind(folder, target)
    try:
        yield
    finally:
        mounts.unmount_all(target)


def read_all(folder: Path) -> None:
    """Read every file, from start to end."""
    for path in sorted(folder.iterdir()):
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def read_some(folder: Path) -> None:
    """Pieces at seeded places."""
    places, paths = random.Random(7), sorted(folder.iterdir())  # noqa: S311 - the same places each time
    for _ in range(READS):
        with places.choice(paths).open("rb", buffering=0) as file:
            pieces = os.fstat(file.fileno()).st_size // PIECE_BYTES
            os.pread(file.fileno(), PIECE_BYTES, places.randrange(pieces) * PIECE_BYTES)


def drop_page_cache() -> None:
    """Drop the page cache, so that reads reach the disk."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("1", encoding="ascii")


def at_once(workload: Workload, far: FarLine, store: Store, root: Path) -> Row:
    """Measure what crosses the line when many nodes begin together, with neighbours and without."""
    source = source_of(workload, far.endpoint, store)
    crossed: dict[bool, float] = {}
    seconds: dict[bool, float] = {}
    for with_neighbours in (True, False):
        with tempfile.TemporaryDirectory(dir=root) as folder:
            before, began = far.received_bytes, time.perf_counter()
            asyncio.run(start_at_once(source, Path(folder), NODES, with_neighbours=with_neighbours))
            seconds[with_neighbours] = time.perf_counter() - began
            crossed[with_neighbours] = (far.received_bytes - before) / workload.total_bytes
    return Row(
        f"Cache: {NODES} nodes copy {workload.what} at once, bytes over the line",
        f"{crossed[True]:.2f} times the dataset, {seconds[True]:.1f} s",
        f"without neighbours {crossed[False]:.2f} times, {seconds[False]:.1f} s",
        "at most 1.1 times",
        crossed[True] <= 1.1,  # noqa: PLR2004 - the aim
    )


@click.command()
@click.option("--rounds", default=ROUNDS, show_default=True)
def main(rounds: int) -> None:
    """Measure it, and print a table."""
    click.echo(table(measure(rounds)))


if __name__ == "__main__":
    main()
