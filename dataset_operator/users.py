"""Which pods read which Dataset, and which pods wait for one. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from moorage.errors import LabelError
from moorage.model import DatasetRef, Pod
from moorage.wire import looks_like_dataset_label, read_pod


def read_concerned_pod(raw: Mapping[str, Any]) -> Pod | None:
    """The pod, where it reads or mounts a Dataset; None otherwise, so that a cache of pods stays small.

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
    """The Datasets that a pod reads by its labels or mounts by its volumes."""
    return frozenset({use.ref for use in pod.usage.reading} | set(pod.mounts))


def held_by(pod: Pod) -> frozenset[DatasetRef]:
    """The Datasets whose data the pod may hold now: it started, so that what it mounts was permitted, and goes on.

    Labels alone count in the Dataset's own namespace only: else anybody could keep a steward from deleting a Dataset.
    """
    if pod.node_name is None or pod.finished or not pod.started:
        return frozenset()
    own = {use.ref for use in pod.usage.reading if use.ref.namespace == pod.namespace}
    return frozenset(own | set(pod.mounts))


def waits(pod: Pod) -> bool:
    """Whether the pod still waits for a node."""
    return pod.node_name is None and not pod.finished


def users_by_dataset(pods: Iterable[Pod]) -> dict[DatasetRef, tuple[str, ...]]:
    """The pods that use each Dataset now, as `namespace/name`, sorted."""
    found: dict[DatasetRef, list[str]] = {}
    for pod in pods:
        for ref in held_by(pod):
            found.setdefault(ref, []).append(f"{pod.namespace}/{pod.name}")
    return {ref: tuple(sorted(names)) for ref, names in found.items()}
