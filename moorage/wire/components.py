"""Recognition of pods with one container only, which a steward may have declared as a release. Pure.

A release is its image, command and arguments: nothing else was declared, so nothing else may decide what the container
does with the data, or where it finds what. Variables, mounted files, hidden folders, names that lead elsewhere or
commands run beside it could make any program of it, and whatever runs in another container could read the data too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from moorage.model import CSI_DRIVER, MEMORY_ROOT, MEMORY_VARIABLE, MOUNT_ROOT, Component, OnlyComponent, sidecar
from moorage.reading.fields import mappings
from moorage.wire.governance import component_digest

Raw = Mapping[str, Any]

_PLAIN: Final = frozenset(
    {
        "name", "image", "imagePullPolicy", "command", "args", "env", "volumeMounts", "resources", "securityContext",
        "terminationMessagePath", "terminationMessagePolicy", "ports", "restartPolicy",
    }
)  # fmt: skip
"""Fields of a container that start no program, and change none."""
_FOREIGN: Final = ("hostAliases", "hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "dnsConfig")
"""Fields of a pod that give names another meaning, or let others in."""
_OWN_VARIABLES: Final = frozenset({sidecar.VOLUMES_VARIABLE, sidecar.SIZE_LIMIT_VARIABLE})
_OWN_FOLDERS: Final = frozenset({sidecar.SOCKET_FOLDER, sidecar.CACHE_FOLDER, sidecar.TOKEN_FOLDER})
_EMPTY_FOLDERS: Final = frozenset({"/tmp", "/var/tmp", "/dev/shm"})  # noqa: S108 - where an empty folder hides nothing
_MESSAGE_PATHS: Final = (None, "", "/dev/termination-log")
_CLUSTERS_CA: Final = "kube-root-ca.crt"


def only_component(spec: Raw) -> OnlyComponent | None:
    """Return the only container; None where the pod has others, or where more than was declared decides what it does.

    Raises:
        InputError: its containers can't be read.
    """
    first, late = _mappings(spec, "initContainers"), _mappings(spec, "ephemeralContainers")
    containers, volumes = _mappings(spec, "containers"), _mappings(spec, "volumes")
    if late or len(containers) != 1 or not all(_is_server(each, volumes) for each in first):
        return None
    only = containers[0]
    if not (_is_plain_pod(spec) and _is_as_declared(only, {str(volume.get("name")): volume for volume in volumes})):
        return None
    image, command, args = (only.get(key) or () for key in ("image", "command", "args"))
    if not isinstance(image, str) or not all(isinstance(text, str) for text in (*command, *args)):
        return None
    servers = frozenset(sidecar.repository_of(str(each.get("image"))) for each in first)
    return OnlyComponent(component_digest(Component(image, tuple(command), tuple(args))), servers)


def _is_plain_pod(spec: Raw) -> bool:
    """Return whether only the cluster resolves names. Admission turns the links to Services off."""
    own_names = spec.get("dnsPolicy") in (None, "", "ClusterFirst") and spec.get("enableServiceLinks") is False
    return own_names and not any(spec.get(field) for field in _FOREIGN)


def _is_as_declared(container: Raw, volumes: Mapping[str, Raw]) -> bool:
    if not _set_fields(container) <= _PLAIN - {"restartPolicy"}:
        return False
    if container.get("terminationMessagePath") not in _MESSAGE_PATHS:
        return False
    if (container.get("securityContext") or {}).get("privileged"):
        return False
    memories: set[str] = set()
    for mount in _mappings(container, "volumeMounts"):
        path = str(mount.get("mountPath"))
        if mount.get("subPath") or mount.get("subPathExpr"):
            return False
        if not _may_be_at(path, str(mount.get("name")), volumes.get(str(mount.get("name"))) or {}):
            return False
        memories |= {path} if path.startswith(f"{MEMORY_ROOT}/") else set()
    env = _mappings(container, "env")
    return len(env) <= 1 and all(
        set(each) <= {"name", "value"} and each.get("name") == MEMORY_VARIABLE and each.get("value") in memories
        for each in env
    )


def _may_be_at(path: str, name: str, volume: Raw) -> bool:
    """Return whether a volume at this path hides nothing, and is what the program takes it for."""
    csi = volume.get("csi") or {}
    if csi.get("driver") == CSI_DRIVER:
        dataset = (csi.get("volumeAttributes") or {}).get("dataset")
        return bool(dataset) and path in {f"{MOUNT_ROOT}/{dataset}", f"{MEMORY_ROOT}/{dataset}"}
    if "emptyDir" in volume:
        return path in _EMPTY_FOLDERS and name not in sidecar.OWN_VOLUMES
    return path == sidecar.TOKEN_FOLDER and _is_token(volume)


def _is_token(volume: Raw) -> bool:
    """Return whether a volume is the account's token, as the API server adds it."""
    for source in _mappings(volume.get("projected") or {}, "sources"):
        config = source.get("configMap") or {}
        if not set(source) <= {"serviceAccountToken", "downwardAPI", "configMap"}:
            return False
        if config and config.get("name") != _CLUSTERS_CA:
            return False
    return "projected" in volume


def _is_server(container: Raw, volumes: Sequence[Raw]) -> bool:
    """Return whether a container is one that admission made, whatever its image."""
    hook = {"postStart": {"exec": {"command": list(sidecar.HOOK)}}}
    own = {volume.get("name") for volume in volumes if "emptyDir" in volume} & {*sidecar.OWN_VOLUMES}
    mounts = _mappings(container, "volumeMounts")
    return (
        container.get("name") == sidecar.SIDECAR_NAME
        and container.get("restartPolicy") == "Always"
        and tuple(container.get("command") or ()) == sidecar.COMMAND
        and not container.get("args")
        and container.get("lifecycle") in (None, hook)
        and container.get("terminationMessagePath") in _MESSAGE_PATHS
        and _set_fields(container) <= {*_PLAIN, "lifecycle"}
        and {str(entry.get("name")) for entry in _mappings(container, "env")} <= _OWN_VARIABLES
        and all(mount.get("name") in own and mount.get("mountPath") in _OWN_FOLDERS for mount in mounts)
    )


def _set_fields(container: Raw) -> set[str]:
    return {key for key, value in container.items() if value not in (None, "", [], {}, False)}


def _mappings(raw: Raw, key: str) -> Sequence[Raw]:
    return mappings(raw, key, "Pod", "spec")
