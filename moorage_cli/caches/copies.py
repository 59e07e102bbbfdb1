"""How far the copies are that `warm` asked for: by its pods, and by what nodes tell of their caches. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from moorage.caching import CacheMode
from moorage.model import Dataset, DatasetRef, NodeCache

Raw = Mapping[str, Any]

_WHY = {
    "NoRoom": "there is no room: pods use what is there, or the disk is nearly full; tried again",
    "TooLarge": "it is larger than a copy may be (nodePlugin.cache.sizeLimit, spec.cache.sizeLimit): a part is kept",
    "ModeNone": "the Dataset forbids caches (spec.cache.mode: none)",
    "unkeepable": "its keys can't be file names, or it has too many objects",
    "changed": "the source is not as the operator found it; tried again",
    "full": "the node's disk is full; tried again",
    "failed": "the copy failed, the log of the node plugin says why; tried again",
}


class Phase(StrEnum):
    """Where one of the copies is."""

    WAITING = "waiting"
    COPYING = "copying"
    WHOLE = "whole"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Copy:
    """One of the copies that were asked for.

    Attributes:
        node: "" where none was found yet.
        held_bytes: None where nobody says.
        total_bytes: of the version; None where nobody says.
        message: what is in the way; "" where nothing is.
    """

    node: str
    phase: Phase
    held_bytes: int | None = None
    total_bytes: int | None = None
    message: str = ""


def obstacle(dataset: Dataset) -> str:
    """Why no node could keep a copy of it, in words; "" where nothing is in the way that the Dataset shows."""
    if dataset.cache.mode is CacheMode.NONE:
        return "forbids caches: set spec.cache.mode to auto or always"
    if dataset.in_memory:
        return "is the memory of nodes: there is nothing to copy"
    if not any(source.location.abilities.listed for source in dataset.sources):
        kinds = ", ".join(sorted({source.kind for source in dataset.sources}))
        return f"is always streamed: nodes copy no {kinds} sources"
    if dataset.status.version is None:
        return "was not listed yet, so that no copy could be verified: see `kubectl dataset describe`"
    size, limit = dataset.status.size_bytes or 0, dataset.cache.size_limit_bytes
    if limit is not None and size > limit:
        return f"has {size:,} bytes, and a copy of it may take {limit:,} (spec.cache.sizeLimit)"
    return ""


def copies(
    pods: Sequence[Raw], caches: Iterable[NodeCache] | None, ref: DatasetRef, dataset: Dataset | None, wanted: int
) -> list[Copy]:
    """Each copy that was asked for, by node; those without one come last.

    Args:
        pods: of the Jobs.
        caches: None where they can't be seen.
        ref: of what.
        dataset: None where it can't be seen.
        wanted: how many there are to be.
    """
    by_node = None if caches is None else {cache.node: cache for cache in caches}
    found = [_copy(pod, by_node, ref, dataset) for pod in _newest(pods)]
    found += [Copy("", Phase.WAITING, message="its pod was not made yet")] * (wanted - len(found))
    return sorted(found, key=lambda copy: (not copy.node, copy.node))


def _newest(pods: Sequence[Raw]) -> list[Raw]:
    """The last pod for each of the Jobs' indexes: one that failed has a successor."""
    by_index: dict[tuple[str, str], Raw] = {}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or "")):
        labels = pod["metadata"].get("labels") or {}
        index = labels.get("batch.kubernetes.io/job-completion-index") or ""
        by_index[labels.get("batch.kubernetes.io/job-name") or "", index] = pod
    return list(by_index.values())


def _copy(pod: Raw, caches: Mapping[str, NodeCache] | None, ref: DatasetRef, dataset: Dataset | None) -> Copy:
    node = str(pod["spec"].get("nodeName") or "")
    status = pod.get("status") or {}
    total = None if dataset is None else dataset.status.size_bytes
    held, reason = _told(node, caches, ref, dataset)
    if status.get("phase") == "Succeeded" or (total and held == total):
        return Copy(node, Phase.WHOLE, total, total)
    if status.get("phase") == "Failed":
        return Copy(
            node, Phase.FAILED, held, total, str(status.get("message") or status.get("reason") or "its pod failed")
        )
    if not node:
        return Copy(node, Phase.WAITING, message=_unscheduled(status))
    if caches is not None and node not in caches:
        reason = "the node has told of no cache: is nodePlugin.cache.enabled set?"
    return Copy(node, Phase.COPYING, held, total, reason)


def _told(
    node: str, caches: Mapping[str, NodeCache] | None, ref: DatasetRef, dataset: Dataset | None
) -> tuple[int | None, str]:
    """How many bytes of the current version the node has, and why it has no more."""
    cache = None if caches is None else caches.get(node)
    if cache is None:
        return None, ""
    version = None if dataset is None else dataset.status.version
    sizes = [each.size_bytes for each in cache.datasets if each.ref == ref and version in (None, each.version)]
    reason = next((each.reason for each in cache.unfilled if each.ref == ref), "")
    return max(sizes, default=0), _WHY.get(reason, reason)


def _unscheduled(status: Raw) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason") or "")
    return ""


def whole_nodes(found: Iterable[Copy]) -> set[str]:
    """The nodes that have all of it."""
    return {copy.node for copy in found if copy.phase is Phase.WHOLE}
