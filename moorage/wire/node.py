"""Nodes, in; NodeCache objects, in and out."""

from typing import Any

from moorage.model import API_VERSION, CachedDataset, DatasetRef, Node, NodeCache, UnfilledDataset
from moorage.reading.fields import Fields, Raw, object_fields


def read_node(raw: Raw) -> Node:
    """Read the node's name and labels.

    Raises:
        InputError: it has no name.
    """
    _, name, metadata = object_fields(raw, "Node")
    return Node(name, dict(metadata.get("labels") or {}))


def read_node_cache(raw: Raw) -> NodeCache:
    """Read a node's cached copies; a NodeCache bears its node's name.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    subject, name, _ = object_fields(raw, "NodeCache")
    status = Fields(subject, "", raw).sub("status")
    if status is None:
        return NodeCache(name)
    datasets = []
    for fields in status.subs("datasets"):
        size_bytes = fields.size_bytes("bytes")
        datasets.append(
            CachedDataset(
                DatasetRef(fields.required_text("namespace"), fields.required_text("name")),
                fields.required_text("version"),
                size_bytes or 0,
                fields.size_bytes("neighbourBytes") or 0,
            )
        )
    unfilled = [
        UnfilledDataset(
            DatasetRef(fields.required_text("namespace"), fields.required_text("name")), fields.required_text("reason")
        )
        for fields in status.subs("unfilled")
    ]
    return NodeCache(name, tuple(datasets), tuple(unfilled), status.text("address") or "")


def write_node_cache(cache: NodeCache) -> dict[str, Any]:
    """Write the whole object, status included."""
    return {
        "apiVersion": API_VERSION,
        "kind": "NodeCache",
        "metadata": {"name": cache.node},
        "status": ({"address": cache.address} if cache.address else {})
        | {
            "datasets": [
                {
                    "namespace": cached.ref.namespace,
                    "name": cached.ref.name,
                    "version": cached.version,
                    "bytes": cached.size_bytes,
                }
                | ({"neighbourBytes": cached.near_bytes} if cached.near_bytes else {})
                for cached in cache.datasets
            ],
            "unfilled": [
                {"namespace": each.ref.namespace, "name": each.ref.name, "reason": each.reason}
                for each in cache.unfilled
            ],
        },
    }
