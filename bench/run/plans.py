"""Runs in flight: their plan is in force, their first group is to be submitted, the second one waits for it."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.kube import STRETCHED_PIPELINES, RawObject
from moorage.runs import RunPhase
from pipeline_executor.hub.inforce import read_inforce
from pipeline_executor.hub.state import GroupState, RunState, write_state
from pipeline_executor.planning import Limits, Planned, Question, ask
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.stage import Stage

TASKS = ("make", "refine")
_AT_ONCE = 8


@dataclass(frozen=True)
class Plan:
    """A plan for two sites, whose names are put in later."""

    files: Mapping[str, str]
    sites: tuple[str, str]

    def at(self, sites: tuple[str, str]) -> dict[str, str]:
        """Return the same plan for two other sites."""
        files = {name: text for name, text in self.files.items() if name != "report.html"}
        for then, now in zip(self.sites, ("\0first\0", "\0second\0"), strict=True):
            files = {name.replace(then, now): text.replace(then, now) for name, text in files.items()}
        for then, now in zip(("\0first\0", "\0second\0"), sites, strict=True):
            files = {name.replace(then, now): text.replace(then, now) for name, text in files.items()}
        inputs = json.loads(files["inputs.json"])
        for group in json.loads(files["plan.json"])["groups"]:
            inputs["groups"][group["id"]]["sha256"] = hashlib.sha256(files[group["file"]].encode()).hexdigest()
        return files | {"inputs.json": json.dumps(inputs)}


async def plan_for(stage: Stage, sites: tuple[str, str]) -> Plan:
    """Plan once: a task at each of two sites, the second of which reads what the first wrote."""

    async def objects() -> AsyncIterator[Mapping[str, Any]]:
        for site in sites:
            yield stage.site(site)

    text = pipeline({TASKS[0]: [], TASKS[1]: [TASKS[0]]})
    hints = [("hints", placed(dict(zip(TASKS, sites, strict=True))))]
    answer = await ask(Question(text, "pipeline", hints=hints), objects(), Limits())
    if not isinstance(answer, Planned):
        raise TypeError(f"the plan is {answer}")
    return Plan(answer.files, sites)


async def put_in_flight(stage: Stage, plan: Plan, sites: Sequence[str], runs: int) -> list[RawObject]:
    """Start so many runs, each from one of the sites to the next one."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> RawObject:
        async with slots:
            pair = sites[number % len(sites)], sites[(number + 1) % len(sites)]
            return await _in_flight(stage, plan.at(pair), pair, f"many-{number}")

    return await asyncio.gather(*(one(number) for number in range(runs)))


async def _in_flight(stage: Stage, files: Mapping[str, str], sites: tuple[str, str], name: str) -> RawObject:
    run = await stage.submit(name, "not read again")
    below = f"runs/{stage.namespace}/{name}/{run['metadata']['uid']}/plan"
    content = {file: text.encode() for file, text in files.items()}
    objects = {f"{site}/{below}/{file}": text for site in sites for file, text in content.items()}
    await asyncio.to_thread(stage.store.put, objects)
    plan = read_inforce(content, 1, "plan.json")
    groups = tuple(GroupState(group.id, group.site) for group in plan.groups.values())
    state = RunState(phase=RunPhase.RUNNING, plan=plan.mark, start="2026-11-29T12:00:00Z", groups=groups)
    return await stage.hub.replace(STRETCHED_PIPELINES, {**run, "status": write_state(state, 1)}, subresource="status")
