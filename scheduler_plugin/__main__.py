"""`python3 -m scheduler_plugin`: the extender as a process."""

import asyncio
import logging
import sys

from moorage.errors import MoorageError
from moorage.kube import Client
from moorage.serving import health as healths
from moorage.serving.health import Health
from moorage.serving.logs import set_up
from moorage.serving.run import Listener, run_until_signalled, serve
from moorage.settings import read
from scheduler_plugin.app import make_app
from scheduler_plugin.gather import Gatherer
from scheduler_plugin.settings import ExtenderSettings

_log = logging.getLogger("scheduler_plugin")


async def run(settings: ExtenderSettings) -> None:
    """Serve until SIGTERM."""
    async with (
        Client.from_environment(settings.kubeconfig, field_manager="moorage-scheduler") as client,
        Gatherer(client) as gatherer,
    ):
        health = Health()
        listener = Listener(
            port=settings.listen_port, host=settings.listen_host, linger_seconds=settings.linger_seconds
        )
        # The kubelet probes the pod's address, and the extender listens on loopback only.
        async with serve(healths.make_app(health), Listener(port=settings.health_port)):
            await run_until_signalled(make_app(gatherer, health), health, listener)


def main() -> int:
    """Run; 2 where a setting can't be used."""
    try:
        settings = read(ExtenderSettings)
        set_up(level=settings.log_level)
        asyncio.run(run(settings))
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
