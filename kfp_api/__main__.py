"""The process of Kubeflow Pipelines' API: `python3 -m kfp_api`."""

import asyncio
import ipaddress
import sys
import time
from contextlib import AsyncExitStack

from kfp_api.adoption import keep_sweeping
from kfp_api.app import make_app
from kfp_api.catalogue import Catalogue
from kfp_api.compilers import Compilers
from kfp_api.identity import Anybody, Callers
from kfp_api.parts import Parts
from kfp_api.settings import KfpApiSettings
from kfp_api.specs import Specs
from moorage.errors import SettingError
from moorage.kube import Client
from moorage.serving.health import Health
from moorage.serving.process import run_component
from moorage.serving.publishers import ConfigMapPublisher
from moorage.serving.rate_limit import RateLimit
from moorage.serving.run import Listener, run_until_signalled
from moorage.serving.service_certificate import certificate_of
from moorage.stores import SiteStores

_BURST_SECONDS = 20.0


async def run(settings: KfpApiSettings) -> None:
    """Serve until SIGTERM.

    Raises:
        SettingError: there is no usable cluster, or the server would be open to others than this machine.
    """
    check(settings)
    async with (
        Client.from_environment(settings.kubeconfig, field_manager="moorage-kfp-api") as client,
        Catalogue(client, settings.run_namespaces) as catalogue,
        Compilers(settings.reading_processes) as compilers,
        AsyncExitStack() as stack,
    ):
        health = Health()
        tls = None
        if settings.tls:
            publisher = ConfigMapPublisher(client, settings.namespace, settings.ca_config_map)
            certificate = certificate_of(client, settings, publisher)
            await stack.enter_async_context(certificate)
            health.add_ready("certificate", certificate.problem)
            tls = certificate.context
        stores = await stack.enter_async_context(SiteStores(client, settings.namespace)) if settings.logs else None
        parts = Parts(
            client=client,
            callers=callers_of(client, settings),
            catalogue=catalogue,
            compilers=compilers,
            specs=Specs(client),
            namespaces=settings.run_namespaces,
            blind_seconds=settings.blind_seconds,
            package_bytes=settings.package_bytes,
            reads=_limit(settings.reads_per_second),
            writes=_limit(settings.writes_per_second),
            stores=stores,
        )
        listener = Listener(
            port=settings.listen_port,
            host=settings.listen_host,
            tls=tls,
            linger_seconds=settings.linger_seconds,
            limits=settings.limits(),
        )
        sweeping = asyncio.create_task(keep_sweeping(client, settings.run_namespaces, settings.sweep_seconds))
        stack.callback(sweeping.cancel)
        await run_until_signalled(make_app(parts, health), health, listener, settings.health_port)


def check(settings: KfpApiSettings) -> None:
    """Refuse to serve others than this machine without authentication or TLS.

    Raises:
        SettingError: it would.
    """
    for on, variable in (
        (settings.authentication, "MOORAGE_AUTHENTICATION"),
        (settings.tls, "MOORAGE_TLS"),
    ):
        if not on and not _is_loopback(settings.listen_host):
            problem = "can be off only where MOORAGE_LISTEN_HOST is 127.0.0.1 or ::1: everybody could run anything"
            raise SettingError("environment", variable, problem)


def callers_of(client: Client, settings: KfpApiSettings) -> Callers:
    """Return the authenticator of bearer tokens."""
    if settings.authentication:
        return Callers(client, settings.audience or "", settings.identity_seconds)
    return Anybody(client, "", 0.0)


def _is_loopback(host: str | None) -> bool:
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _limit(per_second: float) -> RateLimit:
    return RateLimit(per_second, max(_BURST_SECONDS * per_second, 1.0), time.monotonic)


def main() -> int:
    """Run it; the exit codes are those of `moorage.serving.process`."""
    return run_component(KfpApiSettings, run)


if __name__ == "__main__":
    sys.exit(main())
