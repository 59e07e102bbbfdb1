"""A job of 8 pods that reads a far dataset five times over, on two nodes: what crosses the line, and how long it takes.

The nodes are played: folders of this machine, each with its own filler and its own server for neighbours
(`near_nodes`); pods are processes that read through mounts as the sidecar makes them, and get the node's copy on top of
the mount when it is whole, as the node plugin does it. Where pods go is decided as kube-scheduler does, by free room,
and with the extender's own scores. Only one node has a copy when the job begins, made ahead (`kubectl dataset warm
--nodes 1`), and its bytes count.

The last two ways have room for a share of the dataset: in each pod's own cache (rclone's VFS), or on each node, where
pods read a part. Both nodes have made theirs ahead, and those bytes count.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from bench.cache_fills import BUCKET, BYTES_PER_SECOND, ROUND_TRIP_SECONDS, Workload, put, source_of
from bench.cold_reads import Distance, mounted, mounted_remote, sidecar_options
from bench.day.placing import WEIGHT
from bench.far_line import FarLine, far_line
from bench.near_nodes import SITE, Node, Source, made_nodes
from bench.rows import Row, table
from moorage.locality.scoring import prioritize
from moorage.locality.snapshot import Snapshot, request_for
from moorage.model import SITE_LABEL, CachedDataset, Dataset, DatasetStatus, Link, NodeCache, Site
from moorage.model import Node as NodeObject
from moorage.model import Source as DatasetSource
from node_plugin import binding, mounts
from node_plugin.filler import manifest
from node_plugin.filler.opening import opener
from node_plugin.sidecar.parts.server import PartServer
from node_plugin.sidecar.parts.serving import remote_at
from node_plugin.sidecar.parts.source import Descriptors, PartSource
from node_plugin.sidecar.remotes.s3 import WORDS
from tests.dataset_operator.stores import run_store

PODS, EPOCHS, NODES, ROUNDS = 8, 5, 2, 3
AIM = 1.1
ROOM_SHARE = 0.6
PARTS = f"room for {ROOM_SHARE:g} of it on each node, our scores"
FAR_SITE = "far-1"
_POD = """
import pathlib, sys
for _ in range(int(sys.argv[2])):
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
"""


@dataclass(frozen=True)
class Took:
    """The cost of one job: times the data crossed the line, and seconds.

    Attributes:
        times: bytes over the line, of the dataset's.
    """

    times: float
    seconds: float


@dataclass(frozen=True)
class Job:
    """The inputs of a job that all ways share."""

    source: Source
    far: FarLine
    root: Path
    workload: Workload

    @property
    def place(self) -> Distance:
        """The source, as nodes see it."""
        return Distance("far", self.far.endpoint, local=False)


def measure(objects: int = 16, rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure medians of the rounds."""
    workload = Workload("epochs", "epochs", objects, 4 << 20)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        (root / "store").mkdir()
        store = stack.enter_context(run_store(root / "store"))
        store.client.create_bucket(Bucket=BUCKET)
        put(store, workload)
        parts = urlsplit(store.endpoint)
        line = {"bytes_per_second": BYTES_PER_SECOND, "round_trip_seconds": ROUND_TRIP_SECONDS}
        far = stack.enter_context(far_line(parts.hostname or "", parts.port or 0, **line))
        job = Job(source_of(workload, far.endpoint, store), far, root, workload)
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "no cache": lambda: streamed(job, ["--read-only"]),
            "a cache in each pod": lambda: streamed(job, None),
            "copies, default placement": lambda: with_copies(job, scored=False),
            "copies, our scores": lambda: with_copies(job, scored=True),
            f"room for {ROOM_SHARE:g} of it in each pod": lambda: streamed(job, _options(job)),
            PARTS: lambda: with_parts(job),
        }
        taken: dict[str, list[Took]] = {way: [] for way in ways}
        for turn in range(rounds):
            for way in list(ways)[:: -1 if turn % 2 else 1]:
                taken[way].append(asyncio.run(_counted(job, ways[way])))
    medians = {
        way: Took(statistics.median(each.times for each in took), statistics.median(each.seconds for each in took))
        for way, took in taken.items()
    }
    first = medians["no cache"]
    for way, took in medians.items():
        aimed = way in {"copies, our scores", PARTS}
        yield Row(
            f"Epochs: {PODS} pods read {workload.total_bytes >> 20} MiB {EPOCHS} times on {NODES} nodes: {way}",
            f"{took.times:.2f} times the dataset over the line, {took.seconds / first.seconds:.2f} of the first's time",
            f"no cache {first.times:.2f} times, {first.seconds:.1f} s",
            f"at most {AIM:g} times the dataset" if aimed else "",
            took.times <= AIM if aimed else None,
        )


async def _counted(job: Job, way: Callable[[], Awaitable[None]]) -> Took:
    before, began = job.far.received_bytes, time.perf_counter()
    await way()
    return Took((job.far.received_bytes - before) / job.workload.total_bytes, time.perf_counter() - began)


async def streamed(job: Job, options: list[str] | None) -> None:
    """Measure with all pods streaming, wherever they are."""
    with ExitStack() as stack:
        folders = [_mount(job, stack, options) for _ in range(PODS)]
        await asyncio.gather(*map(_run_pod, folders))


async def with_copies(job: Job, *, scored: bool) -> None:
    """One node has a copy; pods on the other one stream, until that one has copied it from its neighbour."""
    with tempfile.TemporaryDirectory(dir=job.root) as name, ExitStack() as stack:
        async with made_nodes(job.source, Path(name), NODES) as nodes:
            await nodes[0].fill(job.source, with_neighbours=True)
            placed = place(job, nodes, scored=scored)
            folders = [(node, _mount(job, stack, None)) for node in placed]
            for node, folder in folders:
                if node is nodes[0]:
                    _show(job, node, folder, stack)
            pods = asyncio.gather(*(_run_pod(folder) for _, folder in folders))
            if nodes[1] in placed:
                await nodes[1].fill(job.source, with_neighbours=True)
                for node, folder in folders:
                    if node is nodes[1]:
                        _show(job, node, folder, stack)
            await pods
            stack.close()


async def with_parts(job: Job) -> None:
    """Measure with as much on each node as it has room for; pods read the rest from the source."""
    with tempfile.TemporaryDirectory(dir=job.root) as name, ExitStack() as stack:
        async with made_nodes(job.source, Path(name), NODES) as nodes:
            room_bytes = int(job.workload.total_bytes * ROOM_SHARE)
            await asyncio.gather(
                *(node.fill(job.source, with_neighbours=True, part_bytes=room_bytes) for node in nodes)
            )
            folders = [_mount_part(job, node, stack) for node in place(job, nodes, scored=True)]
            await asyncio.gather(*map(_run_pod, folders))
            stack.close()


def _mount_part(job: Job, node: Node, stack: ExitStack) -> Path:
    folder = node.store.unfinished(job.source.key)
    open_source = opener(job.source.grant)
    assert open_source is not None
    descriptors = Descriptors(
        os.open(folder / manifest.NAME, os.O_RDONLY | os.O_CLOEXEC),
        os.open(folder / manifest.OBJECTS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC),
    )
    socket = Path(tempfile.mkdtemp(dir=job.root)) / "part.sock"
    server = PartServer(socket, PartSource(descriptors, open_source, click.echo))
    stack.callback(server.close)
    return stack.enter_context(mounted_remote(remote_at(socket, WORDS), job.root, _options(job, parted=True)))


def _options(job: Job, *, parted: bool = False) -> list[str]:
    room_bytes = int(job.workload.total_bytes * ROOM_SHARE)
    return sidecar_options(job.place, job.workload, job.root, limit_bytes=room_bytes, parted=parted)


def _mount(job: Job, stack: ExitStack, options: list[str] | None) -> Path:
    given = sidecar_options(job.place, job.workload, job.root) if options is None else options
    return stack.enter_context(mounted(job.far.endpoint, job.workload.folder, job.root, given))


def _show(job: Job, node: Node, folder: Path, stack: ExitStack) -> None:
    binding.bind(node.store.objects(job.source.key), folder)
    stack.callback(mounts.unmount_all, folder)


async def _run_pod(folder: Path) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _POD, str(folder), str(EPOCHS))
    if await child.wait() != 0:
        message = "a pod could not read"
        raise OSError(message)


def place(job: Job, nodes: list[Node], *, scored: bool) -> list[Node]:
    """Return a node for each pod: by what is free of it, and where that is asked for by the extender's scores."""
    snapshot = _snapshot(job, nodes)
    reader = request_for("bench", "default", None, [job.source.key.ref], snapshot)
    free = {node.name: PODS for node in nodes}
    chosen = []
    for _ in range(PODS):
        open_nodes = [name for name, slots in free.items() if slots]
        points = prioritize(reader, open_nodes, snapshot) if scored else dict.fromkeys(open_nodes, 0)
        best = max(open_nodes, key=lambda name: 10 * WEIGHT * points[name] + 100 * free[name] / PODS)
        free[best] -= 1
        chosen.append(next(node for node in nodes if node.name == best))
    return chosen


def _snapshot(job: Job, nodes: list[Node]) -> Snapshot:
    key, size_bytes = job.source.key, job.source.size_bytes
    status = DatasetStatus(size_bytes=size_bytes, version=key.version)
    link = {SITE: Link(BYTES_PER_SECOND, ROUND_TRIP_SECONDS)}
    caches = [NodeCache(node.name, tuple(CachedDataset(key.ref, key.version, held.size_bytes) for held in node.store))
              for node in nodes]  # fmt: skip
    return Snapshot.of(
        datasets=[Dataset(key.ref, (DatasetSource(FAR_SITE, job.source.grant.location),), status=status)],
        sites=[Site(SITE, node_selector={SITE_LABEL: SITE}), Site(FAR_SITE, links=link)],
        nodes=[NodeObject(node.name, {SITE_LABEL: SITE}) for node in nodes],
        caches=caches,
        purposes={"bench": None},
    )


@click.command()
@click.option("--objects", default=16, show_default=True, help="Of 4 MiB each.")
@click.option("--rounds", default=ROUNDS, show_default=True)
def main(objects: int, rounds: int) -> None:
    """Measure it, and print a table."""
    click.echo(table(measure(objects, rounds)))


if __name__ == "__main__":
    main()
