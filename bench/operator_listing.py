"""The cost of listing a Dataset: seconds and peak memory, for a folder and for one ten times as large.

A real S3 server (SeaweedFS) with so many objects of one byte; each listing runs in a process of its own, whose peak
resident memory is taken from the kernel, beside that of a process that listed one object. The aim is flat memory: ten
times the objects may add no more than 8 MiB in order; on disk-sorted listings one run of 50,000 entries is in memory.

    python bench/operator_listing.py --objects 100000
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import click

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":  # as a script, only this folder is on the path
    sys.path.insert(0, str(ROOT))

from bench.rows import Row, table  # noqa: E402
from moorage.errors import DevClusterError  # noqa: E402

OBJECTS = 100_000
MOST_GROWTH_MIB = 8.0
_UPLOADS_AT_ONCE = 48
_START_SECONDS = 120

_LIST = """
import json, resource, sys, time
from dataset_operator.listing import list_folder
from dataset_operator.listing.s3 import Access
from dataset_operator.tables import look_into  # what the operator has loaded besides
from moorage.sources.s3 import S3Source
endpoint, prefix, unsorted = sys.argv[1:]
began = time.perf_counter()
access = Access(S3Source(endpoint, "bench", prefix), None)
listing = list_folder(access, access.budget, access.stop, known_unsorted=unsorted == "sort")
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"objects": listing.objects, "version": listing.version, "seconds": seconds, "peak_mib": peak}))
"""


def measure(objects: int = OBJECTS) -> list[Row]:
    """List folders of 1, a tenth of, and all of `objects`.

    Raises:
        DevClusterError: the S3 server does not start.
    """
    with (
        tempfile.TemporaryDirectory(prefix="moorage-bench-") as folder,
        running_store(Path(folder)) as (endpoint, filer),
    ):
        small = objects // 10
        asyncio.run(_fill(filer, {"one": 1, "small": small, "large": objects}))
        base = _list(endpoint, "one")
        tenth = _list(endpoint, "small")
        whole = _list(endpoint, "large")
        on_disk = _list(endpoint, "large", "sort")
    assert (tenth["objects"], whole["objects"]) == (small, objects)
    assert on_disk["version"] == whole["version"]
    growth = float(whole["peak_mib"]) - float(tenth["peak_mib"])
    return [
        Row(
            f"operator: listing {objects:,} objects",
            f"{float(whole['seconds']):.1f} s",
            f"{small:,} objects: {float(tenth['seconds']):.1f} s "
            f"({float(whole['seconds']) / float(tenth['seconds']):.1f}x)",
        ),
        Row(
            f"operator: peak memory listing {objects:,} objects",
            f"{float(whole['peak_mib']):.0f} MiB",
            f"{small:,} objects: {float(tenth['peak_mib']):.0f} MiB; 1 object: {float(base['peak_mib']):.0f} MiB",
            f"flat: at most {MOST_GROWTH_MIB:g} MiB more than for a tenth",
            growth <= MOST_GROWTH_MIB,
        ),
        Row(
            f"operator: the same from a store that lists in another order ({objects:,} objects, sorted on disk)",
            f"{float(on_disk['seconds']):.1f} s, {float(on_disk['peak_mib']):.0f} MiB",
            f"in order: {float(whole['seconds']):.1f} s, {float(whole['peak_mib']):.0f} MiB",
        ),
    ]


def _list(endpoint: str, prefix: str, how: str = "") -> dict[str, float | int | str]:
    command = [sys.executable, "-c", _LIST, endpoint, prefix, how]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT)
    found: dict[str, float | int | str] = json.loads(done.stdout)
    return found


async def _fill(filer: str, folders: dict[str, int]) -> None:
    """Upload by the server's own API, which takes a quarter of the time that its S3 side takes."""
    keys = (f"{folder}/part-{number:08}" for folder, count in folders.items() for number in range(count))
    async with aiohttp.ClientSession() as session:

        async def upload() -> None:
            for key in keys:  # shared: each key is taken once
                async with session.put(f"{filer}/buckets/bench/{key}", data=b"x") as answer:
                    answer.raise_for_status()

        await asyncio.gather(*(upload() for _ in range(_UPLOADS_AT_ONCE)))


@contextlib.contextmanager
def running_store(folder: Path) -> Iterator[tuple[str, str]]:
    """Provide an S3 server that asks nobody for keys, with the bucket `bench`: its S3 endpoint and its own API."""
    ports = {name: _free_port() for name in ("master", "volume", "filer", "s3")}
    program = Path(sys.executable).with_name("weed")
    command = [str(program), "-logtostderr=true", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += ["-filer", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    command += ["-volume.max=100", "-master.volumeSizeLimitMB=256", "-filer.saveToFilerLimit=1024"]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += [f"-{name}.port.grpc={_free_port()}" for name in ports]
    with (folder / "weed.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    try:
        asyncio.run(_make_bucket(endpoint))
        yield endpoint, f"http://127.0.0.1:{ports['filer']}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


async def _make_bucket(endpoint: str) -> None:
    end = time.monotonic() + _START_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.put(f"{endpoint}/bench") as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(0.2)
    raise DevClusterError(f"no S3 server answers at {endpoint}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@click.command()
@click.option("--objects", default=OBJECTS, show_default=True, help="How many the larger folder holds.")
def main(objects: int) -> None:
    """Measure and print a Markdown table."""
    click.echo(table(measure(objects)))


if __name__ == "__main__":
    main()
