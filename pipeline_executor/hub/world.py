"""Gathers what a decision about one run asks for: its PipelineGroups, how its sites are seen, which data exist."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from moorage.errors import KubeError, StoreError
from moorage.kube import Client
from moorage.model import Dataset, DatasetRef
from moorage.runs import RunKeys, RunRef, StretchedPipeline
from moorage.runs.names import split_datum
from moorage.watching import Catalogue
from pipeline_executor.distribution import Distribution, SeenGroup
from pipeline_executor.hub import plans
from pipeline_executor.hub.deciding import World, wanted
from pipeline_executor.hub.groups import Datum, SiteSight
from pipeline_executor.hub.inforce import InForce, PlannedGroup
from pipeline_executor.hub.plannings import Plannings
from pipeline_executor.hub.rules import refusal
from pipeline_executor.hub.state import PlanMark, RunState
from pipeline_executor.store import ArtifactStore, SiteStores

_MOST_PLANS = 2000
_FEW = 4
"""So many data are asked for one by one; more, by a listing."""


@dataclass
class Known:
    """What is known of runs, so that it is not asked for again: plans in force, and data that exist. Only a cache."""

    plans: OrderedDict[tuple[RunRef, int], InForce]
    data: OrderedDict[RunRef, set[Datum]]

    def keep(self, run: RunRef, plan: InForce) -> None:
        """Keep a plan, and drop the one that was asked for longest ago where there are too many."""
        self.plans[run, plan.mark.revision] = plan
        while len(self.plans) > _MOST_PLANS:
            self.plans.popitem(last=False)

    def forget(self, run: RunRef) -> None:
        """Drop what is known of a run."""
        self.data.pop(run, None)
        for key in [key for key in self.plans if key[0] == run]:
            del self.plans[key]

    def exists(self, run: RunRef) -> set[Datum]:
        """The data of a run that exist; what exists once exists for good."""
        found = self.data.setdefault(run, set())
        self.data.move_to_end(run)
        while len(self.data) > _MOST_PLANS:
            self.data.popitem(last=False)
        return found


class Gatherer:
    """Gathers.

    Args:
        client: the hub's cluster.
        catalogue: Sites and Datasets there.
        distribution: the sites' clusters.
        stores: the sites' stores.
        plannings: what came of plannings.
    """

    def __init__(
        self, client: Client, catalogue: Catalogue, distribution: Distribution, stores: SiteStores, plannings: Plannings
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._distribution = distribution
        self._stores = stores
        self._plannings = plannings
        self.known = Known(OrderedDict(), OrderedDict())

    async def world(self, run: StretchedPipeline, state: RunState) -> World:
        """All that a decision about the run asks for.

        Raises:
            StoreError: the plan in force can't be read anywhere.
            KubeError: the hub's API server did not answer.
        """
        plan = await self.in_force(run.ref, state)
        seen = self.seen(run.ref)
        asked = wanted(state, plan, seen)
        found = self._plannings.found(run.ref, state.plan.revision + 1 if state.plan is not None else 1)
        sites = {group.site for group in state.groups} | (set() if plan is None else set(plan.sites))
        if plan is None:
            sites |= set(self.site_names())
        if found is not None and found.plan is not None:
            sites |= found.plan.sites
        manifests, problems = await self._manifests(run.ref, asked)
        sights = {site: self._sight(site) for site in sites | problems.keys()}
        for site, problem in problems.items():
            sights[site] = replace(sights[site], store_problem=problem)
        now = plan if found is None or found.plan is None else found.plan
        return World(
            run=run,
            state=state,
            plan=plan,
            found=found,
            seen=seen,
            sites=sights,
            manifests=manifests,
            refusal=lambda group: self._refusal(group, now),
            now=datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    async def in_force(self, run: RunRef, state: RunState) -> InForce | None:
        """The plan that a run's status names; None where it names none.

        Raises:
            StoreError: it can't be read anywhere.
        """
        if state.plan is None:
            return None
        return await self._plan(run, state.plan, {group.site for group in state.groups} or self.site_names())

    async def _plan(self, run: RunRef, mark: PlanMark, sites: Collection[str]) -> InForce:
        kept = self.known.plans.get((run, mark.revision))
        if kept is not None and kept.mark.digest == mark.digest:
            self.known.plans.move_to_end((run, mark.revision))
            return kept
        earlier: InForce | None = None
        if mark.revision > 1:
            earlier = await self._earlier(run, mark.revision - 1, sites)
        plan = await plans.read(self._stores, sites, run, mark, earlier)
        self.known.keep(run, plan)
        return plan

    async def _earlier(self, run: RunRef, revision: int, sites: Collection[str]) -> InForce:
        before = await self._earlier(run, revision - 1, sites) if revision > 1 else None
        file = plans.file_name("plan.json", revision)
        return await plans.read(self._stores, sites, run, PlanMark(revision, "", file), before)

    def site_names(self) -> frozenset[str]:
        """All Sites."""
        return frozenset(self._catalogue.inventory().sites)

    def speeds(self) -> dict[str, float]:
        """Of all Sites, by name."""
        return {name: site.speed for name, site in self._catalogue.inventory().sites.items()}

    def seen(self, run: RunRef) -> tuple[SeenGroup, ...]:
        """The run's PipelineGroups, at all clusters. A cluster is believed of its own sites only."""
        return tuple(
            group
            for cluster in self._distribution.clusters()
            for group in cluster.groups_of(run.uid).values()
            if self._distribution.cluster(group.site) is cluster
        )

    def _sight(self, site: str) -> SiteSight:
        cluster = self._distribution.cluster(site)
        if cluster is None:
            return SiteSight(0.0, answers=False, problem=self._distribution.problem(site))
        sight = cluster.sight()
        problem = sight.problem
        if not problem and not sight.spoke_seen:
            problem = f"no spoke was ever seen in {cluster.name}: install one there"
        return SiteSight(sight.lost_seconds, answers=not sight.api_seconds, problem=problem)

    def _refusal(self, group: PlannedGroup, plan: InForce | None) -> str | None:
        if plan is None:
            return None
        datasets: Mapping[DatasetRef, Dataset] = {
            DatasetRef(*key): dataset for key, dataset in self._asked_for(group).items()
        }
        return refusal(group, plan, datasets, self._catalogue.inventory())

    def _asked_for(self, group: PlannedGroup) -> Mapping[tuple[str, str], Dataset]:
        refs = {ref for each in group.imports for ref in each.carried}
        found = {(ref.namespace, ref.name): self._catalogue.dataset(ref) for ref in refs}
        return {key: dataset for key, dataset in found.items() if dataset is not None}

    async def _manifests(self, run: RunRef, asked: Iterable[Datum]) -> tuple[frozenset[Datum], dict[str, str]]:
        """Which of these data exist; by site, why that can't be told."""
        exist = self.known.exists(run)
        by_site: dict[str, list[Datum]] = {}
        for datum in asked:
            if datum not in exist:
                by_site.setdefault(datum.site, []).append(datum)
        problems: dict[str, str] = {}
        for site, data in by_site.items():
            try:
                exist |= await self._look(await self._stores.get(site), run, data)
            except (StoreError, KubeError) as error:
                problems[site] = str(error)
        return frozenset(exist), problems

    async def _look(self, store: ArtifactStore, run: RunRef, data: list[Datum]) -> set[Datum]:
        keys = RunKeys(store.prefix, run)
        places = {(keys.value if datum.is_value else keys.artifact)(*split_datum(datum.name)): datum for datum in data}
        if len(places) <= _FEW:
            return {datum for place, datum in places.items() if await store.size(place) is not None}
        present = {each.key for folder in ("artifacts/", "values/") for each in await store.keys(keys.root + folder)}
        return {datum for place, datum in places.items() if place in present}
