"""A Dataset's PersistentVolumeClaim, and the PersistentVolume that it is bound to: in and out.

The volume is of our CSI driver and holds nothing: admission puts a Dataset's own volume in the place of the claim, and
what mounts the claim all the same is told why it can't.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.model import API_VERSION, CSI_DRIVER, DatasetRef

DATASET_LABEL = "moorage.dev/dataset"
NAMESPACE_LABEL = "moorage.dev/dataset-namespace"
VOLUME_PREFIX = "moorage-"
# Whether a pod may write is the Dataset's to say; a claim's modes could not change with it.
_ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany"]
# Both objects must name a size. The data are elsewhere, so it should take no quota.
_STORAGE = "1Mi"

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim of a Dataset.

    Attributes:
        ref: the Dataset of its name.
        uid: the object's uid.
        dataset_uid: of the Dataset that owns it; "" where none does.
        deleting: whether it is about to go.
    """

    ref: DatasetRef
    uid: str
    dataset_uid: str
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class ClaimVolume:
    """A PersistentVolume that stands behind a claim of ours.

    Attributes:
        name: the object's name.
        uid: the object's uid.
        ref: the Dataset whose claim it is for.
        claim_uid: of the claim that it is bound to.
        deleting: whether it is about to go.
    """

    name: str
    uid: str
    ref: DatasetRef
    claim_uid: str
    deleting: bool = False


def volume_name(dataset_uid: str) -> str:
    """Return the name of the volume of a Dataset. One that is created again under the same name gets another."""
    return f"{VOLUME_PREFIX}{dataset_uid}"


def write_claim(ref: DatasetRef, dataset_uid: str) -> dict[str, Any]:
    """Write the claim of a Dataset. It goes with the Dataset, and does not keep it."""
    owner = {"apiVersion": API_VERSION, "kind": "Dataset", "name": ref.name, "uid": dataset_uid}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "namespace": ref.namespace,
            "name": ref.name,
            "labels": {DATASET_LABEL: ref.name},
            "ownerReferences": [owner],
        },
        "spec": {
            "accessModes": _ACCESS_MODES,
            "resources": {"requests": {"storage": _STORAGE}},
            "storageClassName": "",
            "volumeMode": "Filesystem",
            "volumeName": volume_name(dataset_uid),
        },
    }


def write_claim_volume(ref: DatasetRef, dataset_uid: str, claim_uid: str) -> dict[str, Any]:
    """Write the volume, reserved for that very claim."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": volume_name(dataset_uid),
            "labels": {DATASET_LABEL: ref.name, NAMESPACE_LABEL: ref.namespace},
        },
        "spec": {
            "accessModes": _ACCESS_MODES,
            "capacity": {"storage": _STORAGE},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": claim_uid,
            },
            "csi": {
                "driver": CSI_DRIVER,
                "volumeHandle": dataset_uid,
                "volumeAttributes": {"dataset": ref.name, "namespace": ref.namespace},
            },
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "volumeMode": "Filesystem",
        },
    }


def read_claim(raw: Raw) -> Claim:
    """Read a PersistentVolumeClaim, whoever made it."""
    metadata = raw["metadata"]
    ref = DatasetRef(metadata["namespace"], metadata["name"])
    is_ours = str((raw.get("spec") or {}).get("volumeName") or "").startswith(VOLUME_PREFIX)
    owners = [
        str(owner.get("uid"))
        for owner in metadata.get("ownerReferences") or ()
        if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) == (API_VERSION, "Dataset", ref.name)
    ]
    dataset_uid = owners[0] if is_ours and owners else ""
    return Claim(ref, str(metadata.get("uid")), dataset_uid, deleting="deletionTimestamp" in metadata)


def read_claim_volume(raw: Raw) -> ClaimVolume | None:
    """Read a PersistentVolume of ours; None where it is somebody else's, whatever its labels say."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    claim, csi = spec.get("claimRef") or {}, spec.get("csi") or {}
    if csi.get("driver") != CSI_DRIVER or not str(metadata["name"]).startswith(VOLUME_PREFIX):
        return None
    return ClaimVolume(
        name=metadata["name"],
        uid=str(metadata.get("uid")),
        ref=DatasetRef(str(claim.get("namespace")), str(claim.get("name"))),
        claim_uid=str(claim.get("uid") or ""),
        deleting="deletionTimestamp" in metadata,
    )
