"""Puts the hub together."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from moorage.kube import NAMESPACES, Client, Recorder
from moorage.runs import RunRef
from moorage.serving import metrics
from moorage.serving.health import Health, make_app
from moorage.serving.run import Listener, serve, stop_on_signals
from moorage.watching import Bundle, Catalogue
from pipeline_executor.distribution import SiteClusters
from pipeline_executor.hub.controller import Parts, RunController
from pipeline_executor.hub.deciding import PlanFound
from pipeline_executor.hub.planmaking import PlanMaker
from pipeline_executor.hub.plannings import Plannings, Wish
from pipeline_executor.hub.retention import RetentionController
from pipeline_executor.hub.runs_of_schedules import RunsOfSchedules
from pipeline_executor.hub.schedules import ScheduleController
from pipeline_executor.hub.settings import HubSettings
from pipeline_executor.hub.world import Gatherer
from pipeline_executor.placement_scores import PlacementScores
from pipeline_executor.planning import Limits
from pipeline_executor.store import SiteStores

_SYNC_SECONDS = 60.0

_log = logging.getLogger(__name__)


async def run(settings: HubSettings, stop: asyncio.Event | None = None) -> None:
    """Run until SIGTERM or SIGINT, or until `stop` is set.

    Raises:
        SettingError: there is no usable cluster.
        KubeError: the first lists did not come.
    """
    stop = stop_on_signals() if stop is None else stop
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            Client.from_environment(settings.kubeconfig, field_manager="moorage-hub")
        )
        health = Health()
        await stack.enter_async_context(serve(make_app(health), Listener(port=settings.health_listen_port)))
        hub = str((await client.get(NAMESPACES, settings.namespace))["metadata"]["uid"])
        controllers: list[RunController] = []

        def look(ref: RunRef) -> None:
            for each in controllers:
                each.look(ref)

        def sees_all() -> bool:
            return bool(controllers) and all(each.sees_all() for each in controllers)

        def sights_changed() -> None:
            unseen = sum(bool(cluster.sight().lost_seconds) for cluster in distribution.clusters())
            metrics.CLUSTERS_OUT_OF_SIGHT.set(unseen)
            for each in controllers:
                each.sights_changed()

        runs = RunsOfSchedules()
        catalogue = await stack.enter_async_context(Catalogue(client, on_dataset=runs.dataset_changed))
        distribution = SiteClusters(
            client,
            hub=hub,
            namespace=settings.namespace,
            engines=settings.distribution,
            on_group=look,
            on_sight=sights_changed,
        )
        await stack.enter_async_context(distribution)
        add_watches(health, {"watches": catalogue}, settings.blind_seconds)
        health.add_ready("clusters", distribution.unready)
        await distribution.wait_synced(_SYNC_SECONDS)
        for reflector in (catalogue.sites, catalogue.datasets, catalogue.namespaces):
            await reflector.wait_synced(_SYNC_SECONDS)
        if settings.placement_scores:
            placement_scores = await stack.enter_async_context(PlacementScores(client, catalogue, hub))
            await placement_scores.wait_synced(_SYNC_SECONDS)
        stores = await stack.enter_async_context(SiteStores(client, settings.namespace, catalogue.site))
        makers: list[PlanMaker] = []

        async def make(ref: RunRef, wish: Wish) -> PlanFound:
            return await makers[0].make(ref, wish)

        plannings = await stack.enter_async_context(Plannings(make, look, settings.plans_at_once))
        gatherer = Gatherer(client, catalogue, distribution, stores, plannings)
        limits = Limits(settings.plan_memory_bytes, settings.plan_seconds)
        makers.append(PlanMaker(client, stores, gatherer.site_names, gatherer.in_force, limits))
        recorder = Recorder(client, "hub", settings.instance)
        parts = Parts(client, recorder, distribution, stores, plannings, gatherer, hub)
        retention = await stack.enter_async_context(RetentionController(client, recorder, stores, sees_all=sees_all))
        controller = RunController(parts, settings, (runs.run_changed, retention.run_changed))
        controllers.append(controller)
        await stack.enter_async_context(controller)
        add_watches(health, {"runs": controller.bundle}, settings.blind_seconds)
        await controller.runs.wait_synced(_SYNC_SECONDS)
        # Only now it is known which runs there are: schedules count them.
        schedules = ScheduleController(client, recorder, runs, catalogue.dataset, at_once=settings.schedules_at_once)
        await stack.enter_async_context(schedules)
        add_watches(health, {"schedules": schedules.bundle}, settings.blind_seconds)
        # What was deleted while no hub looked has left PipelineGroups behind; each is looked at once.
        distribution.look_at_all()
        _log.info("following runs", extra={"clusters": len(list(distribution.clusters()))})
        await stop.wait()
        health.drain()
    _log.info("ended")


def add_watches(health: Health, watches: Mapping[str, Bundle | Catalogue], blind_seconds: float) -> None:
    """Be unready while one of these has not been listed, or has been out of sight for longer than `blind_seconds`."""
    for name, watched in watches.items():
        health.add_ready(name, partial(watched.problem, blind_seconds))
