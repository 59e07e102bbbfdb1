"""The queue of Kueue that admits the pods of a run, as Kubeflow's platform document says it of each executor. Pure.

Kubeflow gives an executor's labels to the pod that runs the user's code, and to no driver: what only looks up inputs
needs no quota.
"""

from collections.abc import Mapping
from typing import Any

from moorage.runs.pipelines import QUEUE_LABEL

Raw = Mapping[str, Any]

_KUBERNETES = "kubernetes"


def with_queue(platform: Raw, pipeline: Raw, queue: str) -> dict[str, Any]:
    """Return the platform document, in which each container has the queue's label; one that it has already stays.

    Args:
        platform: the document as it is; empty where there is none.
        pipeline: the pipeline's own.
        queue: the name of a LocalQueue; "": nothing is added.
    """
    if not queue:
        return dict(platform)
    platforms = platform.get("platforms") or {}
    kubernetes = platforms.get(_KUBERNETES) or {}
    deployment = kubernetes.get("deploymentSpec") or {}
    known = deployment.get("executors") or {}
    executors = (pipeline.get("deploymentSpec") or {}).get("executors") or {}
    queued = {
        label: _labelled(known.get(label) or {}, queue)
        for label, executor in executors.items()
        if "container" in executor
    }
    changed = {**kubernetes, "deploymentSpec": {**deployment, "executors": {**known, **queued}}}
    return {**platform, "platforms": {**platforms, _KUBERNETES: changed}}


def _labelled(executor: Raw, queue: str) -> dict[str, Any]:
    metadata = executor.get("podMetadata") or {}
    labels = {QUEUE_LABEL: queue, **(metadata.get("labels") or {})}
    return {**executor, "podMetadata": {**metadata, "labels": labels}}
