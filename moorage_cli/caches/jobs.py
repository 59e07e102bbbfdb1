"""The Jobs that have nodes copy a dataset: one pod a node, labelled like any reader of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moorage.model import MOUNT_ROOT, PURPOSE_LABEL, SIDECAR_NAME, DatasetRef

Raw = dict[str, Any]

CONTAINER: Final = "await-copy"
COMMAND: Final = ("python3", "-m", "node_plugin.sidecar.await_copy")
HOST_LABEL: Final = "kubernetes.io/hostname"
APP_LABEL: Final = "app.kubernetes.io/name"
MARKER_LABEL: Final = "app.kubernetes.io/instance"
APP: Final = "moorage-warm"
GIVE_UP_SECONDS: Final = 24 * 3600
"""A pod that no node may have, or whose copy never comes, ends after so long."""
_KEPT_SECONDS: Final = 600
_LONGEST_STEM: Final = 40
_USER: Final = 65532


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be copied, and as whom the pods read it.

    Attributes:
        ref: the dataset.
        namespace: of the wanted.
        service_account: of the wanted.
        purpose: that it states; None: none.
        marker: a label's value that these Jobs and pods have, and no others.
    """

    ref: DatasetRef
    namespace: str
    service_account: str
    purpose: str | None
    marker: str


@dataclass(frozen=True, slots=True)
class Place:
    """Which nodes a Job is for.

    Attributes:
        nodes: how many.
        name: the only one; "": the scheduler chooses.
        selector: labels that they have, as those of a Site.
    """

    nodes: int = 1
    name: str = ""
    selector: Mapping[str, str] | None = None


def pod_of(wanted: Wanted, place: Place, image: str, pull_policy: str) -> Raw:
    """A pod that reads the dataset, asks its node for a copy, and ends once that is whole.

    Args:
        wanted: what, as whom.
        place: where.
        image: of the mount server, which every node has that serves datasets.
        pull_policy: of it.
    """
    labels = {
        APP_LABEL: APP,
        MARKER_LABEL: wanted.marker,
        "dataset.0.id": wanted.ref.name,
        "dataset.0.namespace": wanted.ref.namespace,
        "dataset.0.useas": "cache",
    }
    spec: Raw = {
        "restartPolicy": "Never",
        "serviceAccountName": wanted.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": CONTAINER,
                "image": image,
                "imagePullPolicy": pull_policy,
                "command": [*COMMAND, f"{MOUNT_ROOT}/{wanted.ref.name}"],
                "resources": {
                    "requests": {"cpu": "10m", "memory": "32Mi"},
                    "limits": {"cpu": "100m", "memory": "64Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
    }
    affinity = _affinity(wanted, place)
    if affinity:
        spec["affinity"] = affinity
    if place.selector:
        spec["nodeSelector"] = dict(place.selector)
    purpose = {PURPOSE_LABEL: wanted.purpose} if wanted.purpose else {}
    return {"metadata": {"labels": labels | purpose}, "spec": spec}


def _affinity(wanted: Wanted, place: Place) -> Raw:
    if place.name:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [place.name]}]}
        return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    if place.nodes > 1:
        selector = {"matchLabels": {MARKER_LABEL: wanted.marker}}
        apart: Raw = {"topologyKey": HOST_LABEL, "labelSelector": selector}
        return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    return {}


def review_of(pod: Raw, namespace: str) -> Raw:
    """The pod as it is created with dryRun: to be refused now, with a sentence, and to learn the server's image."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        **pod,
        "metadata": {**pod["metadata"], "generateName": f"{APP}-", "namespace": namespace},
    }


def server_of(pod: Raw) -> tuple[str, str] | None:
    """Image and pull policy of the mount server that admission gave a pod; None where it gave none."""
    for container in (pod.get("spec") or {}).get("initContainers") or ():
        if container.get("name") == SIDECAR_NAME and container.get("image"):
            return str(container["image"]), str(container.get("imagePullPolicy") or "IfNotPresent")
    return None


def job_of(wanted: Wanted, place: Place, pod: Raw, number: int) -> Raw:
    """The Job that makes so many of these pods; `number` tells it from others with the marker."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"warm-{wanted.ref.name[:_LONGEST_STEM].rstrip('-')}-{wanted.marker}-{number}",
            "namespace": wanted.namespace,
            "labels": {APP_LABEL: APP, MARKER_LABEL: wanted.marker},
        },
        "spec": {
            "completions": place.nodes,
            "parallelism": place.nodes,
            "completionMode": "Indexed",
            "backoffLimit": 6,
            "activeDeadlineSeconds": GIVE_UP_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": pod,
        },
    }
