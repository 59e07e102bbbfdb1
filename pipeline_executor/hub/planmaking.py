"""Makes a plan: gathers what the planner asks for, has it planned, and writes it to the stores."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from moorage.errors import InputError, StoreError
from moorage.kube import DATASETS, NAMESPACES, PIPELINE_HISTORIES, SITES, STRETCHED_PIPELINES, Client, RawObject
from moorage.kube.client import Selection
from moorage.kube.resources import Resource
from moorage.model import PURPOSES_ANNOTATION
from moorage.runs import RunRef, StretchedPipeline
from moorage.wire import read_stretched_pipeline
from pipeline_executor.hub import plans
from pipeline_executor.hub.deciding import PlanFound
from pipeline_executor.hub.inforce import MOST_PLAN_BYTES, PLAN, InForce, read_inforce
from pipeline_executor.hub.plannings import Wish
from pipeline_executor.hub.replanning import Staying, staying
from pipeline_executor.hub.sources import read_hints, read_pipeline
from pipeline_executor.hub.state import RunState, read_state
from pipeline_executor.planning import Answer, Limits, Planned, Question, Refused, Unplannable, ask
from pipeline_executor.store import SiteStores

Said: TypeAlias = list[tuple[str, str | Mapping[str, Any]]]
"""Hints: what each is called, and what it says."""
_NOBODY = Staying({}, {}, (), ())


@dataclass(frozen=True, slots=True)
class PlanMaker:
    """Makes plans.

    Attributes:
        client: the hub's cluster.
        stores: the sites' stores.
        sites: the names of all Sites.
        in_force: the plan in force of a run, by its status.
        limits: of one planning.
    """

    client: Client
    stores: SiteStores
    sites: Callable[[], Collection[str]]
    in_force: Callable[[RunRef, RunState], Awaitable[InForce | None]]
    limits: Limits

    async def make(self, ref: RunRef, wish: Wish) -> PlanFound:
        """The plan that a run needs, in the stores; or why there is none.

        Raises:
            InputError: what the run says can't be used.
            StoreError, KubeError: somebody did not answer.
        """
        raw = await self.client.get(STRETCHED_PIPELINES, ref.name, ref.namespace)
        run = read_stretched_pipeline(raw)
        if run.ref != ref:
            raise InputError(f"StretchedPipeline {ref.namespace}/{ref.name}", "metadata.uid", "is another run by now")
        state = read_state(raw.get("status"))
        earlier: InForce | None = None
        stays = _NOBODY
        if wish.revision > 1:
            earlier = await self.in_force(ref, state)
            if earlier is None:
                problem = f"the plan of run {ref} is in no artifact store that answers: mend the stores of its Sites"
                raise StoreError("PlanMissing", problem)
            unreadable = await self._unreadable(ref, earlier, state)
            stays = staying(earlier, state.groups, wish.without, self.sites(), unreadable)
        found = await plans.find(self.stores, self.sites(), ref, wish.revision)
        if found is None:
            answer = await self._answer(run, wish, stays, earlier)
            if not isinstance(answer, Planned):
                infeasible, lasting = isinstance(answer, Unplannable), isinstance(answer, Unplannable | Refused)
                return PlanFound(None, answer.message, infeasible, lasting or wish.revision == 1, wish.without)
            found = {name: text.encode() for name, text in answer.files.items()}
        plan = read_inforce(found, wish.revision, plans.file_name(PLAN, wish.revision), earlier)
        if wish.revision == 1 and plans.PIPELINE not in found:
            hints = [[subject, told] for subject, told in await read_hints(run, self.client)]
            found = {
                **found,
                plans.PIPELINE: (await read_pipeline(run, self.client, self.stores)).encode(),
                plans.HINTS: json.dumps(hints, sort_keys=True).encode(),
            }
        await plans.write(self.stores, ref, plan, found, earlier)
        return PlanFound(plan, asked_without=wish.without)

    async def _answer(self, run: StretchedPipeline, wish: Wish, stays: Staying, earlier: InForce | None) -> Answer:
        pipeline, hints = await self._said(run, earlier)
        question = Question(
            pipeline=pipeline,
            subject=f"pipeline of {run.ref.namespace}/{run.ref.name}",
            namespace=run.ref.namespace,
            service_account=run.service_account,
            objective=run.objective,
            tolerance=run.tolerance,
            time_limit_seconds=min(run.time_limit_seconds, self.limits.seconds),
            hints=hints,
            parameters=run.parameters,
            without=stays.without if earlier is not None else sorted(wish.without),
            pins=stays.pins,
            settled=stays.settled,
            taken=stays.taken,
        )
        return await ask(question, self._objects(run), self.limits)

    async def _said(self, run: StretchedPipeline, earlier: InForce | None) -> tuple[str, Said]:
        """Pipeline and hints: those that the first plan was made of, where there is one."""
        for site in sorted(earlier.sites) if earlier is not None else ():
            try:
                store = await self.stores.get(site)
                pipeline = await store.get(plans.key(store, run.ref, plans.PIPELINE), MOST_PLAN_BYTES)
                hints = await store.get(plans.key(store, run.ref, plans.HINTS), MOST_PLAN_BYTES)
            except StoreError:
                continue
            if pipeline is not None and hints is not None:
                return pipeline.decode(), [(subject, told) for subject, told in json.loads(hints)]
        return await read_pipeline(run, self.client, self.stores), await read_hints(run, self.client)

    async def _unreadable(self, ref: RunRef, plan: InForce, state: RunState) -> frozenset[str]:
        """Groups that have succeeded at sites whose stores don't answer."""
        dark: set[str] = set()
        for site in sorted(plan.sites):
            try:
                store = await self.stores.get(site)
                await store.size(plans.key(store, ref, PLAN))
            except StoreError:
                dark.add(site)
        return frozenset(group.id for group in state.groups if group.site in dark)

    async def _objects(self, run: StretchedPipeline) -> AsyncIterator[RawObject]:
        """Sites, Datasets and Namespaces as far as a plan rests on them; what earlier runs took."""
        if run.learn:
            # Which of the namespace's PipelineHistories is this pipeline's only a reader of the pipeline can tell.
            async for raw in self._each(PIPELINE_HISTORIES, run.ref.namespace):
                metadata = {key: raw["metadata"].get(key) for key in ("name", "namespace", "generation")}
                yield _trimmed(raw) | {"metadata": metadata}
        async for raw in self._each(SITES):
            yield _trimmed(raw)
        async for raw in self._each(NAMESPACES):
            listed = (raw["metadata"].get("annotations") or {}).get(PURPOSES_ANNOTATION)
            if listed is not None:
                metadata = {"name": raw["metadata"]["name"], "annotations": {PURPOSES_ANNOTATION: listed}}
                yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        async for raw in self._each(DATASETS):
            told = raw.get("status") or {}
            status = {key: told[key] for key in ("bytes", "sources") if key in told}
            yield _trimmed(raw) | ({"status": status} if status else {})

    async def _each(self, resource: Resource, namespace: str = "") -> AsyncIterator[RawObject]:
        """All objects, page by page."""
        async for page in self.client.pages(resource, Selection(namespace=namespace)):
            for raw in page.items:
                yield raw


def _trimmed(raw: RawObject) -> RawObject:
    metadata = {key: raw["metadata"][key] for key in ("name", "namespace") if key in raw["metadata"]}
    return {"apiVersion": raw["apiVersion"], "kind": raw["kind"], "metadata": metadata, "spec": raw.get("spec") or {}}
