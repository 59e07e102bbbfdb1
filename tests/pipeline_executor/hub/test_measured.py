"""What the hub and the runners follow is measured, and a watch that is broken for long makes the hub unready."""

from contextlib import AsyncExitStack

from prometheus_client import REGISTRY

from moorage.kube import Recorder
from moorage.serving.health import Health
from moorage.watching import Catalogue
from pipeline_executor.distribution import SiteClusters
from pipeline_executor.distribution.engines import ENGINES
from pipeline_executor.hub.app import add_watches
from pipeline_executor.hub.controller import Parts, RunController
from pipeline_executor.hub.deciding import PlanFound
from pipeline_executor.hub.plannings import Plannings
from pipeline_executor.hub.retention import RetentionController
from pipeline_executor.hub.runs_of_schedules import RunsOfSchedules
from pipeline_executor.hub.schedules import ScheduleController
from pipeline_executor.hub.settings import HubSettings
from pipeline_executor.hub.world import Gatherer
from pipeline_executor.placement_scores import PlacementScores
from pipeline_executor.runners.embedded.pods import SidecarSettings
from pipeline_executor.runners.embedded.runner import EmbeddedRunner, EmbeddedSettings
from pipeline_executor.runners.kubeflow.index import RunIndex
from pipeline_executor.store import SiteStores
from tests.planes import nowhere


def _labels(name: str, label: str) -> set[str]:
    """The labels under which a metric has samples now."""
    samples = [sample for family in REGISTRY.collect() for sample in family.samples]
    return {sample.labels[label] for sample in samples if sample.name == name}


async def test_all_that_the_hub_follows_is_measured() -> None:
    """Its caches while they are followed, and its queues."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(nowhere())
        recorder = Recorder(client, "hub", "test")
        catalogue = await stack.enter_async_context(Catalogue(client))
        distribution = await stack.enter_async_context(
            SiteClusters(
                client,
                hub="hub",
                namespace="moorage",
                engines=ENGINES,
                on_group=lambda _: None,
                on_sight=lambda: None,
            )
        )
        await stack.enter_async_context(PlacementScores(client, catalogue, "hub"))
        stores = await stack.enter_async_context(SiteStores(client, "moorage", catalogue.site))

        async def make(_run: object, _wish: object) -> PlanFound:
            return PlanFound()

        plannings = await stack.enter_async_context(Plannings(make, lambda _: None, at_once=1))
        gatherer = Gatherer(client, catalogue, distribution, stores, plannings)
        await stack.enter_async_context(RetentionController(client, recorder, stores, sees_all=lambda: False))
        parts = Parts(client, recorder, distribution, stores, plannings, gatherer, "hub")
        await stack.enter_async_context(RunController(parts, HubSettings()))
        await stack.enter_async_context(ScheduleController(client, recorder, RunsOfSchedules(), catalogue.dataset))
        followed = _labels("moorage_cache_age_seconds", "resource")
        assert followed >= {"datasets", "sites", "namespaces", "stretchedpipelines", "pipelineschedules"}
        assert followed >= {"pipelinegroups", "leases", "secrets"}
        assert followed >= {"managedclusters", "manifestworks", "addonplacementscores"}
        assert _labels("moorage_work_queue_depth", "queue") >= {"run", "plan", "schedule", "retention"}
    assert not followed & _labels("moorage_cache_age_seconds", "resource")


async def test_the_informers_of_runners_are_measured() -> None:
    """Pods, and Kubeflow's Workflows."""
    sidecar = SidecarSettings(image="i", api="https://x")
    async with nowhere() as client:
        runner = EmbeddedRunner(client, EmbeddedSettings(sidecar=sidecar), lambda: "", lambda _: None)
        async with runner:
            assert "pods" in _labels("moorage_cache_age_seconds", "resource")
        async with RunIndex(client, "kubeflow", lambda _: None):
            assert _labels("moorage_cache_age_seconds", "resource") >= {"pods", "workflows"}


async def test_a_watch_that_is_broken_for_long_is_told() -> None:
    """A list that came once is not enough to be ready."""
    health = Health()
    async with nowhere() as client:
        catalogue = Catalogue(client)
        add_watches(health, {"watches": catalogue}, 0.0)
        assert "not in the cache yet" in (health.ready_problems()["watches"] or "")
        for reflector in (catalogue.datasets, catalogue.sites, catalogue.namespaces):
            reflector.synced.set()
        assert "has been broken" in (health.ready_problems()["watches"] or "")
