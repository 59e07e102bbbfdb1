"""A chain of tasks on the embedded runner: split over two sites, in one group, and as bare pods; and a single task.

The nodes are played (containers are processes of this machine), so images cost nothing, and what is left is Moorage's
own: planning, objects, sidecars, copies, statuses. Each round runs all four, one after the other. What a run costs at
all (planning, its first group) is what a run of one task takes; it is no part of a further task's overhead.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import Iterable

from bench.rows import Row
from bench.run.checks import check_groups
from bench.run.stages import Bench
from moorage.kube import PODS, SECRETS, SITES, RawObject
from moorage.model import SITE_LABEL
from tests.dataset_operator.stores import STEWARD
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.real_spokes import real_spoke
from tests.pipeline_executor.hub.stage import Stage
from tests.polling import until

AIM_GROUP_SECONDS = 5.0
AIM_TASK_SECONDS = 3.0
_MOST_SECONDS = 900.0
_WRITES = 'mkdir -p "$(dirname "$0")"; echo done > "$0"'


async def measure_overhead(bench: Bench, tasks: int, rounds: int) -> Iterable[Row]:
    """Measure seconds of a group and of a task beyond what the pods themselves take: medians of the rounds."""
    async with bench.stage() as stage:
        await _furnish(stage)
        async with (
            real_spoke(stage.hub, bench.hub, stage, stage.eu, bench.folder / "eu"),
            real_spoke(stage.spoke, bench.spoke, stage, stage.us, bench.folder / "us"),
            stage.hub_running(),
        ):
            taken: dict[str, list[float]] = {"split": [], "whole": [], "single": [], "bare": []}
            groups = {}
            for _ in range(rounds):
                for how, count in (("split", tasks), ("whole", tasks), ("single", 1)):
                    seconds, groups[how] = await _run(stage, count, split=how == "split")
                    taken[how].append(seconds)
                taken["bare"].append(await _bare(stage, tasks))
        for site in (stage.eu, stage.us):
            await stage.spoke.delete(SITES, site)
    check_groups(groups, {"split": tasks, "whole": 1, "single": 1})
    return rows(tasks, taken)


def rows(tasks: int, taken: dict[str, list[float]]) -> list[Row]:
    """Return the rows. Pure."""
    split, whole, single, bare = (statistics.median(taken[how]) for how in ("split", "whole", "single", "bare"))
    pod = bare / tasks
    of_group, of_task = (split - whole) / (tasks - 1), (whole - single) / (tasks - 1) - pod
    return [
        Row(
            f"run: one more group, of a chain of {tasks} tasks over two sites",
            f"{of_group:.2f} s each ({split:.1f} s in {tasks} groups)",
            f"the same in one group: {whole:.1f} s ({split / whole:.1f}x)",
            f"under {AIM_GROUP_SECONDS:g} s",
            of_group < AIM_GROUP_SECONDS,
        ),
        Row(
            f"run: one more task on the embedded runner, of a chain of {tasks} in one group",
            f"{of_task:.2f} s beyond its pod ({of_task + pod:.2f} s)",
            f"a bare pod: {pod:.2f} s",
            f"under {AIM_TASK_SECONDS:g} s",
            of_task < AIM_TASK_SECONDS,
        ),
        Row(
            "run: of a single task, from submission to end, planning among it",
            f"{single:.1f} s",
            f"a bare pod: {pod:.2f} s",
        ),
    ]


async def _furnish(stage: Stage) -> None:
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    metadata = {"namespace": stage.system, "name": "store-keys"}
    await stage.spoke.create(SECRETS, {"metadata": metadata, "stringData": keys})
    for client in (stage.hub, stage.spoke):
        for site in (stage.eu, stage.us):
            await client.apply(SITES, stage.site(site, nodeSelector={SITE_LABEL: site}))


def chain(tasks: int) -> str:
    """Return a chain of tasks, each of which reads what the one before it wrote."""
    names = [f"step-{number}" for number in range(tasks)]
    text = pipeline({name: names[max(number - 1, 0) : number] for number, name in enumerate(names)})
    for name in names:
        plain = f'"image": "busybox:1", "command": ["sh", "-c", "echo {name}"]'
        script = _WRITES.replace('"', '\\"')
        path = "{{$.outputs.artifacts['data'].path}}"
        text = text.replace(plain, f'"image": "shell", "command": ["sh", "-c", "{script}"], "args": ["{path}"]')
    return text


async def _run(stage: Stage, tasks: int, *, split: bool) -> tuple[float, int]:
    """Return seconds from the submission to the run's end, and how many groups it had."""
    where = {f"step-{number}": stage.us if split and number % 2 else stage.eu for number in range(tasks)}
    name = f"chain-{uuid.uuid4().hex[:6]}"
    began = time.monotonic()
    await stage.submit(name, chain(tasks), hints=placed(where), objective="bytes")
    status = await stage.reaches(name, "Succeeded", seconds=_MOST_SECONDS)
    return time.monotonic() - began, len(status["groups"])


async def _bare(stage: Stage, tasks: int) -> float:
    """Return seconds for as many pods, each made once the one before it has succeeded."""
    began = time.monotonic()
    for _ in range(tasks):
        name = f"bare-{uuid.uuid4().hex[:6]}"
        await stage.hub.create(PODS, _pod(stage, name))
        await until(lambda name=name: _succeeded(stage, name), seconds=_MOST_SECONDS)  # type: ignore[misc]
        await stage.hub.delete(PODS, name, stage.namespace, grace_seconds=0)
    return time.monotonic() - began


def _pod(stage: Stage, name: str) -> RawObject:
    container = {"name": "main", "image": "shell", "command": ["sh", "-c", _WRITES, "/tmp/bare/data"]}  # noqa: S108 - in the container
    spec = {"restartPolicy": "Never", "containers": [container], "nodeSelector": {SITE_LABEL: stage.eu}}
    metadata = {"namespace": stage.namespace, "name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def _succeeded(stage: Stage, name: str) -> bool:
    pod = await stage.hub.get(PODS, name, stage.namespace)
    await asyncio.sleep(0)
    return bool((pod.get("status") or {}).get("phase") == "Succeeded")
