"""A PersistentVolumeClaim in the dataset's namespace: `pvc`."""

from dataclasses import dataclass
from typing import Any, Final, Self

from moorage.errors import InputError, SourceError
from moorage.reading.fields import Fields
from moorage.sources.claimed import ClaimedSource, Place, Raw
from moorage.sources.location import Location, Option
from moorage.sources.nfs import NfsSource
from moorage.sources.node_terms import NodeTerms
from moorage.sources.reasons import Reason

_NFS_DRIVER: Final = "nfs.csi.k8s.io"
_SERVED: Final = f"nfs, and csi of the driver {_NFS_DRIVER},"
_DIRECTORIES: Final = ("hostPath", "local")
_MOST_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class PvcSource(ClaimedSource):
    """A claim in the dataset's namespace. It is served as what its PersistentVolume is, where that is served."""

    claim_name: str

    kind = "pvc"
    unbound = "its events say why; where its StorageClass waits for a first consumer, start a pod that mounts the claim"
    options = (
        Option(
            "--pvc",
            "A PersistentVolumeClaim, same namespace, instead of a bucket.",
            lambda value: {"claimName": value},
            "CLAIM",
        ),
    )

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(fields.required_text("claimName"))

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"claimName": self.claim_name}

    @property
    def words(self) -> str:
        """The claim's name."""
        return f"claim {self.claim_name}"

    @property
    def claim(self) -> str:
        """Its name."""
        return self.claim_name

    def bound_to(self, claim: Raw) -> str:
        """Its PersistentVolume. Whoever makes a claim may name any, so the volume has to name the claim, too."""
        name = (claim.get("spec") or {}).get("volumeName")
        return name if isinstance(name, str) else ""

    def place(self, subject: str, owned: Raw) -> Place:
        """An NFS export, and the nodes that may mount it."""
        spec = owned.get("spec") or {}
        if (spec.get("volumeMode") or "Filesystem") != "Filesystem":
            raise _not_served(subject, "is a block device")
        try:
            location = _location(subject, spec)
        except InputError as error:
            raise SourceError(Reason.CLAIM_NOT_SERVED, str(error)) from None
        return Place(location, NodeTerms.read(spec.get("nodeAffinity")))


def _location(subject: str, spec: Raw) -> Location:
    csi = spec.get("csi")
    if isinstance(csi, dict):
        if csi.get("driver") != _NFS_DRIVER:
            raise _not_served(subject, f"is of the CSI driver {str(csi.get('driver'))[:_MOST_SHOWN]}")
        return _of_nfs_driver(subject, csi.get("volumeAttributes") or {})
    fields = Fields(subject, "", spec).sub("nfs")
    if fields is not None:
        return NfsSource.read(fields)
    if any(kind in spec for kind in _DIRECTORIES):
        # Sharing their folders would open them to every hostPath source.
        raise _not_served(subject, "is a directory of a node")
    raise _not_served(subject, "is of another kind")


def _of_nfs_driver(subject: str, attributes: Raw) -> Location:
    """Its attributes are understood in any case, as the driver itself does."""
    told = {key.lower(): value for key, value in attributes.items()}
    fields = Fields(subject, "spec.csi.volumeAttributes", told)
    share, folder = fields.required_text("share"), fields.text("subdir") or ""
    if "$" in folder:
        raise _not_served(subject, "has variables in its subDir")
    path = "/".join((share.rstrip("/"), *folder.strip("/").split("/"))) if folder.strip("/") else share
    place = {"server": fields.required_text("server"), "path": path}
    return NfsSource.read(Fields(subject, "spec.csi.volumeAttributes", place))


def _not_served(subject: str, problem: str) -> SourceError:
    remedy = "copy the data to a claim of one of these, or give it as a source of another kind"
    return SourceError(Reason.CLAIM_NOT_SERVED, f"{subject} {problem}, and only {_SERVED} are served: {remedy}")
