"""The spoke's process: `python3 -m pipeline_executor.spoke`."""

import socket
import sys
from dataclasses import replace
from functools import partial

from moorage.kube import Client
from moorage.recording.settings import recorder_of
from moorage.serving.health import Health
from moorage.serving.keeper import Keeper, Place
from moorage.serving.process import run_component
from moorage.serving.publishers import ConfigMapPublisher
from moorage.serving.rotation import Plan
from moorage.serving.run import Listener, run_until_signalled
from pipeline_executor.spoke.assembly import assembled, names_of
from pipeline_executor.spoke.heartbeat import heartbeat
from pipeline_executor.spoke.settings import SpokeSettings
from pipeline_executor.task_api import LIMITS


async def run(settings: SpokeSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        SettingError: there is no usable cluster.
    """
    identity = socket.gethostname()
    async with (
        Client.from_environment(settings.kubeconfig, field_manager="moorage-spoke") as client,
        Keeper(
            client,
            Place(settings.namespace, settings.certificate_secret),
            ConfigMapPublisher(client, settings.namespace, settings.ca_config_map),
            Plan(names_of(settings)),
        ) as keeper,
        recorder_of(client, "spoke", settings.namespace, settings) as evidence,
        assembled(client, settings, partial(_bundle, keeper), identity, evidence) as spoke,
        heartbeat(client, settings.namespace, identity),
    ):
        health = Health()
        health.add_ready("certificate", keeper.problem)
        health.add_ready("informers", spoke.problem)
        listener = Listener(
            port=settings.listen_port,
            host=settings.listen_host,
            tls=keeper.context,
            linger_seconds=settings.linger_seconds,
            limits=replace(
                LIMITS, connections=settings.connections, connections_per_peer=settings.connections_per_peer
            ),
        )
        await run_until_signalled(spoke.app, health, listener, settings.health_port)


def _bundle(keeper: Keeper) -> str:
    """The authorities of our certificate, those to come included."""
    return keeper.state.bundle.decode()


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    return run_component(SpokeSettings, run)


if __name__ == "__main__":
    sys.exit(main())
