"""Statuses that are replaced as they were read, so that two controllers never overwrite each other's words."""

from collections.abc import Mapping
from typing import Any

from moorage.errors import NotFoundError
from moorage.kube.client import Client, RawObject
from moorage.kube.resources import Resource


async def replace_status(client: Client, resource: Resource, raw: RawObject, status: Mapping[str, Any]) -> bool:
    """Replace the whole status of an object.

    Args:
        client: its cluster.
        resource: the object's resource.
        raw: the object as it was read.
        status: what replaces it.

    Returns:
        Whether the object is still there.

    Raises:
        ConflictError: somebody wrote it since: read it again.
        KubeError: the API server refuses, or did not answer.
    """
    metadata = raw["metadata"]
    body = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion")},
        "spec": raw["spec"],
        "status": dict(status),
    }
    try:
        await client.replace(resource, body, subresource="status")
    except NotFoundError:
        return False
    return True
