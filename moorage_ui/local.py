"""The server on a person's own machine: loopback only, their own kubeconfig, no rights of its own."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from moorage.kube import Client
from moorage.serving.health import Health
from moorage.serving.limits import Limits
from moorage.serving.run import Listener, serve, stop_on_signals
from moorage.sources import Credentials
from moorage.stores import SiteStores
from moorage_ui.app import make_app
from moorage_ui.gates.local import LocalGate
from moorage_ui.parts import Parts
from moorage_ui.records import Records
from moorage_ui.streams import Streams
from moorage_ui.viewers import meet

LIMITS = Limits(connections=128, connections_per_peer=128, answer_seconds=900.0)
"""A stream is an answer, too: it ends by itself, long before."""


@dataclass(frozen=True, slots=True)
class Where:
    """The namespaces and the port of the local server.

    Attributes:
        namespace: where the person looks first where they may not look everywhere.
        system_namespace: where Moorage is installed, and the Secrets with the stores' keys are.
        port: 0 takes a free one.
    """

    namespace: str
    system_namespace: str
    port: int


async def run_locally(
    client: Client, where: Where, own: Credentials | None, announce: Callable[[str, str], None]
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        client: the person's own.
        where: what is served.
        own: keys of the stores to use where the person may not read the Secrets; None: none.
        announce: is told the address that works once, and whose eyes the pages are made for.

    Raises:
        KubeError: the cluster does not know them, or does not answer.
        OSError: the port is taken.
    """
    viewer = await meet(client, where.namespace)
    gate = LocalGate(viewer)
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(SiteStores(client, where.system_namespace, own))
        parts = Parts(gate=gate, records=Records(stores), streams=Streams())
        listener = Listener(port=where.port, host="127.0.0.1", linger_seconds=0, drain_seconds=0.2, limits=LIMITS)
        gate.port = await stack.enter_async_context(serve(make_app(parts, Health()), listener))
        announce(gate.address, viewer.name)
        await stop.wait()
