"""`mount` and `memory`: one volume for each dataset, mounted in every container, and the sidecar that serves mounts.

The node itself shows its memory, so a pod that gets nothing else has no sidecar. Pure.

Nothing that is there already is made twice, so that the result is the same however often it is asked for, and whatever
other webhooks added meanwhile.
"""

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.access import Access
from moorage.errors import InputError
from moorage.model import CSI_DRIVER, MEMORY_ROOT, MEMORY_VARIABLE, MOUNT_ROOT, DatasetRef
from moorage.model.sidecar import OWN_VOLUMES
from webhook import sidecar
from webhook.sidecar import SidecarShape

Raw = dict[str, Any]
PROPAGATION = "HostToContainer"
"""The mount propagation by which a mount made anew, after its server died, reaches a running container."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """A dataset that the pod mounts, and what it may do with it; `in_memory`: it is the node's memory."""

    ref: DatasetRef
    access: Access
    in_memory: bool = False

    @property
    def path(self) -> str:
        """The mount path, unless a container names another."""
        return f"{MEMORY_ROOT if self.in_memory else MOUNT_ROOT}/{self.ref.name}"

    @property
    def csi(self) -> Raw:
        """The source of its volume. `readOnly` is for the kubelet; what a pod may do, the broker decides."""
        return {
            "driver": CSI_DRIVER,
            "readOnly": self.access is Access.READ_ONLY,
            "volumeAttributes": {"dataset": self.ref.name, "namespace": self.ref.namespace},
        }


def add_mounts(spec: Raw, mounted: Collection[Mounted], shape: SidecarShape, subject: str) -> Raw:
    """Return the pod's spec with the datasets mounted; `mounted` in any order.

    Raises:
        InputError: a name or a path is taken.
    """
    by_volume = _name_volumes(mounted, subject)
    served_beside = [name for name, each in by_volume.items() if not each.in_memory]
    own_volumes = sidecar.own_volumes(shape) if served_beside else ()
    volumes = _add_volumes(spec.get("volumes") or [], by_volume, own_volumes, subject)
    init_containers: list[Raw] = spec.get("initContainers") or []
    before, own, after = _split_at_sidecar(init_containers, by_volume, subject)
    served = [
        _add_to_container(container, by_volume, f"spec.initContainers[{container.get('name')}]", subject)
        for container in after
    ]
    servers = [own] if own is not None else []
    if served_beside:
        servers = [
            sidecar.make_sidecar(shape, served_beside) if own is None else sidecar.serve_volumes(own, served_beside)
        ]
    containers = [
        _add_to_container(container, by_volume, f"spec.containers[{container.get('name')}]", subject)
        for container in spec.get("containers") or []
    ]
    if any(container.get("name") == sidecar.NAME for container in containers):
        raise InputError(
            subject, f"spec.containers[{sidecar.NAME}]", "this name is Moorage's own: give the container another"
        )
    inits = [*before, *servers, *served]
    return {
        **spec,
        "volumes": volumes,
        **({"initContainers": inits} if inits or "initContainers" in spec else {}),
        "containers": containers,
    }


def _name_volumes(mounted: Collection[Mounted], subject: str) -> dict[str, Mounted]:
    """Return the datasets by the volume's name, which is the dataset's; sorted."""
    by_volume: dict[str, Mounted] = {}
    for each in sorted(mounted, key=lambda each: each.ref):
        ref = each.ref
        if ref.name in by_volume:
            raise InputError(
                subject,
                "metadata.labels",
                f"datasets {by_volume[ref.name].ref} and {ref} have the same name, and volumes are named after "
                "datasets: mount one of them here and the other in another pod",
            )
        if ref.name in OWN_VOLUMES:
            raise InputError(
                subject,
                "metadata.labels",
                f"dataset {ref} can't be mounted, because a volume {ref.name} of Moorage's own is in every such "
                "pod: ask its steward for a Dataset of another name",
            )
        by_volume[ref.name] = each
    return dict(sorted(by_volume.items()))


def _add_volumes(
    volumes: Sequence[Raw], by_volume: Mapping[str, Mounted], own_volumes: Collection[Raw], subject: str
) -> list[Raw]:
    own = {volume["name"]: volume for volume in own_volumes}
    result: list[Raw] = []
    present: set[str] = set()
    for volume in volumes:
        name = volume.get("name") or ""
        present.add(name)
        if name in by_volume:
            result.append(_our_volume(volume, name, by_volume[name], subject))
        elif name in own and "emptyDir" not in volume:
            raise InputError(subject, f"spec.volumes[{name}]", "this name is Moorage's own: give the volume another")
        else:
            result.append(volume)
    added = [{"name": name, "csi": mounted.csi} for name, mounted in by_volume.items() if name not in present]
    return [*result, *added, *(volume for name, volume in own.items() if name not in present)]


def _our_volume(volume: Raw, name: str, mounted: Mounted, subject: str) -> Raw:
    """Return a volume that bears the dataset's name, if it is the dataset's."""
    csi = volume.get("csi") or {}
    attributes = csi.get("volumeAttributes") or {}
    if csi.get("driver") != CSI_DRIVER or (attributes.get("dataset"), attributes.get("namespace")) != (
        mounted.ref.name,
        mounted.ref.namespace,
    ):
        raise InputError(
            subject,
            f"spec.volumes[{name}]",
            f"this volume has the name that the one for dataset {mounted.ref} needs: give it another name",
        )
    return {"name": name, "csi": mounted.csi}


def _split_at_sidecar(
    containers: Sequence[Raw], by_volume: Mapping[str, Mounted], subject: str
) -> tuple[list[Raw], Raw | None, list[Raw]]:
    """Split the init containers into those that other webhooks put before the sidecar, the sidecar, and the rest.

    Where the sidecar is not there yet, everything comes after it. What stands in front of it can't be served: a mount
    whose server is still to start would hang the container for ever. One that wants the data anyway goes behind.
    """
    index = next((at for at, container in enumerate(containers) if container.get("name") == sidecar.NAME), None)
    if index is None:
        return [], None, list(containers)
    own = containers[index]
    if not sidecar.is_ours(own):
        raise InputError(
            subject, f"spec.initContainers[{sidecar.NAME}]", "this name is Moorage's own: give the container another"
        )
    before, after = list(containers[:index]), list(containers[index + 1 :])
    if any(mount.get("name") in by_volume for container in before for mount in container.get("volumeMounts") or ()):
        return [], own, [*before, *after]
    return before, own, after


def _add_to_container(container: Raw, volumes: Mapping[str, Mounted], field: str, subject: str) -> Raw:
    mounts: list[Raw] = [
        _as_ours(mount, volumes[mount["name"]]) if mount.get("name") in volumes else mount
        for mount in container.get("volumeMounts") or []
    ]
    present = {mount.get("name") for mount in mounts}
    mounts += [
        _as_ours({"name": name, "mountPath": mounted.path}, mounted)
        for name, mounted in volumes.items()
        if name not in present
    ]
    for taken, name, other in _clashes(mounts, volumes):
        raise InputError(
            subject,
            f"{field}.volumeMounts",
            f"volume {other} is mounted at {taken}, where dataset {name} goes: mount it elsewhere, or choose where the "
            f"dataset is to be with a volumeMount named {name}",
        )
    return _say_where({**container, "volumeMounts": mounts}, volumes)


def _say_where(container: Raw, volumes: Mapping[str, Mounted]) -> Raw:
    """Set the environment variable with the path of the pod's first memory dataset, unless the container sets it."""
    name = next((name for name, mounted in volumes.items() if mounted.in_memory), None)
    env: list[Raw] = container.get("env") or []
    if name is None or any(variable.get("name") == MEMORY_VARIABLE for variable in env):
        return container
    path = next(mount.get("mountPath") or "" for mount in container["volumeMounts"] if mount.get("name") == name)
    return {**container, "env": [{"name": MEMORY_VARIABLE, "value": path}, *env]}


def _as_ours(mount: Raw, mounted: Mounted) -> Raw:
    """Return a mount of our form; recursiveReadOnly does not go with propagation, and adds nothing over a flat mount.

    All containers get the same access: a mount that is made anew reaches each of them as the node made it.
    """
    rest = {key: value for key, value in mount.items() if key not in {"recursiveReadOnly", "readOnly"}}
    read_only = {"readOnly": True} if mounted.access is Access.READ_ONLY else {}
    return {**rest, **read_only, "mountPropagation": PROPAGATION}


def _clashes(mounts: Sequence[Raw], ours: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield every (path, dataset, other volume) where the other would have to be mounted on, or inside, the dataset."""
    paths = [(_normal(mount.get("mountPath") or ""), str(mount.get("name"))) for mount in mounts]
    first_at: dict[str, str] = {}
    for path, name in paths:
        other = first_at.setdefault(path, name)
        if path and other != name and (name in ours or other in ours):
            yield (path, name, other) if name in ours else (path, other, name)
    dataset_at = {path: name for path, name in paths if path and name in ours}
    inside = tuple(f"{path}/" for path in dataset_at)
    for path, name in paths:
        if path.startswith(inside):
            at = next(at for at in dataset_at if path.startswith(f"{at}/"))
            yield path, dataset_at[at], name


def _normal(path: str) -> str:
    return posixpath.normpath(path) if path else ""


def subpath_mounts(spec: Raw, volumes: set[str]) -> Iterator[tuple[str, str]]:
    """Yield every (container, volume) where only a part of a dataset is mounted."""
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        for mount in container.get("volumeMounts") or ():
            if mount.get("name") in volumes and (mount.get("subPath") or mount.get("subPathExpr")):
                yield str(container.get("name")), str(mount["name"])
