"""The process in a cluster: `python3 -m moorage_ui`."""

import sys
from contextlib import AsyncExitStack

from moorage.kube import Client
from moorage.serving.health import Health
from moorage.serving.process import run_component
from moorage.serving.publishers import ConfigMapPublisher
from moorage.serving.run import Listener, run_until_signalled
from moorage.serving.service_certificate import certificate_of
from moorage.serving.slots import Slots
from moorage.stores import SiteStores
from moorage_ui.app import make_app
from moorage_ui.gates.tokens import TokenGate
from moorage_ui.parts import Parts
from moorage_ui.records import Records
from moorage_ui.settings import UiSettings
from moorage_ui.streams import Streams


async def run(settings: UiSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        SettingError: there is no usable cluster.
    """
    async with (
        Client.from_environment(settings.kubeconfig, field_manager="moorage-ui") as client,
        SiteStores(client, settings.namespace) as stores,
        AsyncExitStack() as stack,
    ):
        health = Health()
        publisher = ConfigMapPublisher(client, settings.namespace, settings.ca_config_map)
        certificate = certificate_of(client, settings, publisher)
        await stack.enter_async_context(certificate)
        health.add_ready("certificate", certificate.problem)
        gate = TokenGate(lambda token: Client.for_bearer(token, settings.kubeconfig), settings.session_seconds)
        stack.push_async_callback(gate.close)
        parts = Parts(
            gate=gate,
            records=Records(stores),
            streams=Streams(Slots(settings.streams, settings.streams_per_person)),
        )
        listener = Listener(
            port=settings.listen_port,
            host=settings.listen_host,
            tls=certificate.context,
            linger_seconds=settings.linger_seconds,
            drain_seconds=2.0,
            limits=settings.limits(),
        )
        await run_until_signalled(make_app(parts, health), health, listener, settings.health_port)


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    return run_component(UiSettings, run)


if __name__ == "__main__":
    sys.exit(main())
