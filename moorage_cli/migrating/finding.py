"""Datashim's objects in a cluster, and what is around them: read, never written."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from moorage.errors import ForbiddenError, NotFoundError
from moorage.kube import (
    DATASETS,
    NAMESPACES,
    OBJECT_BUCKET_CLAIMS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    Client,
    RawObject,
    Resource,
    Selection,
)
from moorage.model import DatasetRef
from moorage.wire.claims import read_claim
from moorage_cli.datashim import GROUPS, KINDS
from moorage_cli.migrating.conversion import ref_of
from moorage_cli.subjects import WORKLOADS

MONITORED_LABEL = "monitor-pods-datasets"
"""A Namespace where Datashim changes pods has it, with the value `enabled`."""
_READY_MADE = frozenset({"ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Deployment", "CronJob"})


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a cluster has.

    Attributes:
        groups: those of Datashim's that it serves.
        raws: their objects, and claims that matter to them.
        existing: Moorage's Datasets that are there already.
        monitored: the Namespaces where Datashim changes pods; None: that can't be read.
        unread: what could not be looked at, a sentence each.
    """

    groups: tuple[str, ...]
    raws: tuple[RawObject, ...]
    existing: frozenset[DatasetRef]
    monitored: frozenset[str] | None
    unread: tuple[str, ...]


async def look(client: Client, namespace: str) -> Cluster:
    """Gather what there is in a namespace, or everywhere (`""`).

    Raises:
        KubeError: Datashim's objects can't be read.
    """
    groups: list[str] = []
    raws: list[RawObject] = []
    unread: list[str] = []
    for group in sorted(GROUPS):
        resources = await _serves(client, group)
        groups += [group] * bool(resources)
        for resource in resources:
            raws += await client.list(resource, Selection(namespace=namespace))
    if not groups:
        return Cluster((), (), frozenset(), None, ())
    claims = [raw async for raw in _each(client, PERSISTENT_VOLUME_CLAIMS, namespace, unread)]
    # What a Dataset of ours keeps is in nobody's way.
    raws += [raw for raw in claims if not read_claim(raw).dataset_uid]
    raws += [raw async for raw in _each(client, OBJECT_BUCKET_CLAIMS, namespace, unread)]
    existing = frozenset([ref_of(raw) async for raw in _each(client, DATASETS, namespace, unread)])
    return Cluster(tuple(groups), tuple(raws), existing, await _monitored(client, unread), tuple(unread))


async def users(client: Client, namespace: str, unread: list[str]) -> AsyncIterator[RawObject]:
    """Workloads, then pods that no workload makes, one by one."""
    for resource in (*WORKLOADS, PODS):
        async for raw in _each(client, resource, namespace, unread):
            owners = (raw.get("metadata") or {}).get("ownerReferences") or ()
            if not any(owner.get("controller") and owner.get("kind") in _READY_MADE for owner in owners):
                yield raw


async def _serves(client: Client, group: str) -> list[Resource]:
    """The kinds of a group of Datashim's, in the version that the API server prefers."""
    try:
        answer = await client.request("GET", f"/apis/{group}", action=f"look for {group}")
        version = str((answer.get("preferredVersion") or {}).get("version"))
        listed = await client.request("GET", f"/apis/{group}/{version}", action=f"look for {group}/{version}")
    except NotFoundError:
        return []
    return [
        Resource(group, version, str(each["name"]), str(each["kind"]))
        for each in listed.get("resources") or ()
        if each.get("kind") in KINDS and "/" not in str(each.get("name"))
    ]


async def _each(client: Client, resource: Resource, namespace: str, unread: list[str]) -> AsyncIterator[RawObject]:
    """All objects of a kind, a page at a time; none where the kind is not there, or not for us to see."""
    try:
        async for page in client.pages(resource, Selection(namespace=namespace)):
            for item in page.items:
                yield item
    except NotFoundError:
        return
    except ForbiddenError as error:
        unread.append(f"{resource.plural} were not looked at: {error}")


async def _monitored(client: Client, unread: list[str]) -> frozenset[str] | None:
    count = len(unread)
    found = [
        str(raw["metadata"]["name"])
        async for raw in _each(client, NAMESPACES, "", unread)
        if (raw["metadata"].get("labels") or {}).get(MONITORED_LABEL) == "enabled"
    ]
    return frozenset(found) if len(unread) == count else None
