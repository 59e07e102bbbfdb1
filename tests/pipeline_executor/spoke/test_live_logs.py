"""A task's log is in the store while the task runs, part by part, and whole once it has ended, whatever the end."""

import asyncio
import subprocess
from collections.abc import Iterator

import pytest

from moorage.kube import PODS
from moorage.runs import RunKeys, TaskEnd
from moorage.runs.logs import attempt_logs
from pipeline_executor.runners.live_logs import pause_seconds
from pipeline_executor.store import ArtifactStore
from tests.pipeline_executor.spoke.pipelines import shell, spec, task, written
from tests.pipeline_executor.spoke.rig import Rig
from tests.polling import until

_SPEAKS = (
    'number=0; while test -e "$0"; do number=$((number + 1)); echo "line $number"; sleep 0.2; done; echo "the end"'
)


class Gate:
    """A process of this machine, which the tasks see in /proc: they print for as long as it lives."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(["sleep", "3600"])
        self.path = f"/proc/{self._process.pid}"

    def open(self) -> None:
        """Let the tasks end."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """One that is open in the end."""
    made = Gate()
    yield made
    made.open()


def speaking(gate: Gate, *names: str) -> bytes:
    """Tasks that print a line again and again until the gate is open."""
    components = {f"comp-{name}": {"executorLabel": "exec-speak"} for name in names}
    return written(
        spec({name: task(f"comp-{name}") for name in names}, components, {"exec-speak": shell(_SPEAKS, gate.path)})
    )


def _lines(content: bytes) -> list[str]:
    """What the task printed, without what Kubeflow's launcher says around it."""
    return [line for line in content.decode().splitlines() if not line.startswith("launcher: ")]


def _numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(1, count + 1)]


async def _parts(store: ArtifactStore, keys: RunKeys, name: str) -> list[int]:
    prefix = keys.tasks(name)
    listed = [(each.key.removeprefix(prefix), each.size_bytes) for each in await store.keys(prefix)]
    return [size for log in attempt_logs(listed) for size in log.part_bytes]


async def _read_parts(store: ArtifactStore, keys: RunKeys, name: str) -> bytes:
    found = b""
    for number in range(1, len(await _parts(store, keys, name)) + 1):
        found += await store.get(keys.task(name, 1, f"log.{number}"), 1 << 20) or b""
    return found


async def test_parts_grow_and_the_whole_log_takes_their_place(any_rig: Rig, gate: Gate) -> None:
    """They hold whole lines, each once and in order, though the spoke is another one in between."""
    rig = any_rig
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    async with rig.spoke(live_log_seconds=0.3):
        name = await rig.submit(speaking(gate, "speak"))
        await until(lambda: _has_parts(store, keys, "speak", 2), seconds=120)
    before = len(await _parts(store, keys, "speak"))
    async with rig.spoke(live_log_seconds=0.3):
        await until(lambda: _has_parts(store, keys, "speak", before + 2), seconds=120)
        lines = _lines(await _read_parts(store, keys, "speak"))
        assert lines == _numbered(len(lines))
        gate.open()
        status = await rig.ended(name, seconds=120)
        await until(lambda: _has_no_parts(store, keys, "speak"), seconds=60)
    assert status["phase"] == "Succeeded"
    whole = _lines(await store.get(keys.task("speak", 1, "log"), 1 << 20) or b"")
    assert whole == [*_numbered(len(whole) - 1), "the end"]
    assert len(whole) > len(lines)


async def test_a_log_outlives_its_pod(rig: Rig, gate: Gate) -> None:
    """The pod is deleted while the spoke is away: what was in the parts is the log, and a line says what happened."""
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    async with rig.spoke(live_log_seconds=0.3):
        name = await rig.submit(speaking(gate, "speak"))
        await until(lambda: _has_parts(store, keys, "speak", 2), seconds=120)
    for pod in await rig.pods():
        await rig.client.delete(PODS, pod["metadata"]["name"], rig.namespace, grace_seconds=0)
    gate.open()
    async with rig.spoke(live_log_seconds=0.3):
        await rig.ended(name, seconds=120)
    lines = _lines(await store.get(keys.task("speak", 1, "log"), 1 << 20) or b"")
    assert lines[:2] == ["line 1", "line 2"]
    assert lines[-1].startswith("[moorage] ")
    end = TaskEnd.read(await store.get(keys.task("speak", 1, "ended"), 10_000) or b"", "end")
    assert end.interrupted


async def test_more_logs_than_may_be_read_at_once_take_turns(any_rig: Rig, gate: Gate) -> None:
    """With one at a time, each of three has parts before any of them ends."""
    rig = any_rig
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    names = ("one", "two", "three")
    async with rig.spoke(live_log_seconds=0.3, live_logs=1, live_log_turn_seconds=1.0):
        name = await rig.submit(speaking(gate, *names))
        for each in names:
            await until(lambda each=each: _has_parts(store, keys, each, 1), seconds=120)  # type: ignore[misc]
        gate.open()
        assert (await rig.ended(name, seconds=120))["phase"] == "Succeeded"


async def test_none_where_none_are_wanted(any_rig: Rig, gate: Gate) -> None:
    """The whole log comes all the same."""
    rig = any_rig
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    async with rig.spoke(live_log_seconds=0.1, live_logs=0):
        name = await rig.submit(speaking(gate, "speak"))
        await rig.says(name, lambda status: status.get("taskCounts") == {"Running": 1}, seconds=120)
        await asyncio.sleep(1)
        assert await _parts(store, keys, "speak") == []
        gate.open()
        await rig.ended(name, seconds=120)
    assert (await store.get(keys.task("speak", 1, "log"), 1 << 20) or b"").endswith(b"the end\n")


@pytest.mark.parametrize(("parts", "seconds"), [(0, 5), (59, 5), (60, 10), (600, 55), (10_000, 60)])
def test_parts_come_more_seldom_the_more_there_are(parts: int, seconds: float) -> None:
    """So that a task that prints for a day leaves no more than a few thousand."""
    assert pause_seconds(parts, 5.0) == seconds


def test_a_day_has_a_bounded_number_of_parts() -> None:
    """Counted."""
    parts, passed = 0, 0.0
    while passed < 86400:
        passed += pause_seconds(parts, 5.0)
        parts += 1
    assert parts < 2000


async def _has_parts(store: ArtifactStore, keys: RunKeys, name: str, count: int) -> bool:
    return len(await _parts(store, keys, name)) >= count


async def _has_no_parts(store: ArtifactStore, keys: RunKeys, name: str) -> bool:
    prefix = keys.task(name, 1, "log.")
    return not await store.keys(prefix)
