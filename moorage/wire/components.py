"""Whether a pod is nothing but one container that a steward may have declared as a release. Pure.

A release is its image, command and arguments: nothing else was declared, so nothing else may decide what the container
does with the data. Variables, mounted files, another working directory or commands run beside it could make any
program of it, and whatever runs in another container could read the data too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from moorage.errors import InputError
from moorage.model import CSI_DRIVER, MEMORY_ROOT, MEMORY_VARIABLE, MOUNT_ROOT, Component, OnlyComponent, sidecar
from moorage.wire.governance import component_digest

Raw = Mapping[str, Any]

_PLAIN: Final = frozenset(
    {
        "name", "image", "imagePullPolicy", "command", "args", "env", "volumeMounts", "resources", "securityContext",
        "terminationMessagePath", "terminationMessagePolicy", "ports", "restartPolicy",
    }
)  # fmt: skip
"""Fields of a container that start no program, and change none."""
_OWN_VARIABLES: Final = frozenset({sidecar.VOLUMES_VARIABLE, sidecar.SIZE_LIMIT_VARIABLE})
_OWN_FOLDERS: Final = frozenset({sidecar.SOCKET_FOLDER, sidecar.CACHE_FOLDER, sidecar.TOKEN_FOLDER})
_ROOTS: Final = (f"{MOUNT_ROOT}/", f"{MEMORY_ROOT}/")


def only_component(spec: Raw) -> OnlyComponent | None:
    """The only container; None where the pod has others, or where more than was declared decides what it does.

    Raises:
        InputError: its containers can't be read.
    """
    first, late = _mappings(spec, "initContainers"), _mappings(spec, "ephemeralContainers")
    containers, volumes = _mappings(spec, "containers"), _mappings(spec, "volumes")
    if late or len(containers) != 1 or not all(_is_server(each, volumes) for each in first):
        return None
    only = containers[0]
    if not _is_as_declared(only, volumes):
        return None
    image, command, args = (only.get(key) or () for key in ("image", "command", "args"))
    if not isinstance(image, str) or not all(isinstance(text, str) for text in (*command, *args)):
        return None
    servers = frozenset(sidecar.repository_of(str(each.get("image"))) for each in first)
    return OnlyComponent(component_digest(Component(image, tuple(command), tuple(args))), servers)


def _is_as_declared(container: Raw, volumes: Sequence[Raw]) -> bool:
    if not _set_fields(container) <= _PLAIN - {"restartPolicy"}:
        return False
    datasets = {volume.get("name") for volume in volumes if (volume.get("csi") or {}).get("driver") == CSI_DRIVER}
    empty = {volume.get("name") for volume in volumes if "emptyDir" in volume}
    for mount in _mappings(container, "volumeMounts"):
        name, path = mount.get("name"), str(mount.get("mountPath"))
        is_data = name in datasets and path.startswith(_ROOTS) and ".." not in path
        # The API server mounts the account's token there, and no program comes from there.
        if not (is_data or path == sidecar.TOKEN_FOLDER or (name in empty and not _is_part(mount))):
            return False
    return _variables(container) <= {MEMORY_VARIABLE}


def _is_server(container: Raw, volumes: Sequence[Raw]) -> bool:
    """Whether a container is one that admission made, but for its image."""
    hook = {"postStart": {"exec": {"command": list(sidecar.HOOK)}}}
    own = {volume.get("name") for volume in volumes if "emptyDir" in volume} & {*sidecar.OWN_VOLUMES}
    mounts = _mappings(container, "volumeMounts")
    return (
        container.get("name") == sidecar.SIDECAR_NAME
        and container.get("restartPolicy") == "Always"
        and tuple(container.get("command") or ()) == sidecar.COMMAND
        and not container.get("args")
        and container.get("lifecycle") in (None, hook)
        and _set_fields(container) <= {*_PLAIN, "lifecycle"}
        and _variables(container) <= _OWN_VARIABLES
        and all(mount.get("name") in own and mount.get("mountPath") in _OWN_FOLDERS for mount in mounts)
    )


def _set_fields(container: Raw) -> set[str]:
    return {key for key, value in container.items() if value not in (None, "", [], {}, False)}


def _variables(container: Raw) -> set[str]:
    return {str(entry.get("name")) for entry in _mappings(container, "env")}


def _is_part(mount: Raw) -> bool:
    return bool(mount.get("subPath") or mount.get("subPathExpr"))


def _mappings(raw: Raw, key: str) -> tuple[Raw, ...]:
    return tuple(_each(raw, key))


def _each(raw: Raw, key: str) -> Iterator[Raw]:
    value = raw.get(key)
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise InputError("Pod", f"spec.{key}", "must be a list of mappings")
    yield from value
