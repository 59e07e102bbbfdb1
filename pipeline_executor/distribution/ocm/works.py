"""ManifestWorks: what is asked of a work agent, and what it writes back. Pure.

Feedback values are scalars: a rule that leads to a list gives nothing, or, where a feature gate is on, at most 1,024
bytes. So a PipelineGroup is asked for a summary of its status in one string, which has no such bound.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from moorage.errors import InputError, KubeError
from moorage.kube import LEASES, PIPELINE_GROUPS, RawObject, Resource
from moorage.reading.documents import decode_strictly
from moorage.runs import GroupPhase
from moorage.runs.pipelines import (
    CLUSTER_SITES_ANNOTATION,
    HUB_LABEL,
    SPOKE_LEASE,
    SUMMARY_ANNOTATION,
    SUMMARY_BYTES,
)
from moorage.runs.sites import read_sites
from pipeline_executor.distribution.seen import SeenGroup, read_seen

MANIFEST_WORKS: Final = Resource("work.open-cluster-management.io", "v1", "manifestworks", "ManifestWork")
MANAGED_CLUSTERS: Final = Resource(
    "cluster.open-cluster-management.io", "v1", "managedclusters", "ManagedCluster", namespaced=False
)
HEARTBEAT_LABEL: Final = "moorage.dev/heartbeat"
"""The label of a cluster's one work that brings the renewals of its spoke's Lease."""
MOST_MANIFEST_BYTES: Final = 400 * 1024
"""OCM's webhook refuses more than 500 KiB. What is large, the pipeline, is in the site's artifact store anyway."""

_AVAILABLE: Final = "ManagedClusterConditionAvailable"
_RENEWED: Final = "renewTime"
_PHASE, _MESSAGE, _START, _END, _SUMMARY = "phase", "message", "startTime", "completionTime", "summary"
_STATUS_FIELDS: Final = (_PHASE, _MESSAGE, _START, _END, _SUMMARY)
_FINAL: Final = ", ".join(f"'{phase.value}'" for phase in GroupPhase if phase.is_final)
# A group that has ended is made anew by nobody, should somebody delete it at the spoke: it would run once more.
_ENDED: Final = f"has(object.status) && has(object.status.phase) && object.status.phase in [{_FINAL}]"
_MOST_VALUES: Final = 64
_LONGEST_PROBLEM: Final = 600
_UNPROCESSABLE: Final = 422


@dataclass(frozen=True, slots=True)
class ManagedCluster:
    """A ManagedCluster that names sites.

    Attributes:
        available: whether OCM says that its agent is alive.
        why: what OCM says about it where it does not.
    """

    name: str
    sites: tuple[str, ...]
    available: bool = False
    why: str = ""

    @property
    def subject(self) -> str:
        """The ManagedCluster as messages name it."""
        return MANAGED_CLUSTERS.describe(name=self.name)


@dataclass(frozen=True, slots=True)
class Work:
    """A ManifestWork of this hub.

    Attributes:
        cluster: whose it is.
        group: the PipelineGroup that it brings; None for the heartbeat.
        renewed: the last renewal of the spoke's Lease, as it was written; "" where none is known.
    """

    cluster: str
    name: str
    group: SeenGroup | None = None
    renewed: str = ""


def read_managed_cluster(raw: RawObject) -> ManagedCluster | None:
    """Read a raw ManagedCluster; None where it names no sites, and so is none of ours."""
    metadata = raw["metadata"]
    name = str(metadata["name"])
    listed = (metadata.get("annotations") or {}).get(CLUSTER_SITES_ANNOTATION)
    if listed is None or metadata.get("deletionTimestamp"):
        return None
    sites = read_sites(listed, MANAGED_CLUSTERS.describe(name=name))
    condition = _condition(_at(raw, "status", "conditions"), _AVAILABLE)
    status = str(condition.get("status") or "")
    why = "" if status == "True" else str(condition.get("message") or "no agent has reported yet")
    return ManagedCluster(name, sites, status == "True", why[:_LONGEST_PROBLEM])


def group_work(cluster: str, group: Mapping[str, Any]) -> RawObject:
    """Return the work that brings a PipelineGroup to a cluster. It has the group's name.

    Raises:
        KubeError: it is larger than OCM takes, with the status 422.
    """
    metadata = group["metadata"]
    manifest = {
        "apiVersion": PIPELINE_GROUPS.api_version,
        "kind": PIPELINE_GROUPS.kind,
        **group,
        "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), SUMMARY_ANNOTATION: "true"}},
    }
    size = len(json.dumps(manifest, separators=(",", ":")).encode())
    if size > MOST_MANIFEST_BYTES:
        problem = f"has {size:,} bytes, and Open Cluster Management takes {MOST_MANIFEST_BYTES:,}"
        remedy = "give large parameters as artifacts"
        subject = PIPELINE_GROUPS.describe(metadata["namespace"], metadata["name"])
        raise KubeError(f"{subject} {problem}: {remedy}", status=_UNPROCESSABLE, reason="Invalid")
    config = {
        "resourceIdentifier": _identifier(PIPELINE_GROUPS, metadata["namespace"], metadata["name"]),
        "updateStrategy": {"type": "ServerSideApply"},
        "feedbackRules": _feedback({name: f".status.{name}" for name in _STATUS_FIELDS}),
        "conditionRules": [{"condition": "Complete", "type": "CEL", "celExpressions": [_ENDED]}],
    }
    return _work(cluster, metadata["name"], metadata["labels"], manifest, config)


def heartbeat_work(cluster: str, hub: str, namespace: str) -> RawObject:
    """Return the work that changes nothing in a cluster, and brings the renewals of its spoke's Lease back.

    Args:
        cluster: whose.
        hub: the hub's id; two hubs that share an OCM don't share this.
        namespace: Moorage's own in that cluster.
    """
    metadata = {"namespace": namespace, "name": SPOKE_LEASE}
    manifest = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}
    config = {
        "resourceIdentifier": _identifier(LEASES, namespace, SPOKE_LEASE),
        "updateStrategy": {"type": "ReadOnly"},
        "feedbackRules": _feedback({_RENEWED: ".spec.renewTime"}),
    }
    labels = {HUB_LABEL: hub, HEARTBEAT_LABEL: "true"}
    return _work(cluster, f"{SPOKE_LEASE}-{hub}", labels, manifest, config)


def cancel_patch() -> list[dict[str, object]]:
    """Return the JSON patch that cancels the PipelineGroup in a work."""
    return [{"op": "add", "path": "/spec/workload/manifests/0/spec/cancel", "value": True}]


def read_work(raw: RawObject) -> Work:
    """Read a raw ManifestWork.

    Raises:
        InputError: it holds no PipelineGroup that a hub writes.
    """
    metadata = raw["metadata"]
    cluster, name = str(metadata["namespace"]), str(metadata["name"])
    seen = _first(_at(raw, "status", "resourceStatus", "manifests"))
    values = dict(_values(_at(seen, "statusFeedback", "values")))
    if (metadata.get("labels") or {}).get(HEARTBEAT_LABEL):
        return Work(cluster, name, renewed=values.get(_RENEWED, ""))
    manifest = _first(_at(raw, "spec", "workload", "manifests"))
    if manifest.get("kind") != PIPELINE_GROUPS.kind:
        raise InputError(MANIFEST_WORKS.describe(cluster, name), "spec.workload", "holds no PipelineGroup")
    status = {
        **_summary(values.get(_SUMMARY)),
        **{name: values[name] for name in _STATUS_FIELDS[:-1] if name in values},
    }
    problem = _problem(raw, seen)
    if problem and status.get(_PHASE) not in {phase.value for phase in GroupPhase if phase.is_final}:
        status[_MESSAGE] = problem
    own = {"metadata": {**manifest.get("metadata", {}), "uid": metadata.get("uid", "")}, "status": status}
    return Work(cluster, name, read_seen({**manifest, **own}))


def _work(
    cluster: str, name: str, labels: Mapping[str, str], manifest: RawObject, config: Mapping[str, Any]
) -> RawObject:
    return {
        "apiVersion": MANIFEST_WORKS.api_version,
        "kind": MANIFEST_WORKS.kind,
        "metadata": {"namespace": cluster, "name": name, "labels": dict(labels)},
        "spec": {"workload": {"manifests": [manifest]}, "manifestConfigs": [config]},
    }


def _identifier(resource: Resource, namespace: str, name: str) -> dict[str, str]:
    return {"group": resource.group, "resource": resource.plural, "namespace": namespace, "name": name}


def _feedback(paths: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"type": "JSONPaths", "jsonPaths": [{"name": name, "path": path} for name, path in paths.items()]}]


def _values(raw: object) -> Iterable[tuple[str, str]]:
    """Return the feedback values that are strings; nothing else is asked for."""
    for each in raw[:_MOST_VALUES] if isinstance(raw, list) else ():
        value = each.get("fieldValue") if isinstance(each, Mapping) else None
        text = value.get("string") if isinstance(value, Mapping) else None
        if isinstance(text, str):
            yield str(each.get("name")), text


def _summary(text: str | None) -> Mapping[str, Any]:
    """Return tasks and imports as the spoke summed them up; nothing where that can't be read."""
    if text is None or len(text) > SUMMARY_BYTES:
        return {}
    try:
        read = decode_strictly(text.encode())
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _problem(raw: RawObject, seen: Mapping[str, Any]) -> str:
    """Return the reason why the PipelineGroup is not there; "" where it is, or where nothing is known yet."""
    conditions = seen.get("conditions")
    applied, available = _condition(conditions, "Applied"), _condition(conditions, "Available")
    where = raw["metadata"]["namespace"]
    if applied.get("status") == "False":
        return f"the work agent of {where} can't apply it: {applied.get('message')}"[:_LONGEST_PROBLEM]
    if available.get("status") == "False":
        return f"its PipelineGroup is gone from {where}: the work agent makes it again within minutes"
    return ""


def _condition(conditions: object, kind: str) -> Mapping[str, Any]:
    for each in conditions[:_MOST_VALUES] if isinstance(conditions, list) else ():
        if isinstance(each, Mapping) and each.get("type") == kind:
            return each
    return {}


def _at(raw: object, *path: str) -> object:
    """Return the value at a path, or None where anything on the way is no object."""
    for part in path:
        raw = raw.get(part) if isinstance(raw, Mapping) else None
    return raw


def _first(raw: object) -> Mapping[str, Any]:
    return raw[0] if isinstance(raw, list) and raw and isinstance(raw[0], Mapping) else {}
