"""A hub with many runs in flight over twenty fake spokes: requests at rest and under way, memory, reaction time.

Each run has two groups at two sites. The first ones are submitted and say nothing: the hub is at rest. Then they end,
so many a second, each with its manifest in the store and its status in the cluster; how long the hub takes to release
the second group is read from a watch. The fake spokes are twenty clusters to the hub, and one API server in truth. The
hub is a process of its own and shares the machine's cores with API servers, store and this program.
"""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row, quantile
from bench.run.checks import BenchCheckError, check_released_once
from bench.run.plans import TASKS, plan_for, put_in_flight
from bench.run.stages import Bench
from moorage.kube import LEASES, PIPELINE_GROUPS, SECRETS, SITES, Change, RawObject, Reflector, Selection
from moorage.runs import FileEntry, Manifest, RunKeys
from moorage.runs.pipelines import SPOKE_LEASE
from moorage.wire import read_pipeline_group
from tests.dataset_operator.stores import BUCKET
from tests.pipeline_executor.hub.stage import Stage
from tests.polling import until
from tests.ports import free_port

CLUSTERS = 20
FEW_RUNS = 20
ENDS_PER_SECOND = 10.0
AIM_SECONDS = 1.0
_REST_SECONDS = 30.0
_BEAT_SECONDS = 10.0
_WAIT_SECONDS = 120.0
_QUIET_SECONDS = 2.0


@dataclass(frozen=True)
class Figures:
    """The figures of one hub.

    Attributes:
        rest_per_second: requests to API servers while nothing happens.
        per_release: requests for one group that ends and one that is released.
        reaction_seconds: for each run, from the end of its first group to the release of its second one.
        create_seconds: what a create takes that nobody decides about, seen by the same watch.
    """

    runs: int
    submit_seconds: float
    rest_per_second: float
    per_release: float
    memory_bytes: int
    reaction_seconds: list[float]
    create_seconds: float


async def measure_in_flight(bench: Bench, runs: int) -> Iterable[Row]:
    """Measure many runs beside a few."""
    few = await _figures(bench, min(FEW_RUNS, runs))
    many = await _figures(bench, runs) if runs > FEW_RUNS else few
    return rows(few, many)


def rows(few: Figures, many: Figures) -> list[Row]:
    """Return the rows. Pure."""
    what = f"hub, {many.runs:,} runs in flight over {CLUSTERS} spokes"
    p50, p99 = (quantile(many.reaction_seconds, share) for share in (0.5, 0.99))
    few_p50, few_p99 = (quantile(few.reaction_seconds, share) for share in (0.5, 0.99))
    beside = f"{few.runs:,} runs"
    create = f"; a create and its event: {many.create_seconds * 1000:.0f} ms"
    return [
        Row(
            f"{what}: requests to API servers at rest",
            f"{many.rest_per_second:.2f} /s",
            f"{beside}: {few.rest_per_second:.2f} /s",
        ),
        Row(
            f"{what}: requests for a group that ends and the next one",
            f"{many.per_release:.1f}",
            f"{beside}: {few.per_release:.1f}",
        ),
        Row(
            f"{what}: memory",
            f"{many.memory_bytes / 2**20:.0f} MiB",
            f"{beside}: {few.memory_bytes / 2**20:.0f} MiB ({many.memory_bytes / few.memory_bytes:.2f}x)",
        ),
        Row(
            f"{what}: from a group's end to the next one's release, p50, {ENDS_PER_SECOND:g} ends a second",
            f"{p50:.2f} s",
            f"{beside}: {few_p50:.2f} s ({p50 / few_p50:.1f}x){create}",
        ),
        Row(
            f"{what}: the same, p99",
            f"{p99:.2f} s",
            f"{beside}: {few_p99:.2f} s ({p99 / few_p99:.1f}x)",
            f"within {AIM_SECONDS:g} s",
            p99 <= AIM_SECONDS,
        ),
        Row(
            f"{what}: all first groups submitted after",
            f"{many.submit_seconds:.0f} s",
            f"{beside}: {few.submit_seconds:.0f} s",
        ),
    ]


async def _figures(bench: Bench, runs: int) -> Figures:
    async with bench.stage() as stage, _spokes(stage) as sites:
        plan = await plan_for(stage, (sites[0], sites[1]))
        made = await put_in_flight(stage, plan, sites, runs)
        async with _seen_groups(stage) as seen:
            async with _hub(stage, bench.folder / f"hub-{runs}.json") as hub:
                began = time.monotonic()
                await until(lambda: _count(seen, 1, runs), seconds=_WAIT_SECONDS + runs)
                submitted = time.monotonic() - began
                await _settled(hub)
                rest = await _rest(hub)
                memory_bytes = hub.read().memory_bytes
                before = hub.read().sent
                ended = await _end_all(stage, seen)
                await until(lambda: _count(seen, 2, runs), seconds=_WAIT_SECONDS + runs)
                await _settled(hub)
                sent = hub.read().sent - before
            create = await _create_seconds(stage, seen)
        names = {raw["metadata"]["uid"]: raw["metadata"]["name"] for raw in made}
        check_released_once((names.get(uid, uid) for uid in seen.released), names.values())
        reaction = [seen.second_at[uid] - at for uid, at in ended.items()]
        return Figures(runs, submitted, rest, sent / runs, memory_bytes, reaction, create)


# --- the fake spokes ---


@asynccontextmanager
async def _spokes(stage: Stage) -> AsyncIterator[list[str]]:
    """Twenty sites, each with a Secret that leads to its cluster, and Leases that are renewed."""
    sites = [f"{stage.us}-{number:02}" for number in range(CLUSTERS)]
    await stage.hub.delete(SECRETS, "spoke", stage.system)
    for site in sites:
        await stage.hub.apply(SITES, stage.site(site))
        await stage.lead_to(stage.spoke_kubeconfig.read_text(), f"cluster-{site}", site)
    beating = asyncio.create_task(_beat(stage))
    try:
        yield sites
    finally:
        beating.cancel()
        for site in sites:
            await stage.hub.delete(SITES, site)


async def _beat(stage: Stage) -> None:
    while True:
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata = {"namespace": stage.system, "name": SPOKE_LEASE}
        await stage.spoke.apply(LEASES, {"metadata": metadata, "spec": {"holderIdentity": "fake", "renewTime": now}})
        await asyncio.sleep(_BEAT_SECONDS)


@dataclass
class _Seen:
    """PipelineGroups as a watch showed them: the first and the second of each run, and when the second came."""

    first: dict[str, RawObject] = field(default_factory=dict)
    second_at: dict[str, float] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    markers: dict[str, float] = field(default_factory=dict)

    def take(self, raw: RawObject, at: float) -> None:
        """One that was not there before."""
        uid = raw["spec"]["run"]["uid"]
        if raw["metadata"]["name"].startswith("marker-"):
            self.markers[raw["metadata"]["name"]] = at
        elif not raw["spec"].get("imports"):
            self.first[uid] = raw
        else:
            self.second_at.setdefault(uid, at)
            self.released.append(uid)


class _Raw:
    """A raw object, as the reflector keeps it."""

    def __init__(self, raw: RawObject) -> None:
        self.raw = raw


@asynccontextmanager
async def _seen_groups(stage: Stage) -> AsyncIterator[_Seen]:
    seen = _Seen()

    def changed(change: Change[_Raw]) -> None:
        if change.before is None and change.after is not None:
            seen.take(change.after.raw, time.monotonic())

    selection = Selection(namespace=stage.namespace)
    async with Reflector(
        stage.spoke, PIPELINE_GROUPS, project=_Raw, selection=selection, on_change=changed
    ) as reflector:
        await reflector.wait_synced(60)
        yield seen


async def _count(seen: _Seen, which: int, runs: int) -> bool:
    return len(seen.first if which == 1 else seen.second_at) >= runs


async def _end_all(stage: Stage, seen: _Seen) -> dict[str, float]:
    """End each first group in its turn; gives when, by the run's uid."""
    ended: dict[str, float] = {}
    began = time.monotonic()
    for number, (uid, raw) in enumerate(list(seen.first.items())):
        await asyncio.sleep(max(began + number / ENDS_PER_SECOND - time.monotonic(), 0))
        group = read_pipeline_group(raw)
        keys, data = RunKeys(group.spec.site, group.spec.run), b"made"
        key = keys.data(TASKS[0], 1, "data")
        files = (FileEntry("", len(data), hashlib.sha256(data).hexdigest()),)
        kind = {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}
        artifact = f"{TASKS[0]}.data"
        manifest = Manifest(artifact, kind, {}, f"s3://{BUCKET}/{key}", files, group.spec.group, 1)
        objects = {key: data, keys.artifact(TASKS[0], "data"): manifest.write()}
        await asyncio.to_thread(stage.store.put, objects)
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        tasks = [{"name": TASKS[0], "phase": "Succeeded", "attempt": 1}]
        status = {"phase": "Succeeded", "startTime": now, "completionTime": now, "tasks": tasks}
        metadata = {"namespace": group.namespace, "name": group.name}
        await stage.spoke.merge_patch(PIPELINE_GROUPS, {"metadata": metadata, "status": status}, subresource="status")
        ended[uid] = time.monotonic()
    return ended


async def _create_seconds(stage: Stage, seen: _Seen) -> float:
    """Measure the median of nine creates until the watch shows them: the least that any release takes."""
    spec = next(iter(seen.first.values()))["spec"]
    taken = []
    for number in range(9):
        name = f"marker-{number}"
        body = {"apiVersion": PIPELINE_GROUPS.api_version, "kind": PIPELINE_GROUPS.kind, "spec": spec}
        began = time.monotonic()
        await stage.spoke.create(PIPELINE_GROUPS, {**body, "metadata": {"namespace": stage.namespace, "name": name}})
        while name not in seen.markers:  # noqa: ASYNC110 - a watch's own callback tells
            await asyncio.sleep(0.001)
        taken.append(seen.markers[name] - began)
    return quantile(taken, 0.5)


# --- the hub ---


@dataclass(frozen=True)
class _Reading:
    sent: int
    memory_bytes: int


@dataclass(frozen=True)
class _Hub:
    process: subprocess.Popen[bytes]
    file: Path
    log: Path

    def read(self) -> _Reading:
        """Read the requests sent so far, and the memory used.

        Raises:
            BenchCheckError: it has ended.
        """
        if self.process.poll() is not None:
            raise BenchCheckError(f"the hub has ended: {self.log.read_text()[-2000:]}")
        told = json.loads(self.file.read_text())
        return _Reading(sum(told["sent"].values()), told["memory_bytes"])


@asynccontextmanager
async def _hub(stage: Stage, file: Path) -> AsyncIterator[_Hub]:
    log = file.with_suffix(".log")
    environment = os.environ | {
        "MOORAGE_NAMESPACE": stage.system,
        "KUBECONFIG": str(stage.kubeconfig),
        "MOORAGE_HEALTH_LISTEN_PORT": str(free_port()),
        "MOORAGE_LOG_LEVEL": "WARNING",
    }
    with log.open("wb") as told:
        process = subprocess.Popen(  # noqa: ASYNC220 - it takes no time
            [sys.executable, "-m", "bench.run.counted", str(file)],
            env=environment,
            stdout=told,
            stderr=told,
            cwd=Path(__file__).parents[2],
        )
    hub = _Hub(process, file, log)
    try:
        await until(lambda: _exists(hub), seconds=60)
        yield hub
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()


async def _exists(hub: _Hub) -> bool:
    if hub.process.poll() is not None:
        raise BenchCheckError(f"the hub has ended: {hub.log.read_text()[-2000:]}")
    return hub.file.exists()


async def _settled(hub: _Hub) -> None:
    """Wait until the hub has sent nothing for two seconds, a minute at most."""
    last, since = hub.read().sent, time.monotonic()
    ends = since + 60
    while time.monotonic() - since < _QUIET_SECONDS and time.monotonic() < ends:
        await asyncio.sleep(0.25)
        if (now := hub.read().sent) != last:
            last, since = now, time.monotonic()


async def _rest(hub: _Hub) -> float:
    """Requests a second while nothing happens."""
    before = hub.read().sent
    await asyncio.sleep(_REST_SECONDS)
    return (hub.read().sent - before) / _REST_SECONDS
