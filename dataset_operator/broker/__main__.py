"""The broker's process: `python3 -m dataset_operator.broker`."""

import asyncio
import sys

from dataset_operator.broker.app import Parts, make_app, node_limit, pod_limit
from dataset_operator.broker.catalogue import Catalogue
from dataset_operator.broker.identity import Identities
from dataset_operator.broker.settings import BrokerSettings
from moorage.errors import MoorageError
from moorage.kube import Client
from moorage.serving import logs
from moorage.serving.health import Health
from moorage.serving.keeper import Keeper, Place
from moorage.serving.publishers import ConfigMapPublisher
from moorage.serving.rotation import Plan
from moorage.serving.run import Listener, run_until_signalled
from moorage.settings import read


async def run(settings: BrokerSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        SettingError: there is no usable cluster.
    """
    service = f"{settings.service_name}.{settings.namespace}.svc"
    async with (
        Client.from_environment(settings.kubeconfig, field_manager="moorage-broker") as client,
        Catalogue(client, settings.blind_seconds) as catalogue,
        Keeper(
            client,
            Place(settings.namespace, settings.certificate_secret),
            ConfigMapPublisher(client, settings.namespace, settings.ca_config_map),
            Plan((service, f"{service}.cluster.local")),
        ) as keeper,
    ):
        health = Health()
        health.add_ready("certificate", keeper.problem)
        identities = Identities(client, settings.audience, settings.node_plugin_account, settings.identity_seconds)
        limits = node_limit(settings.grants_per_second), pod_limit(settings.pod_grants_per_second)
        app = make_app(Parts(client, identities, catalogue, *limits), health)
        listener = Listener(
            port=settings.listen_port,
            host=settings.listen_host,
            tls=keeper.context,
            linger_seconds=settings.linger_seconds,
        )
        await run_until_signalled(app, health, listener)


def main() -> int:
    """Run; 1 where it can't start."""
    try:
        settings = read(BrokerSettings)
        logs.set_up(level=settings.log_level)
        asyncio.run(run(settings))
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
