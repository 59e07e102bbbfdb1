"""Checks of a labelled pod's spec: what it must not set, and what can't be served. Pure.

Each check is a small function; the first that objects raises InputError with the field and the remedy.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from moorage.errors import InputError
from moorage.model import MEMORY_ROOT, Dataset, DatasetRef, DatasetUse, Usage, UseAs
from moorage.reading.quantity import parse_quantity
from moorage.sources import COPIED_KINDS, MEMORY_KINDS, Location

DEFAULT_SCHEDULER = "default-scheduler"

Raw = Mapping[str, Any]


def node_is_chosen(spec: Raw, subject: str) -> None:
    """The pod names its node, past the scheduler."""
    if spec.get("nodeName"):
        raise InputError(
            subject,
            "spec.nodeName",
            f"must not be set on a pod with dataset labels (it is {spec['nodeName']}), because no scheduler would ask "
            "whether that node may see the data: use spec.nodeSelector or node affinity",
        )


def use_is_of_another_kind(use: DatasetUse, dataset: Dataset, subject: str) -> None:
    """The memory of nodes is asked for as a mount, or what lies elsewhere as memory."""
    field = f"metadata.labels[dataset.{use.index}.useas]"
    if UseAs.MEMORY in use.use_as and not dataset.in_memory:
        raise InputError(
            subject,
            field,
            f"dataset {use.ref} has no source of kind {' or '.join(MEMORY_KINDS)}, so no node has memory for it: use "
            "mount, or ask its steward for a Dataset that is the memory of nodes",
        )
    if dataset.in_memory and not use.use_as.isdisjoint({UseAs.MOUNT, UseAs.CACHE, UseAs.GATEWAY}):
        raise InputError(
            subject,
            field,
            f"dataset {use.ref} is the memory of nodes, and nothing of it can be mounted or copied from elsewhere: use "
            f"memory, which puts it at {MEMORY_ROOT}/{use.ref.name}",
        )


def _locations(dataset: Dataset) -> list[Location]:
    return [source.location for source in dataset.sources]


def source_is_not_served(use: DatasetUse, dataset: Dataset, subject: str) -> None:
    """Refuse a dataset of which no copy can be mounted. For one that is being looked up, the broker waits."""
    if any(each.served or (each.abilities.looked_up and not each.lacks) for each in _locations(dataset)):
        return
    if lacking := next((each.lacks for each in _locations(dataset) if each.lacks), ""):
        problem = f"dataset {use.ref} can't be mounted: its steward has to {lacking}"
        raise InputError(subject, f"metadata.labels[dataset.{use.index}.useas]", problem)
    kinds = ", ".join(sorted({source.location.label for source in dataset.sources}))
    raise InputError(
        subject,
        f"metadata.labels[dataset.{use.index}.useas]",
        f"dataset {use.ref} can't be mounted: its sources ({kinds}) are not served yet, only "
        f"{', '.join(COPIED_KINDS)} are: ask its steward for a copy in one of them",
    )


def pod_can_not_mount(spec: Raw, subject: str) -> None:
    """The pod is of a shape that no mount reaches."""
    if spec.get("hostUsers") is False:
        raise InputError(
            subject,
            "spec.hostUsers",
            "must not be false on a pod that mounts a dataset: in a user namespace of its own it would need an "
            "idmapped FUSE mount, which is not served yet; remove the field",
        )
    if (spec.get("os") or {}).get("name") == "windows":
        raise InputError(subject, "spec.os.name", "must not be windows on a pod that mounts a dataset: run it on linux")


def choose_scheduler(
    spec: Raw, usage: Usage, datasets: Mapping[DatasetRef, Dataset | None], ours: str, subject: str
) -> tuple[str, str | None]:
    """Return the scheduler's name that the pod gets, and a warning or None.

    Raises:
        InputError: it names a foreign one, and its data is governed.
    """
    named = spec.get("schedulerName") or DEFAULT_SCHEDULER
    if named in {ours, DEFAULT_SCHEDULER}:
        return ours, None
    for use in sorted(usage.reading, key=lambda use: use.ref):
        dataset = datasets.get(use.ref)
        if dataset is not None and dataset.governance.is_governed:
            raise InputError(
                subject,
                "spec.schedulerName",
                f"must not be {named}, which does not check where the governed dataset {use.ref} may be read: "
                f"remove it, or set it to {ours}",
            )
    return named, (
        f"scheduler {named} does not know where the pod's datasets are: remove spec.schedulerName and the pod is "
        "placed near them"
    )


def limits_below(spec: Raw, size_bytes: int) -> Iterator[str]:
    """Yield the containers whose memory limit does not hold so many bytes."""
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
            # The API server refuses what is no quantity.
            with suppress(ValueError, TypeError):
                if limit is not None and parse_quantity(limit) < size_bytes:
                    yield str(container.get("name"))
