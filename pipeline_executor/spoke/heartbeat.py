"""Tells the hub that this spoke is alive, by a Lease that it renews: a cluster whose Lease is old is out of sight."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from moorage.errors import KubeError
from moorage.kube import LEASES, Client
from moorage.runs.pipelines import SPOKE_LEASE, SPOKE_LEASE_RENEW_SECONDS

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def heartbeat(client: Client, namespace: str, identity: str) -> AsyncIterator[None]:
    """Renew the Lease while the block runs.

    Args:
        client: the spoke's cluster.
        namespace: where Moorage is installed.
        identity: which process it is.
    """
    beating = asyncio.create_task(_beat(client, namespace, identity), name="heartbeat")
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.wait([beating])


async def _beat(client: Client, namespace: str, identity: str) -> None:
    while True:
        body = {
            "metadata": {"name": SPOKE_LEASE, "namespace": namespace},
            "spec": {
                "holderIdentity": identity,
                "leaseDurationSeconds": 3 * SPOKE_LEASE_RENEW_SECONDS,
                "renewTime": datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
        try:
            await client.apply(LEASES, body)
        except KubeError as error:
            _log.warning("the heartbeat was not written: %s", error)
        await asyncio.sleep(SPOKE_LEASE_RENEW_SECONDS)
