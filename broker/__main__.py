"""The broker's process: `python3 -m broker`."""

import sys
from functools import partial

from broker.app import make_app, node_limit, pod_limit
from broker.identity import identity_of
from broker.neighbours import NodeCopies
from broker.parts import Parts
from broker.settings import BrokerSettings
from broker.sightings import Sightings
from moorage.kube import NODE_CACHES, Client, Reflector
from moorage.model.sidecar import repository_of
from moorage.proving import Prover
from moorage.recording.settings import recorder_of
from moorage.serving.health import Health
from moorage.serving.keeper import Keeper, Place
from moorage.serving.limits import Limits
from moorage.serving.process import run_component
from moorage.serving.publishers import ConfigMapPublisher
from moorage.serving.rotation import Plan
from moorage.serving.run import Listener, run_until_signalled
from moorage.serving.token_reviews import TokenReviews
from moorage.watching import Catalogue

_COMPONENT = "broker"
_PROOF_SECONDS = 3.0
"""The time limit of proving where a claim leads; an answer has nine seconds."""


async def run(settings: BrokerSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        SettingError: there is no usable cluster.
    """
    async with Client.from_environment(settings.kubeconfig, field_manager="moorage-broker") as client:
        await _serve(settings, client)


async def _serve(settings: BrokerSettings, client: Client) -> None:
    service = f"{settings.service_name}.{settings.namespace}.svc"
    copies: Reflector[NodeCopies] = Reflector(client, NODE_CACHES, project=NodeCopies.read)
    async with (
        recorder_of(client, _COMPONENT, settings.namespace, settings) as recorder,
        Catalogue(
            client,
            with_nodes=True,
            more={"nodecaches": copies},
            # A failure to find neighbours is no reason to refuse a mount.
            optional={"nodecaches": lambda: True},
        ) as catalogue,
        Keeper(
            client,
            Place(settings.namespace, settings.certificate_secret),
            ConfigMapPublisher(client, settings.namespace, settings.ca_config_map),
            Plan((service, f"{service}.cluster.local")),
        ) as keeper,
    ):
        health = Health()
        health.add_ready("certificate", keeper.problem)
        identify = partial(identity_of, audience=settings.audience, account=settings.node_plugin_account)
        identities = TokenReviews(client, settings.audience, identify, settings.identity_seconds)
        limits = node_limit(settings.grants_per_second), pod_limit(settings.pod_grants_per_second)
        parts = Parts(
            client,
            identities,
            catalogue,
            Prover(client, seconds=_PROOF_SECONDS),
            recorder,
            settings.blind_seconds,
            *limits,
            repository=repository_of(settings.mount_image),
            sightings=Sightings(lambda: copies.snapshot().values()),
            signer=lambda: keeper.state.signer,
        )
        app = make_app(parts, health)
        listener = Listener(
            port=settings.listen_port,
            host=settings.listen_host,
            tls=keeper.context,
            linger_seconds=settings.linger_seconds,
            limits=Limits(connections=settings.connections, connections_per_peer=settings.connections_per_peer),
        )
        await run_until_signalled(app, health, listener, settings.health_port)


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    return run_component(BrokerSettings, run)


if __name__ == "__main__":
    sys.exit(main())
