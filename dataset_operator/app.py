"""Assembles the operator."""

import asyncio
import logging
from contextlib import AsyncExitStack

from dataset_operator.bucket_remover import BucketRemover
from dataset_operator.claims import ClaimKeeper
from dataset_operator.cluster_index import ClusterIndex
from dataset_operator.controller import DatasetController, Surroundings
from dataset_operator.dataset_watch import DatasetWatch
from dataset_operator.looking import Looker
from dataset_operator.settings import OperatorSettings
from dataset_operator.shell import run_kopf
from moorage.kube import Client, Recorder
from moorage.serving.health import Health, make_app
from moorage.serving.run import Listener, serve, stop_on_signals

_SYNC_SECONDS = 60.0

_log = logging.getLogger(__name__)


async def run(settings: OperatorSettings, stop: asyncio.Event | None = None) -> None:
    """Run until SIGTERM or SIGINT, or until `stop` is set.

    Raises:
        SettingError: there is no usable cluster.
        KubeError: the first lists did not come.
    """
    stop = stop_on_signals() if stop is None else stop
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            Client.from_environment(settings.kubeconfig, field_manager="moorage-operator")
        )
        health, ready = Health(), asyncio.Event()
        await stack.enter_async_context(serve(make_app(health), Listener(port=settings.health_listen_port)))
        recorder = Recorder(client, "moorage-operator", settings.instance)
        near = await stack.enter_async_context(ClusterIndex(client, recorder))
        health.add_ready("watches", near.problem)
        health.add_ready("kopf", lambda: None if ready.is_set() else "has not begun")
        await near.wait_synced(_SYNC_SECONDS)
        claims = ClaimKeeper(client)
        looker = Looker(client, settings)
        stack.callback(looker.close)
        controller = await stack.enter_async_context(
            DatasetController(
                client,
                recorder,
                looker,
                Surroundings(near.inventory, near.users, near.writers, near.changed, claims.condition),
                settings,
            )
        )
        near.tell(controller.surroundings_changed)
        claims.follow(controller.desired, controller.surroundings_changed)
        await stack.enter_async_context(claims)
        health.add_ready("claims", claims.problem)
        health.add_ready("listing", controller.problem)
        buckets = await stack.enter_async_context(
            BucketRemover(client, recorder, looker.budget(quick=True), controller.user_of_bucket)
        )
        datasets = await stack.enter_async_context(DatasetWatch(client, controller, claims, buckets))
        health.add_ready("datasets", datasets.problem)
        following = asyncio.create_task(run_kopf(near.sites, stop, ready), name="kopf")
        health.add_live("kopf", lambda: "has ended" if following.done() and not stop.is_set() else None)
        stopped = asyncio.create_task(stop.wait())
        stack.callback(stopped.cancel)
        await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await following
    _log.info("ended")
