"""What is written once a run has ended: `run.json` and `report.html` at every site with a group; what it teaches."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from moorage.errors import InputError, KubeError, StoreError
from moorage.kube import Client
from moorage.runs import RunKeys, RunPhase, StretchedPipeline, TaskEnd, TaskOutputs
from pipeline_executor.distribution.seen import SeenGroup
from pipeline_executor.hub import plans
from pipeline_executor.hub.histories import teach
from pipeline_executor.hub.inforce import MOST_PLAN_BYTES, InForce
from pipeline_executor.hub.learning import Made, measured, successes
from pipeline_executor.hub.reporting import Ended, report, seconds_between
from pipeline_executor.hub.state import RunState
from pipeline_executor.store import ArtifactStore, SiteStores
from pipeline_splitter.plan import Plan
from pipeline_splitter.plan_reading import read_plan
from pipeline_splitter.report import write_run_report

_log = logging.getLogger(__name__)

_MOST_ENDS = 5_000
_MOST_BYTES = 1 << 20
"""Of one object that is read. Outputs beyond that are folders of thousands of files, whose size is not learned."""
_AT_ONCE = 8
_ENOUGH_SECONDS = 3600.0
"""A store that does not answer for so long after the end gets no report."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A run that has ended.

    Attributes:
        plan: the last one in force.
        seen: its PipelineGroups.
        speeds: of the sites, by name.
    """

    run: StretchedPipeline
    state: RunState
    plan: InForce
    seen: Collection[SeenGroup]
    speeds: Mapping[str, float]


@dataclass
class _Found:
    """What the stores that answer have. `missing`: one does not."""

    reached: list[ArtifactStore] = field(default_factory=list)
    plan: Plan | None = None
    ended: list[Ended] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    missing: bool = False


async def write_end(client: Client, stores: SiteStores, ending: Ending) -> bool:
    """Write all of it; whether nothing is left to be done."""
    run, state = ending.run.ref, ending.state
    given_up = (seconds_between(state.end, datetime.now(tz=UTC).isoformat()) or 0.0) > _ENOUGH_SECONDS
    teaches = ending.run.learn and state.phase is RunPhase.SUCCEEDED
    found = await _gather(stores, ending, sizes=teaches)
    if found.plan is None:
        return given_up
    missing = found.missing
    told = report(run, state, found.plan, found.ended, ending.seen)
    page = (await asyncio.to_thread(write_run_report, found.plan, told)).encode()
    for store in found.reached:
        keys = RunKeys(store.prefix, run)
        try:
            await store.put(keys.page, page)
            await store.put(keys.report, told.write())
        except StoreError as error:
            _log.warning("no run.json of %s at site %s yet: %s", run, store.site, error)
            missing = True
    if teaches and not found.missing:
        taught = measured(run, found.plan, found.ended, found.made, ending.seen, speeds=ending.speeds, end=state.end)
        try:
            await teach(client, taught)
        except KubeError as error:
            _log.warning("what %s took is not kept yet: %s", run, error)
            missing = True
    return given_up or not missing


async def _gather(stores: SiteStores, ending: Ending, *, sizes: bool) -> _Found:
    run, found = ending.run.ref, _Found()
    for site in sorted(ending.plan.sites | {group.site for group in ending.state.groups}):
        try:
            store = await stores.get(site)
            if found.plan is None:
                content = await store.get(plans.key(store, run, ending.plan.mark.file), MOST_PLAN_BYTES)
                found.plan = None if content is None else await asyncio.to_thread(read_plan, content)
            prefix = RunKeys(store.prefix, run).tasks()
            ended, made = await _read(store, prefix, _MOST_ENDS - len(found.ended), sizes=sizes)
        except (StoreError, KubeError, InputError) as error:
            _log.warning("no run.json of %s at site %s yet: %s", run, site, error)
            found.missing = True
            continue
        found.ended += ended
        found.made += made
        found.reached.append(store)
    return found


async def _read(store: ArtifactStore, prefix: str, most: int, *, sizes: bool) -> tuple[list[Ended], list[Made]]:
    """How the tasks at one site ended, and how large is what those that succeeded made, where that is asked for."""
    listed = await store.keys(prefix)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def read(key: str) -> bytes | None:
        async with limit:
            return await store.get(key, _MOST_BYTES)

    async def end(key: str) -> Ended | None:
        task, attempt = _attempt(key, prefix)
        content = await read(key)
        try:
            return None if content is None else Ended(task, int(attempt), TaskEnd.read(content, key))
        except (InputError, ValueError):
            return None

    async def outputs(key: str) -> Made | None:
        task, attempt = _attempt(key, prefix)
        content = await read(key)
        try:
            if content is None:
                return None
            artifacts = TaskOutputs.read(content, key).artifacts
        except (InputError, ValueError):
            return None
        return Made(task, int(attempt), {name: sum(one.size_bytes for one in all_) for name, all_ in artifacts.items()})

    keys = [each.key for each in listed if each.key.endswith("/ended")][:most]
    ended = [each for each in await asyncio.gather(*(end(key) for key in keys)) if each is not None]
    if not sizes:
        return ended, []
    small = {each.key for each in listed if each.size_bytes <= _MOST_BYTES}
    asked = [f"{prefix}{each.task}/{each.attempt}/outputs" for each in successes(ended).values()]
    made = await asyncio.gather(*(outputs(key) for key in asked if key in small))
    return ended, [each for each in made if each is not None]


def _attempt(key: str, prefix: str) -> tuple[str, str]:
    """Task and attempt of an object below `R/tasks/`."""
    task, attempt, _ = key[len(prefix) :].rsplit("/", 2)
    return task, attempt
