"""`python3 -m webhook`: the admission webhook as a process."""

import sys

from moorage.errors import SettingError
from moorage.kube import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Client
from moorage.recording.settings import recorder_of
from moorage.serving.callers import admit_only
from moorage.serving.context import require_clients
from moorage.serving.health import Health
from moorage.serving.process import run_component
from moorage.serving.publishers import WebhookPublisher
from moorage.serving.run import Listener, run_until_signalled
from moorage.serving.service_certificate import certificate_of
from webhook.app import make_app
from webhook.evidence import Witness
from webhook.gather import Gatherer
from webhook.mutate import Serving
from webhook.settings import WebhookSettings
from webhook.sidecar import SidecarShape

_COMPONENT = "webhook"


async def run(settings: WebhookSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        SettingError: names of clients are given, and nobody who would vouch for them.
    """
    if settings.client_names and settings.client_ca_file is None:
        raise SettingError(
            "environment", "MOORAGE_CLIENT_NAMES", "needs MOORAGE_CLIENT_CA_FILE: set it, or drop the names"
        )
    async with (
        Client.from_environment(settings.kubeconfig, field_manager="moorage-webhook") as client,
        Gatherer(client, lookup_seconds=settings.lookup_seconds) as gatherer,
        recorder_of(client, _COMPONENT, settings.namespace, settings) as recorder,
        certificate_of(client, settings, _publisher(client, settings.configuration_name)) as certificate,
    ):
        health = Health()
        health.add_ready("certificate", certificate.problem)
        app = make_app(gatherer, serving_of(settings), Witness(recorder), health)
        if settings.client_ca_file is not None:
            require_clients(certificate.context, settings.client_ca_file)
        if settings.client_names:
            app.middlewares.append(admit_only(settings.client_names))
        listener = Listener(
            port=settings.listen_port,
            host=settings.listen_host,
            tls=certificate.context,
            linger_seconds=settings.linger_seconds,
            limits=settings.limits(),
        )
        await run_until_signalled(app, health, listener, settings.health_port)


def serving_of(settings: WebhookSettings) -> Serving:
    """Return the settings of the pods that are served."""
    shape = SidecarShape(
        image=settings.mount_image,
        pull_policy=settings.mount_image_pull_policy.value,
        resources=settings.sidecar_resources(),
        cache_size_limit_bytes=settings.mount_cache_size_limit,
    )
    return Serving(shape, settings.scheduler_name, settings.managed_resource)


def _publisher(client: Client, name: str) -> WebhookPublisher:
    return WebhookPublisher(client, ((MUTATING_WEBHOOKS, name), (VALIDATING_WEBHOOKS, name)))


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    return run_component(WebhookSettings, run)


if __name__ == "__main__":
    sys.exit(main())
