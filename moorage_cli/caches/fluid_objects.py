"""A Dataset as Fluid's objects: what Fluid can keep of it, and why it can't where it can't. Pure.

Fluid knows no reader. So it gets only data that any pod of the Dataset's namespace may read at the site, by the policy;
and nothing that Moorage would have to take away from a running pod.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moorage.caching import CacheMode
from moorage.locality.bringing import best_way
from moorage.model import Dataset, Reader, Revocation, Site
from moorage.policy import decide
from moorage.sites import Inventory
from moorage.sources.fluid import FluidMount, fluid_mount

Raw = dict[str, Any]

API_VERSION: Final = "data.fluid.io/v1alpha1"
_MIB: Final = 1 << 20
# What Alluxio evicts at and down to, as shares of the quota; its own files and blocks in flight need some, too.
_HIGH, _LOW = "0.95", "0.7"
_OVERHEAD: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the cache is to be.

    Attributes:
        site: where its workers are, and the pods that read it.
        workers: how many.
        quota_bytes: of each worker; None: all workers together hold the dataset, or what `spec.cache` permits.
        directory: of the nodes, where workers keep their blocks.
        medium: what it lies on: MEM, SSD or HDD.
    """

    site: str
    workers: int = 1
    quota_bytes: int | None = None
    directory: str = "/var/lib/fluid/moorage"
    medium: str = "SSD"


def fluid_objects(dataset: Dataset, inventory: Inventory, wanted: Wanted) -> tuple[Raw, ...] | str:
    """Fluid's Dataset and AlluxioRuntime; or the sentence that says why Fluid can't keep the data.

    They are owned by the Dataset where its uid is known, so that they go when it is deleted.
    """
    place = inventory.place(wanted.site)
    if place.site is None:
        return place.problem
    if refusal := _refusal(dataset, inventory, place.site):
        return refusal
    way = best_way(dataset, wanted.site, 0, inventory)
    if way is None or way.source is None:
        return f"dataset {dataset.ref} has no usable source: look at the Dataset's status"
    mount = fluid_mount(way.source.location)
    if isinstance(mount, str):
        return f"dataset {dataset.ref}, its source at {way.source.site}: {mount}"
    quota_bytes = wanted.quota_bytes or _quota_bytes(dataset, wanted.workers)
    if quota_bytes is None:
        return (
            f"dataset {dataset.ref} was not listed yet, so its size is not known: say --quota, or wait for its status"
        )
    metadata = _metadata(dataset)
    selector = dict(place.site.node_selector)
    return (
        _object("Dataset", metadata, _dataset_spec(dataset, mount, selector)),
        _object("AlluxioRuntime", metadata, _runtime_spec(wanted, quota_bytes, selector)),
    )


def _refusal(dataset: Dataset, inventory: Inventory, site: Site) -> str:
    """Why the data may not be in a cache that asks nobody; "" where it may."""
    anybody = Reader(dataset.ref.namespace, service_account="", purpose=None)
    decision = decide(dataset.ref, dataset, anybody, inventory.place(site.name), inventory)
    rules, about = dataset.governance, f"dataset {dataset.ref}"
    asks_nobody = "Fluid gives it to every pod of its namespace, whoever runs it: mount it with Moorage"
    if not decision.allowed:
        return f"{decision.message} ({decision.rule}). {asks_nobody[0].upper()}{asks_nobody[1:]}"
    problems = (
        (rules.consumers is not None, f"names its consumers, and Fluid asks no reader who it is. {asks_nobody}"),
        (rules.confidential_compute, "needs confidential compute, which Fluid asks no node for: mount it with Moorage"),
        (
            dataset.revocation is Revocation.IMMEDIATE,
            "has spec.revocation Immediate, and Fluid ends no mount of a running pod: mount it with Moorage",
        ),
        (dataset.cache.mode is CacheMode.NONE, "has spec.cache.mode none: no copy of it may be kept"),
        (dataset.claim, "has spec.claim, and Fluid makes a PersistentVolumeClaim of the same name: set it to false"),
    )
    problem = next((problem for holds, problem in problems if holds), "")
    if problem:
        return f"{about} {problem}"
    if not site.node_selector:
        return f"site {site.name} has no nodeSelector, so nothing would keep Fluid's workers at the site: give it one"
    return ""


def _quota_bytes(dataset: Dataset, workers: int) -> int | None:
    size_bytes, limit_bytes = dataset.status.size_bytes, dataset.cache.size_limit_bytes
    if size_bytes is None:
        return None if limit_bytes is None else math.ceil(limit_bytes / workers)
    wanted = math.ceil(size_bytes * _OVERHEAD / workers)
    return wanted if limit_bytes is None else min(wanted, math.ceil(limit_bytes / workers))


def _metadata(dataset: Dataset) -> Raw:
    metadata: Raw = {
        "name": dataset.ref.name,
        "namespace": dataset.ref.namespace,
        "labels": {"app.kubernetes.io/managed-by": "moorage"},
    }
    if dataset.uid:
        owner = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Dataset", "name": dataset.ref.name, "uid": dataset.uid}
        metadata["ownerReferences"] = [owner]
    return metadata


def _dataset_spec(dataset: Dataset, mount: FluidMount, selector: Mapping[str, str]) -> Raw:
    expressions = [{"key": key, "operator": "In", "values": [value]} for key, value in sorted(selector.items())]
    return {
        "mounts": [
            {
                "mountPoint": mount.mount_point,
                "name": dataset.ref.name,
                "readOnly": True,
                "options": dict(mount.options),
                "encryptOptions": [
                    {"name": name, "valueFrom": {"secretKeyRef": {"name": mount.secret_name, "key": key}}}
                    for name, key in mount.secret_options.items()
                ],
            }
        ],
        "accessModes": ["ReadOnlyMany"],
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}},
    }


def _runtime_spec(wanted: Wanted, quota_bytes: int, selector: Mapping[str, str]) -> Raw:
    level = {
        "mediumtype": wanted.medium,
        "path": wanted.directory,
        "quota": f"{max(math.ceil(quota_bytes / _MIB), 1)}Mi",
        "high": _HIGH,
        "low": _LOW,
    }
    return {
        "replicas": wanted.workers,
        "tieredstore": {"levels": [level]},
        # Bytes of the data are at the site and nowhere else: with the workers, and with the pods' mounts.
        **{part: {"nodeSelector": dict(selector)} for part in ("master", "worker", "fuse")},
    }


def _object(kind: str, metadata: Raw, spec: Raw) -> Raw:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": dict(metadata), "spec": spec}
