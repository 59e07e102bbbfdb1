"""The ConfigMaps of single runs' pipelines: each belongs to its run, and those of no run go.

A run's pipeline is written before the run, so that the hub always finds it; then the run becomes its owner, and
Kubernetes deletes it with the run. A server that died in between leaves one without an owner: it is looked for here,
again and again, by its label.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from kfp_api import objects
from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.kube import CONFIG_MAPS, STRETCHED_PIPELINES, Client, RawObject, Selection

_log = logging.getLogger(__name__)
_GRACE: Final = timedelta(minutes=10)
"""A run may be being made at this very moment."""


async def adopt(client: Client, config_map: str, run: RawObject) -> None:
    """Make the run the owner of its pipeline's ConfigMap.

    Raises:
        KubeError: the API server did not; `sweep` does it later.
    """
    metadata = {
        "name": config_map,
        "namespace": run["metadata"]["namespace"],
        "labels": {objects.UNOWNED_LABEL: None},
        "ownerReferences": [objects.owner_of(run)],
    }
    await client.merge_patch(CONFIG_MAPS, {"metadata": metadata})


async def sweep(client: Client, namespace: str, now: datetime) -> None:
    """Give each ConfigMap without an owner to its run, or delete it where there is none for minutes.

    Raises:
        KubeError: the API server did not answer.
    """
    selection = Selection(namespace=namespace, labels=objects.UNOWNED_LABEL)
    async for page in client.pages(CONFIG_MAPS, selection):
        for raw in page.items:
            await _settle(client, raw, now)


async def _settle(client: Client, raw: RawObject, now: datetime) -> None:
    metadata = raw["metadata"]
    name, namespace = metadata["name"], metadata["namespace"]
    try:
        try:
            run = await client.get(STRETCHED_PIPELINES, name.removeprefix(objects.run_config_map("")), namespace)
        except NotFoundError:
            if now - datetime.fromisoformat(metadata["creationTimestamp"]) > _GRACE:
                await client.delete(CONFIG_MAPS, name, namespace, uid=metadata["uid"])
        else:
            await adopt(client, name, run)
    except (NotFoundError, ConflictError):
        _log.debug("ConfigMap %s/%s was settled by somebody else", namespace, name)


async def keep_sweeping(client: Client, namespaces: Sequence[str], pause_seconds: float) -> None:
    """Sweep until cancelled."""
    while True:
        for namespace in namespaces or ("",):
            try:
                await sweep(client, namespace, datetime.now(tz=UTC))
            except KubeError as error:
                _log.warning("ConfigMaps without a run can't be looked for: %s", error)
        await asyncio.sleep(pause_seconds)
