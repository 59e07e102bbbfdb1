"""Many runs in flight over many clusters: at rest the hub asks nobody anything.

`MOORAGE_TEST_RUNS=1000` makes it as many, and prints what they took.
"""

import asyncio
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from moorage.kube import PIPELINE_GROUPS, SECRETS, SITES, STRETCHED_PIPELINES, Client, RawObject
from moorage.runs import RunPhase
from pipeline_executor.hub.inforce import InForce, read_inforce
from pipeline_executor.hub.state import GroupState, RunState, write_state
from pipeline_executor.planning import Limits, Planned, Question, ask
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.stage import Stage
from tests.polling import PATIENCE_SECONDS, until

RUNS = int(os.environ.get("MOORAGE_TEST_RUNS", "40"))
CLUSTERS = 20
_QUIET_SECONDS = 6.0


async def test_runs_in_flight_cost_nothing_at_rest(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for its spoke, which says nothing; no request is sent for seconds, to API servers and stores alike."""
    sites = [f"{stage.us}-{number:02}" for number in range(CLUSTERS)]
    await stage.hub.delete(SECRETS, "spoke", stage.system)
    for site in sites:
        await stage.hub.apply(SITES, stage.site(site))
        await stage.lead_to(stage.spoke_kubeconfig.read_text(), f"cluster-{site}", site)
    planned = await _plan(stage.site, sites[0])
    runs = [await _in_flight(stage, planned, sites[0], sites[number % CLUSTERS], number) for number in range(RUNS)]
    sent: Counter[str] = Counter()
    requested = Client.request

    async def request(self: Client, method: str, path: str, **more: Any) -> RawObject:  # noqa: ANN401 - the client's
        sent[f"{method} {self.address}"] += 1
        return await requested(self, method, path, **more)

    began = time.monotonic()
    async with stage.hub_running():
        try:
            await until(lambda: _submitted(stage), seconds=PATIENCE_SECONDS + RUNS)
            took = time.monotonic() - began
            monkeypatch.setattr(Client, "request", request)
            await until(lambda: _quiet(sent))
        finally:
            for site in sites:
                await stage.hub.delete(SITES, site)
    print(f"{len(runs)} runs at {CLUSTERS} clusters: all submitted after {took:.0f} s; {_memory()}")  # noqa: T201


async def _plan(site: Any, name: str) -> Mapping[str, str]:  # noqa: ANN401 - makes a Site
    async def objects() -> AsyncIterator[Mapping[str, Any]]:
        yield site(name)

    text = pipeline({"make": [], "refine": ["make"]})
    hints = [("hints", placed({"make": name, "refine": name}))]
    answer = await ask(Question(text, "pipeline", hints=hints), objects(), Limits())
    assert isinstance(answer, Planned)
    return answer.files


async def _in_flight(stage: Stage, planned: Mapping[str, str], then: str, site: str, number: int) -> RawObject:
    """A run whose plan is in force, as an earlier hub left it."""
    kept = {name: text for name, text in planned.items() if name != "report.html"}
    files = {name.replace(then, site): text.replace(then, site) for name, text in kept.items()}
    inputs = json.loads(files["inputs.json"])
    for group in json.loads(files["plan.json"])["groups"]:
        inputs["groups"][group["id"]]["sha256"] = hashlib.sha256(files[group["file"]].encode()).hexdigest()
    files["inputs.json"] = json.dumps(inputs)
    run = await stage.submit(f"many-{number}", "not read again")
    root = f"{site}/runs/{stage.namespace}/many-{number}/{run['metadata']['uid']}/plan/"
    await asyncio.to_thread(stage.store.put, {root + name: text.encode() for name, text in files.items()})
    plan: InForce = read_inforce({name: text.encode() for name, text in files.items()}, 1, "plan.json")
    groups = tuple(GroupState(group.id, group.site) for group in plan.groups.values())
    state = RunState(phase=RunPhase.RUNNING, plan=plan.mark, start="2026-11-29T12:00:00Z", groups=groups)
    await stage.hub.replace(STRETCHED_PIPELINES, {**run, "status": write_state(state, 1)}, subresource="status")
    return run


def _memory() -> str:
    return next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))


async def _submitted(stage: Stage) -> bool:
    listed = await stage.spoke.list(PIPELINE_GROUPS)
    return len([raw for raw in listed if raw["metadata"]["namespace"] == stage.namespace]) == RUNS


async def _quiet(sent: Counter[str]) -> bool:
    sent.clear()
    await asyncio.sleep(_QUIET_SECONDS)
    return not sent
