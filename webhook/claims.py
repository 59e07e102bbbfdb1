"""The labels that a pod stands for without having them, because it mounts the claims of Datasets. Pure.

Such a pod gets the labels, and the Dataset's own volume in the place of each claim. From there on it is a labelled pod
like any other: guard, scheduler, broker and steward see one way of reading data.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moorage import wire
from moorage.access import Access
from moorage.errors import InputError, LabelError
from moorage.model import MOST_DATASETS, Dataset, DatasetRef, DatasetUse, Usage, UseAs
from webhook.labelled import Labelled

Raw = dict[str, Any]
_CONTAINERS = ("initContainers", "containers")
_SHOWN = {UseAs.MOUNT, UseAs.CACHE, UseAs.MEMORY, UseAs.GATEWAY}


@dataclass(frozen=True, slots=True)
class _Mounted:
    """One Dataset whose claim the pod mounts: by which volumes, and whether it may write through one of them."""

    dataset: Dataset
    volumes: tuple[str, ...]
    writes: bool


def mounts_claims(pod: Raw) -> bool:
    """Return whether the pod mounts any claim."""
    return any("persistentVolumeClaim" in volume for volume in (pod.get("spec") or {}).get("volumes") or ())


def label_by_claims(pod: Raw, namespace: str, find: Callable[[DatasetRef], Dataset | None], subject: str) -> Labelled:
    """Return the pod with the labels that its claims stand for; as it is, where none is a Dataset's.

    Args:
        pod: as it is written.
        namespace: its own; a claim of another can't be mounted.
        find: the Dataset of a name; None where there is none.
        subject: the pod, for errors.

    Raises:
        LabelError: its labels can't be read, or there are too many datasets.
        InputError: it uses a claim as no dataset can be used.
    """
    spec = pod.get("spec") or {}
    mounted = _find_mounted(spec, namespace, find)
    if not mounted:
        return Labelled(pod)
    metadata = pod.get("metadata") or {}
    labels: dict[str, str] = dict(metadata.get("labels") or {})
    usage = wire.read_usage(labels, namespace, subject)
    origins: dict[int, str] = {}
    for each in mounted:
        number = _add_labels(labels, usage, each, subject)
        usage = wire.read_usage(labels, namespace, subject)
        origins[number] = _origin(each)
    renamed = {volume: each.dataset.ref.name for each in mounted for volume in each.volumes}
    spec = _with_own_volumes(spec, renamed, subject)
    return Labelled({**pod, "metadata": {**metadata, "labels": labels}, "spec": spec}, origins)


def _find_mounted(spec: Raw, namespace: str, find: Callable[[DatasetRef], Dataset | None]) -> list[_Mounted]:
    """Find the Datasets whose claims the pod mounts, by name."""
    volumes: dict[str, list[Raw]] = {}
    for volume in spec.get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if claim and claim.get("claimName"):
            volumes.setdefault(str(claim["claimName"]), []).append(volume)
    written = _written_to(spec) if volumes else frozenset()
    found = []
    for name, those in sorted(volumes.items()):
        dataset = find(DatasetRef(namespace, name))
        if dataset is None or not (dataset.claim and dataset.status.claimed):
            continue
        names = tuple(str(volume["name"]) for volume in those)
        writes = any(
            not volume["persistentVolumeClaim"].get("readOnly") and volume["name"] in written for volume in those
        )
        found.append(_Mounted(dataset, names, writes and dataset.access is Access.READ_WRITE))
    return found


def _mounts(spec: Raw) -> Iterator[Raw]:
    for kind in _CONTAINERS:
        for container in spec.get(kind) or ():
            yield from container.get("volumeMounts") or ()


def _written_to(spec: Raw) -> frozenset[str]:
    """Return the volumes that some container mounts without `readOnly`."""
    return frozenset(str(mount.get("name")) for mount in _mounts(spec) if not mount.get("readOnly"))


def _add_labels(labels: dict[str, str], usage: Usage, mounted: _Mounted, subject: str) -> int:
    """Write what the claim stands for; what a label of the pod says of that Dataset already, stays. The number."""
    dataset = mounted.dataset
    useas = UseAs.MEMORY if dataset.in_memory else UseAs.MOUNT
    use = next((use for use in usage.uses if use.ref == dataset.ref), None)
    if use is not None:
        if use.use_as.isdisjoint(_SHOWN):
            labels[f"dataset.{use.index}.useas"] = ".".join(sorted({*(each.value for each in use.use_as), useas.value}))
        return use.index
    number = _free_number(usage.uses, subject)
    labels[f"dataset.{number}.id"] = dataset.ref.name
    labels[f"dataset.{number}.useas"] = useas.value
    if mounted.writes:
        labels[f"dataset.{number}.access"] = Access.READ_WRITE.value
    return number


def _free_number(uses: tuple[DatasetUse, ...], subject: str) -> int:
    taken = {use.index for use in uses}
    number = next((number for number in range(MOST_DATASETS) if number not in taken), None)
    if number is None:
        raise LabelError(
            subject,
            "spec.volumes",
            f"labels and claims name more than {MOST_DATASETS} datasets: mount the others in another pod",
        )
    return number


def _origin(mounted: _Mounted) -> str:
    volumes = ", ".join(f"spec.volumes[{name}]" for name in mounted.volumes[:3])
    remedy = "; set readOnly: true in its persistentVolumeClaim if the pod only reads" if mounted.writes else ""
    return f"{volumes}, which mounts PersistentVolumeClaim {mounted.dataset.ref.name}{remedy}"


def _with_own_volumes(spec: Raw, renamed: Mapping[str, str], subject: str) -> Raw:
    """Return the spec without the volumes of those claims; their mounts are of the volume named after the Dataset."""
    changed: Raw = {
        **spec,
        "volumes": [
            volume
            for volume in spec.get("volumes") or ()
            if "persistentVolumeClaim" not in volume or volume.get("name") not in renamed
        ],
    }
    for kind in _CONTAINERS:
        if kind in spec:
            changed[kind] = [
                _with_own_mounts(container, renamed, f"spec.{kind}[{container.get('name')}]", subject)
                for container in spec[kind] or ()
            ]
    return changed


def _with_own_mounts(container: Raw, renamed: Mapping[str, str], at: str, subject: str) -> Raw:
    for device in container.get("volumeDevices") or ():
        if device.get("name") in renamed:
            raise InputError(
                subject,
                f"{at}.volumeDevices[{device['name']}]",
                f"PersistentVolumeClaim {renamed[device['name']]} is a dataset's, which is a directory and no block "
                "device: mount it with volumeMounts",
            )
    mounts = container.get("volumeMounts") or ()
    if not any(mount.get("name") in renamed for mount in mounts):
        return container
    named = [{**mount, "name": renamed[mount["name"]]} if mount.get("name") in renamed else mount for mount in mounts]
    return {**container, "volumeMounts": named}
