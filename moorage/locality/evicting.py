"""Which cached versions leave a node's disk first. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from moorage.model import DatasetRef

_LEAST_HOURS = 1 / 3600
"""What was read within the last second is as fresh as can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldVersion:
    """One version of a dataset, as far as a node holds it.

    Attributes:
        size_bytes: on the disk, a fill under way included.
        bring_seconds: what bringing these bytes back would take; infinite where no source has them any more.
        hours_since_read: since the last volume that used it was published or went.
        in_use: a volume uses it now, or a fill writes it.
    """

    ref: DatasetRef
    version: str
    size_bytes: int
    bring_seconds: float
    hours_since_read: float
    in_use: bool = False

    @property
    def worth(self) -> float:
        """Seconds that bringing it back would take, per byte and hour since its last read."""
        if self.size_bytes == 0:
            return math.inf
        return self.bring_seconds / (self.size_bytes * max(self.hours_since_read, _LEAST_HOURS))


def choose_evictions(held: Iterable[HeldVersion], free_bytes: int) -> tuple[HeldVersion, ...] | None:
    """The versions to evict so that `free_bytes` come free, the least worthy first; None where that can't be done.

    No version in use is chosen. Equal worth: the larger first, then by identity, so that the choice is always the same.
    """
    candidates = sorted(
        (version for version in held if not version.in_use and version.size_bytes > 0),
        key=lambda version: (version.worth, -version.size_bytes, version.ref, version.version),
    )
    chosen: list[HeldVersion] = []
    freed = 0
    for version in candidates:
        if freed >= free_bytes:
            break
        chosen.append(version)
        freed += version.size_bytes
    return tuple(chosen) if freed >= free_bytes else None
