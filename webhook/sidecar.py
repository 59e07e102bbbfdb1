"""The container that serves a pod's mounts: a native sidecar, fit for the Pod Security level `restricted`. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from moorage.model.sidecar import (
    CACHE_FOLDER,
    CACHE_VOLUME,
    COMMAND,
    HOOK,
    SIDECAR_NAME,
    SIZE_LIMIT_VARIABLE,
    SOCKET_FOLDER,
    SOCKET_VOLUME,
    TOKEN_FOLDER,
    VOLUMES_VARIABLE,
)

NAME = SIDECAR_NAME
USER_ID = 65532
CACHE_SHARE = 0.8
"""The cache's share of the volume: it overshoots while files are open, and too full a volume evicts the pod."""
_RESOURCES: Mapping[str, Any] = MappingProxyType(
    {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "512Mi"}}
)

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SidecarShape:
    """The sidecar's image, pull policy and resources, as the installation sets them.

    Attributes:
        image: the image of the mount server.
        pull_policy: Always, IfNotPresent or Never.
        resources: requests and limits.
        cache_size_limit_bytes: the most that its cache may take of the node's disk.
    """

    image: str = "docker.io/moorage/mount:0.1.0"
    pull_policy: str = "IfNotPresent"
    resources: Mapping[str, Any] = field(default_factory=lambda: _RESOURCES)
    cache_size_limit_bytes: int = 10 << 30


def make_sidecar(shape: SidecarShape, volumes: Sequence[str]) -> Raw:
    """Make the container that serves these volumes; nothing in it is secret."""
    return {
        "name": NAME,
        "image": shape.image,
        "imagePullPolicy": shape.pull_policy,
        "command": list(COMMAND),
        "env": [
            {"name": VOLUMES_VARIABLE, "value": ",".join(volumes)},
            {"name": SIZE_LIMIT_VARIABLE, "value": str(int(shape.cache_size_limit_bytes * CACHE_SHARE))},
        ],
        "restartPolicy": "Always",
        # The pod's other containers start once every dataset is there. A hook and no startup probe, for which the
        # kubelet takes one to two seconds more.
        "lifecycle": {"postStart": {"exec": {"command": list(HOOK)}}},
        "resources": {key: dict(value) for key, value in shape.resources.items()},
        "securityContext": restricted(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": SOCKET_VOLUME, "mountPath": SOCKET_FOLDER},
            {"name": CACHE_VOLUME, "mountPath": CACHE_FOLDER},
            # An empty folder where the API server would else mount the pod's token: the server speaks to strangers'
            # object stores, and has no business with the API.
            {"name": CACHE_VOLUME, "mountPath": TOKEN_FOLDER, "subPath": ".no-token", "readOnly": True},
        ],
    }


def restricted() -> Raw:
    """Return the security context of our containers in others' pods."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": USER_ID,
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def own_volumes(shape: SidecarShape) -> tuple[Raw, ...]:
    """Return the volumes that the sidecar needs for itself."""
    return (
        {"name": SOCKET_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}},
        {"name": CACHE_VOLUME, "emptyDir": {"sizeLimit": str(shape.cache_size_limit_bytes)}},
    )


def is_ours(container: Mapping[str, Any]) -> bool:
    """Return whether a container with the sidecar's name is ours; other webhooks may have added to it."""
    mounts = {mount.get("name"): mount.get("mountPath") for mount in container.get("volumeMounts") or ()}
    return (
        container.get("restartPolicy") == "Always"
        and tuple(container.get("command") or ()) == COMMAND
        and mounts.get(SOCKET_VOLUME) == SOCKET_FOLDER
    )


def serve_volumes(container: Raw, volumes: Iterable[str]) -> Raw:
    """Return the sidecar as it is, serving these volumes."""
    wanted = ",".join(volumes)
    env: list[Raw] = container.get("env") or []
    if any(variable.get("name") == VOLUMES_VARIABLE and variable.get("value") == wanted for variable in env):
        return container
    others = [variable for variable in env if variable.get("name") != VOLUMES_VARIABLE]
    return {**container, "env": [{"name": VOLUMES_VARIABLE, "value": wanted}, *others]}
