"""One version of a dataset as far as a node holds it, and the name of its folder. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from moorage.model import DatasetRef
from moorage.reading.fields import DNS_LABEL

_VERSION: Final = re.compile(r"[0-9a-f]{64}")
_BLOCK_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, order=True)
class VersionKey:
    """A dataset's version."""

    ref: DatasetRef
    version: str

    @property
    def folder(self) -> str:
        """Its folder's name. Names of datasets and namespaces have no underscore, so it reads back."""
        return f"{self.ref.namespace}_{self.ref.name}_{self.version}"

    def __str__(self) -> str:
        return f"{self.ref} {self.version[:12]}"


def key_of_folder(name: str) -> VersionKey | None:
    """What a folder holds; None where the name is none of ours."""
    match name.split("_"):
        case [namespace, dataset, version] if (
            DNS_LABEL.fullmatch(namespace) and DNS_LABEL.fullmatch(dataset) and _VERSION.fullmatch(version)
        ):
            return VersionKey(DatasetRef(namespace, dataset), version)
    return None


def is_version(text: str) -> bool:
    """Whether it may be part of a folder's name."""
    return _VERSION.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the node holds of a version.

    Attributes:
        size_bytes: of the objects that are whole.
        disk_bytes: what they take, or will take once a fill is whole.
        whole: all objects are there, verified.
        last_used: seconds since 1970: when a volume that used it was published or went, or when it was filled.
        filled_at: seconds since 1970: when it became whole; of a fill that was interrupted, when it was begun.
        near_bytes: of those that are whole, the ones that came from other nodes.
        begun: a fill of it began since this process started, so that neighbours count on it.
        part_bytes: what it may take of the disk, where there is no room for all of it; None: it is to become whole.
    """

    key: VersionKey
    size_bytes: int
    disk_bytes: int
    whole: bool
    last_used: float
    filled_at: float = 0.0
    near_bytes: int = 0
    begun: bool = False
    part_bytes: int | None = None


def disk_bytes(size_bytes: int, objects: int) -> int:
    """What so many bytes in so many files take of a disk, and their folders: a block more for each."""
    return size_bytes + objects * _BLOCK_BYTES
