"""The kopf shell: the framework's operator with its handlers. kopf is used here only.

kopf follows Sites, which administrators write. Datasets, which anybody may write, in any number and size, come by an
informer of ours: kopf keeps the raw objects of a whole list at once. Only raw events are asked for. So kopf writes
nothing to anybody's objects: no finalizer that would make a deletion hang while the operator is away, no annotation.
"""

import asyncio
import dataclasses
import logging
import os
from typing import Any

import kopf

from dataset_operator.site_index import SiteIndex
from moorage.model import GROUP, VERSION


def make_registry(sites: SiteIndex) -> kopf.OperatorRegistry:
    """Make kopf's registry of handlers."""
    registry = kopf.OperatorRegistry()

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.posting.enabled = False  # Events are written by moorage.kube
        settings.scanning.disabled = False
        settings.watching.server_timeout = 300
        settings.watching.client_timeout = 330
        settings.networking.connect_timeout = 5

    @kopf.on.login(registry=registry)
    async def login(**keywords: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's own
        # The same order as moorage.kube's, so that both talk to one API server.
        if os.environ.get("KUBECONFIG") or "KUBERNETES_SERVICE_HOST" not in os.environ:
            return kopf.login_with_kubeconfig(**keywords)
        found = kopf.login_with_service_account(**keywords)
        # kopf asks for the API server by its name, and there may be no cluster DNS.
        return dataclasses.replace(found, server=_server_address()) if found else None

    @kopf.on.event(GROUP, VERSION, "sites", registry=registry)
    async def saw(event: Any, **_: object) -> None:  # noqa: ANN401 - kopf has names for it, but no promise
        raw = event["object"]
        if event["type"] == "DELETED":
            sites.lost(raw["metadata"]["name"])
        else:
            sites.saw(raw)

    return registry


def _server_address() -> str:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _bare(record: logging.LogRecord) -> bool:
    """Keep kopf's words and drop what it hangs on them: its settings, the object and its parts."""
    if record.name.startswith("kopf"):
        for name in ("settings", "k8s_ref", "k8s_skip"):
            vars(record).pop(name, None)
        return record.levelno >= logging.WARNING
    return True


async def run_kopf(sites: SiteIndex, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Feed the index until `stop` is set; `ready` is set once the API server has been asked."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_bare)
    await kopf.operator(
        registry=make_registry(sites),
        clusterwide=True,
        standalone=True,
        stop_flag=stop,
        ready_flag=ready,
    )
