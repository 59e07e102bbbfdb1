"""Transfers of artifacts between two S3 servers, against `rclone copy` of the same objects.

Both servers, the transfer and rclone run on this machine, so what is compared is the cost of moving a byte and a file.
Each round moves every set of files once with each, in turn, into a fresh place. rclone runs with its defaults, but for
as many transfers at once as ours; the transfer verifies a SHA-256 of each file besides.
"""

import asyncio
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from bench.rows import Row, table
from moorage.runs import FileEntry, Manifest, RunKeys, RunRef
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from pipeline_executor.store import ArtifactStore
from pipeline_executor.transfers import Place, TransferLimits, transfer
from tests.dataset_operator.stores import STEWARD, Store, run_store

ROUNDS = 5
AIM = 0.95
BUCKET = "runs"
KEYS = Credentials(STEWARD.access_key_id, STEWARD.secret_access_key)


@dataclass(frozen=True)
class Workload:
    """Files of one size."""

    what: str
    files: int
    size_bytes: int

    @property
    def run(self) -> RunRef:
        """A run of its own."""
        return RunRef("bench", "files", str(self.files))


WORKLOADS = (
    Workload("one file of 1 GiB", 1, 1 << 30),
    Workload("100 files of 10 MB", 100, 10_000_000),
    Workload("10,000 files of 10 kB", 10_000, 10_000),
)


def measure(rounds: int = ROUNDS, workloads: Iterable[Workload] = WORKLOADS) -> Iterable[Row]:
    """Measure seconds of both, medians of the rounds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        near, far = (stack.enter_context(_server(Path(folder) / name)) for name in ("near", "far"))
        for workload in workloads:
            manifest = put(near, workload)
            ours: list[float] = []
            theirs: list[float] = []
            for turn in range(rounds):
                ways = [(ours, moved), (theirs, copied)]
                for seconds, way in ways[:: -1 if turn % 2 else 1]:
                    seconds.append(way(near, far, manifest, workload))
                    clear(far)
            mine, beside = statistics.median(ours), statistics.median(theirs)
            megabytes = workload.files * workload.size_bytes / 1e6
            yield Row(
                f"Transfer: {workload.what}, verified",
                f"{mine:.1f} s, {megabytes / mine:.0f} MB/s ({beside / mine:.2f} of rclone's throughput)",
                f"rclone copy {beside:.1f} s",
                f"at least {AIM:g} of rclone's",
                beside / mine >= AIM,
            )


@contextmanager
def _server(folder: Path) -> Iterator[Store]:
    folder.mkdir()
    with run_store(folder) as running:
        running.client.create_bucket(Bucket=BUCKET)
        yield running


def put(near: Store, workload: Workload) -> Manifest:
    """Put the files into the producer's store; bytes that don't compress."""
    root = RunKeys("moorage", workload.run).data("make", 1, "files")

    def one(number: int) -> FileEntry:
        content = os.urandom(workload.size_bytes)
        near.client.put_object(Bucket=BUCKET, Key=f"{root}/{number:05}", Body=content)
        return FileEntry(f"{number:05}", len(content), hashlib.sha256(content).hexdigest())

    with ThreadPoolExecutor(8) as pool:
        entries = tuple(pool.map(one, range(workload.files)))
    return Manifest("make.files", {}, {}, f"s3://{BUCKET}/{root}", entries)


def moved(near: Store, far: Store, manifest: Manifest, workload: Workload) -> float:
    """Return seconds of our transfer, in a process of its own, its start left out as for a controller that runs."""
    program = "import sys; from bench.transfers import move; move(*sys.argv[1:])"
    with tempfile.NamedTemporaryFile() as file:
        file.write(manifest.write())
        file.flush()
        arguments = [near.endpoint, far.endpoint, file.name, str(workload.run)]
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)


def move(near: str, far: str, manifest_file: str, run: str) -> None:
    """Run a transfer for `moved`, and print its seconds."""
    keys = RunKeys("moorage", RunRef(*run.split("/")))
    manifest = Manifest.read(Path(manifest_file).read_bytes(), "manifest")

    async def once() -> float:
        source, target = (
            ArtifactStore(site, S3Source(endpoint, BUCKET, prefix="moorage"), KEYS)
            for site, endpoint in (("near", near), ("far", far))
        )
        async with source, target:
            began = time.perf_counter()
            await transfer(manifest, Place(source, keys), Place(target, keys))
            return time.perf_counter() - began

    print(asyncio.run(once()))


def copied(near: Store, far: Store, manifest: Manifest, workload: Workload) -> float:
    """Return seconds of rclone, its start included: a few hundredths."""
    key = manifest.uri.removeprefix("s3://")
    environment = {"PATH": os.environ["PATH"]}
    for name, store in (("NEAR", near), ("FAR", far)):
        for option, value in {
            "TYPE": "s3",
            "PROVIDER": "SeaweedFS",
            "ENDPOINT": store.endpoint,
            "ACCESS_KEY_ID": KEYS.access_key_id,
            "SECRET_ACCESS_KEY": KEYS.secret_access_key,
            "FORCE_PATH_STYLE": "true",
        }.items():
            environment[f"RCLONE_CONFIG_{name}_{option}"] = value
    program = Path(sys.executable).with_name("rclone")
    options = [f"--transfers={TransferLimits().files}", "--config=/dev/null", "--quiet"]
    began = time.perf_counter()
    subprocess.run([program, "copy", f"near:{key}", f"far:{key}", *options], env=environment, check=True)
    seconds = time.perf_counter() - began
    listed = sum(
        len(page.get("Contents") or ())
        for page in far.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=key.partition("/")[2])
    )
    assert listed == workload.files, f"rclone copied {listed} files"
    return seconds


def clear(far: Store) -> None:
    """Empty the consumer's store."""
    for page in far.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        objects = [{"Key": each["Key"]} for each in page.get("Contents") or ()]
        if objects:
            far.client.delete_objects(Bucket=BUCKET, Delete={"Objects": objects, "Quiet": True})


@click.command()
@click.option("--rounds", default=ROUNDS, show_default=True)
def main(rounds: int) -> None:
    """Measure it, and print a table."""
    click.echo(table(measure(rounds)))


if __name__ == "__main__":
    main()
