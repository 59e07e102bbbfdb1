"""`python3 -m scheduler_plugin`: the extender as a process."""

import sys

from moorage.kube import Client
from moorage.serving.health import Health
from moorage.serving.limits import Limits
from moorage.serving.process import run_component
from moorage.serving.run import Listener, run_until_signalled
from scheduler_plugin.app import make_app
from scheduler_plugin.gather import Gatherer
from scheduler_plugin.settings import ExtenderSettings


async def run(settings: ExtenderSettings) -> None:
    """Serve until SIGTERM."""
    async with (
        Client.from_environment(settings.kubeconfig, field_manager="moorage-scheduler") as client,
        Gatherer(client) as gatherer,
    ):
        health = Health()
        listener = Listener(
            port=settings.listen_port,
            host=settings.listen_host,
            linger_seconds=settings.linger_seconds,
            limits=Limits(connections=settings.connections, connections_per_peer=settings.connections),
        )
        # The kubelet probes the pod's address, and the extender listens on loopback only.
        await run_until_signalled(make_app(gatherer, health), health, listener, settings.health_port)


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    return run_component(ExtenderSettings, run)


if __name__ == "__main__":
    sys.exit(main())
