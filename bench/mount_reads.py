"""Reading through the mount in a pod, against rclone mounted on the host with the same options, against boto3.

One object of real size in the S3 server of eu-1; each round reads it in all three ways, with the page cache dropped
before each.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import click
from rich.console import Console

from bench.rows import Row, table
from bench.stage import is_ready, pod, stage
from demo.stage import CONSUMER, IMAGE, STEWARD, Stage
from devcluster import binaries
from devcluster.object_store import ObjectStore
from devcluster.progress import Terminal
from moorage.caching import CachePolicy
from moorage.errors import DevClusterError
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from node_plugin.sidecar import rclone
from node_plugin.sidecar.remotes import s3 as s3_remotes

GIB = 2**30
READS = 2_000
ROUNDS = 9
AIMS_OF_BOTO3 = {"sequential": 1.05, "random": 0.7}
AIM_OF_HOST = 1.02
BUCKET, KEY = "bench", "large/object.bin"
# Runs in the pod and on the host alike: sequential MiB reads, or reads of 64 KiB at seeded places.
READER = """
import os, random, sys, time
path, kind, size, reads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
began = time.perf_counter()
descriptor = os.open(path, os.O_RDONLY)
if kind == "sequential":
    while os.read(descriptor, 2**20):
        pass
else:
    places = random.Random(7)
    for _ in range(reads):
        assert len(os.pread(descriptor, 65536, places.randrange(size // 65536) * 65536)) == 65536
os.close(descriptor)
print(time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Workload:
    """The amount, number and rounds of reads."""

    size_bytes: int
    reads: int
    rounds: int


Way = Callable[[str], float]


def measure(size_bytes: int = GIB, reads: int = READS, rounds: int = ROUNDS) -> Iterable[Row]:
    """Measure seconds of each way, median of the rounds, and the sidecar's memory."""
    workload = Workload(size_bytes, reads, rounds)
    with stage() as made:
        store = made.cluster.object_stores["eu-1"]
        put_object(store, size_bytes)
        declare(made, store)
        made.delete_pod("bench-reader")
        made.kubectl(
            "create", "-f", "-", stdin=pod("bench-reader", IMAGE, "import time; time.sleep(36000)", dataset="large")
        )
        made.wait_for_phase("bench-reader", {"Running"})
        uid = made.get("pod", "bench-reader", "-n", CONSUMER)["metadata"]["uid"]
        idle = server_memory_bytes(uid)
        with host_mount(store, made.cluster.state_dir) as mounted:
            ways: dict[str, Way] = {
                "pod": lambda kind: in_pod(made, kind, workload),
                "host": lambda kind: on_host(mounted / "object.bin", kind, workload),
                "boto3": lambda kind: with_boto3(store, kind, workload),
            }
            taken = {kind: time_all(ways, kind, rounds) for kind in ("sequential", "random")}
        loaded = server_memory_bytes(uid)
        made.delete_pod("bench-reader")
    what = {"sequential": f"{size_bytes / GIB:g} GiB from start to end", "random": f"{reads} reads of 64 KiB at random"}
    for kind, seconds in taken.items():
        for beside, name, aim in (("boto3", "boto3", AIMS_OF_BOTO3[kind]), ("host", "the host mount", AIM_OF_HOST)):
            ratio = seconds["pod"] / seconds[beside]
            value = f"{seconds['pod']:.2f} s ({ratio:.2f} of {name})"
            against = f"{name} {seconds[beside]:.2f} s"
            yield Row(f"Mount: {what[kind]}", value, against, f"at most {aim:g} of {name}", ratio <= aim)
    yield Row("Sidecar memory (both processes, resident)", f"{loaded / 2**20:.0f} MiB after the reads",
              f"idle {idle / 2**20:.0f} MiB")  # fmt: skip


def time_all(ways: dict[str, Way], kind: str, rounds: int) -> dict[str, float]:
    """Return the median seconds of each way; every round takes each of them once, every other one backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name, way in list(ways.items())[:: -1 if turn % 2 else 1]:
            drop_page_cache()
            seconds[name].append(way(kind))
    return {name: statistics.median(values) for name, values in seconds.items()}


def drop_page_cache() -> None:
    """Drop the page cache, so that no reader profits from another's reads."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def client(store: ObjectStore) -> Any:  # noqa: ANN401 - boto3 has no types
    """Return an S3 client with the administrator's keys."""
    keys = {"aws_access_key_id": store.access_key, "aws_secret_access_key": store.secret_key}
    return boto3.client("s3", endpoint_url=store.endpoint, region_name=store.region, **keys)


def put_object(store: ObjectStore, size_bytes: int) -> None:
    """Upload bytes that do not compress."""
    s3 = client(store)
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET)
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(size_bytes // 2**20):
            file.write(os.urandom(2**20))
        file.flush()
        s3.upload_file(file.name, BUCKET, KEY)


def declare(made: Stage, store: ObjectStore) -> None:
    """Declare a Dataset of the bucket, with a Secret of its own."""
    fields = {"endpoint": store.endpoint, "bucket": BUCKET, "prefix": "large"}
    manifest = made.manifest("dataset.yaml", **fields).replace("name: flights", "name: large")
    secret = (
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: large-keys, namespace: {STEWARD}}}\n"
        f"stringData: {{accessKeyID: {store.access_key}, secretAccessKey: {store.secret_key}}}\n"
    )
    made.kubectl("apply", "-f", "-", stdin=secret)
    made.kubectl("apply", "-f", "-", stdin=manifest.replace("flights-keys", "large-keys"))
    made.wait("the Dataset large to be Ready", lambda: is_ready(made, "large"), 60)


def in_pod(made: Stage, kind: str, workload: Workload) -> float:
    """Time reads through the mount, in the pod."""
    arguments = ("/mnt/datasets/large/object.bin", kind, str(workload.size_bytes), str(workload.reads))
    exec_ = ("exec", "-n", CONSUMER, "bench-reader", "-c", "reader", "--", "python3", "-c", READER)
    return float(made.kubectl(*exec_, *arguments).out)


def on_host(file: Path, kind: str, workload: Workload) -> float:
    """Time reads through rclone's own mount on this machine."""
    arguments = [str(file), kind, str(workload.size_bytes), str(workload.reads)]
    done = subprocess.run([sys.executable, "-c", READER, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)


def with_boto3(store: ObjectStore, kind: str, workload: Workload) -> float:
    """Time reads with boto3, without a file system."""
    s3, names = client(store), {"Bucket": BUCKET, "Key": KEY}
    began = time.perf_counter()
    if kind == "sequential":
        for _ in s3.get_object(**names)["Body"].iter_chunks(2**20):
            pass
    else:
        import random  # noqa: PLC0415 - beside its twin in READER

        places = random.Random(7)  # noqa: S311 - places in a file
        for _ in range(workload.reads):
            start = places.randrange(workload.size_bytes // 65536) * 65536
            s3.get_object(**names, Range=f"bytes={start}-{start + 65535}")["Body"].read()
    return time.perf_counter() - began


@contextmanager
def host_mount(store: ObjectStore, scratch: Path) -> Iterator[Path]:
    """Mount by root on this machine with `rclone mount`, with the sidecar's options for a near source.

    Raises:
        DevClusterError: it does not come up, or there is no fusermount3, without which rclone mounts nothing.
    """
    program = Path(sys.executable).parent / "rclone"
    helper = binaries.program("fusermount3", Terminal(Console(stderr=True)))
    path = os.pathsep.join((str(helper.parent), os.environ.get("PATH", "/usr/bin:/bin")))
    remote = s3_remotes.remote(
        S3Source(store.endpoint, BUCKET, "large", store.region), Credentials(store.access_key, store.secret_key)
    )
    place = rclone.CachePlace(directory=scratch / "host-cache", limit_bytes=GIB)
    descriptors = rclone.Descriptors(fuse=0, config=0, ca_bundle=None)
    sidecars = rclone.command(str(program), remote, rclone.CacheRule(CachePolicy(), local=True), place, descriptors)
    with tempfile.TemporaryDirectory() as folder:
        config, target = Path(folder) / "rclone.conf", Path(folder) / "mnt"
        target.mkdir()
        config.touch(mode=0o600)
        config.write_text(rclone.write_config(remote))
        options = [
            each for each in sidecars[4:] if not each.startswith(("--config", "/proc/self/fd", "--allow-non-empty"))
        ]
        command = [str(program), "mount2", sidecars[2], str(target), "--config", str(config), *options]
        with (
            (Path(folder) / "log").open("w+") as log,
            subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PATH": path}) as server,
        ):
            try:
                yield _wait_until_mounted(target, server, Path(folder) / "log")
            finally:
                subprocess.run(["umount", "--lazy", str(target)], check=False)
                server.terminate()


def _wait_until_mounted(target: Path, server: "subprocess.Popen[bytes]", log: Path) -> Path:
    for _ in range(100):
        if target.is_mount() and (target / "object.bin").exists():
            return target
        if server.poll() is not None:
            break
        time.sleep(0.1)
    message = f"rclone did not mount the bucket on this machine: {log.read_text().strip()[-300:] or 'it says nothing'}"
    raise DevClusterError(message)


def server_memory_bytes(pod_uid: str) -> int:
    """Resident bytes of a pod's sidecar: rclone and its supervisor."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if pod_uid not in (folder / "cgroup").read_text():
                continue
            command = (folder / "cmdline").read_bytes()
            status = (folder / "status").read_text()
        except OSError:
            continue
        if b"rclone" in command or b"node_plugin.sidecar" in command:
            total += next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    return total


@click.command()
@click.option("--mib", default=1024, show_default=True, help="Size of the object.")
@click.option("--reads", default=READS, show_default=True, help="How many reads at random.")
@click.option("--rounds", default=ROUNDS, show_default=True, help="How often each way is taken.")
def main(mib: int, reads: int, rounds: int) -> None:
    """Measure reading through the mount."""
    click.echo(table(measure(mib * 2**20, reads, rounds)))


if __name__ == "__main__":
    main()
