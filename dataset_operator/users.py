"""Index functions of the pod informer: what a pod holds, and what it waits for. Pure."""

from collections.abc import Mapping
from typing import Any

from moorage.errors import LabelError
from moorage.model import DatasetRef, Pod, UseAs
from moorage.wire import looks_like_dataset_label, read_pod


def read_concerned_pod(raw: Mapping[str, Any]) -> Pod | None:
    """Read the pod, where it reads or mounts a Dataset; None otherwise, so that a cache of pods stays small.

    Labels that can't be read name nothing, but the pod's volumes still count.
    """
    try:
        pod = read_pod(raw)
    except LabelError:
        metadata = raw.get("metadata") or {}
        labels = {
            key: value for key, value in (metadata.get("labels") or {}).items() if not looks_like_dataset_label(key)
        }
        pod = read_pod({**raw, "metadata": {**metadata, "labels": labels}})
    return pod if datasets_of(pod) else None


def datasets_of(pod: Pod) -> frozenset[DatasetRef]:
    """Return the Datasets that a pod reads by its labels or mounts by its volumes."""
    return pod.datasets


def held_by(pod: Pod) -> frozenset[DatasetRef]:
    """Return the Datasets whose data the pod was given and may go on with.

    Given are a mount that the broker granted, and the keys that `configmap` hands to the containers. A pod that is
    being deleted goes on with nothing, however long it takes to end: else a long grace period, or a node that is lost,
    would keep a Dataset for ever.
    """
    if pod.node_name is None or pod.finished or pod.deleting or not pod.started:
        return frozenset()
    keys = {
        use.ref
        for use in pod.usage.reading
        if UseAs.CONFIGMAP in use.use_as and use.ref.namespace == pod.namespace  # elsewhere it is refused
    }
    return frozenset(keys | set(pod.published))


def written_by(pod: Pod) -> frozenset[DatasetRef]:
    """Return the Datasets that the pod may write to now: until it has ended, also while it is being deleted."""
    if pod.node_name is None or pod.finished or not pod.started:
        return frozenset()
    return frozenset({use.ref for use in pod.usage.writing} & set(pod.published))


def waits(pod: Pod) -> bool:
    """Return whether the pod still waits for a node."""
    return pod.node_name is None and not pod.finished and not pod.deleting
