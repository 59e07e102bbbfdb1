"""What of the node's memory a Dataset has, and the name of its folder. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from moorage.model import DatasetRef
from moorage.reading.fields import DNS_LABEL

_UID: Final = re.compile(r"[A-Za-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True, order=True)
class MemoryKey:
    """A Dataset, and no later one of its name."""

    ref: DatasetRef
    uid: str

    @property
    def folder(self) -> str:
        """Its folder's name. Names of datasets and namespaces have no underscore, so it reads back."""
        return f"{self.ref.namespace}_{self.ref.name}_{self.uid}"


def key_of(ref: DatasetRef, uid: str) -> MemoryKey | None:
    """The key; None where no folder can be named after it."""
    is_name = DNS_LABEL.fullmatch(ref.namespace) and DNS_LABEL.fullmatch(ref.name) and _UID.fullmatch(uid)
    return MemoryKey(ref, uid) if is_name else None


def key_of_folder(name: str) -> MemoryKey | None:
    """Whose folder it is; None where the name is none of ours."""
    match name.split("_"):
        case [namespace, dataset, uid]:
            return key_of(DatasetRef(namespace, dataset), uid)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMemory:
    """What is held for one Dataset.

    Attributes:
        size_bytes: the most that may lie there; the node has promised them.
        used_bytes: what lies there.
        last_used: seconds since 1970: when a volume that shows it was published or went.
    """

    key: MemoryKey
    size_bytes: int
    used_bytes: int
    last_used: float
