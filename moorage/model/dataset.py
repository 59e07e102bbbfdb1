"""A Dataset, and its copies at Sites."""

from dataclasses import dataclass
from enum import StrEnum

from moorage.access import Access
from moorage.caching import CachePolicy
from moorage.model.governance import Governance
from moorage.model.status import DatasetStatus
from moorage.sources import Location


@dataclass(frozen=True, slots=True, order=True)
class DatasetRef:
    """A dataset's identity; prints as `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Revocation(StrEnum):
    """The treatment of running pods' mounts when the pods may not read a dataset any more."""

    AT_POD_END = "AtPodEnd"
    IMMEDIATE = "Immediate"


@dataclass(frozen=True, slots=True)
class Source:
    """One full copy of the data, at one site.

    Attributes:
        site: empty where it is the only Site there is, as `spec.local` permits.
        location: the source's location.
        is_local: whether `spec.local` declares it, and not an entry of `spec.sources`.
        is_remote: whether `spec.remote` does.
        declared: as the spec has it, where the operator had to ask somebody where that is; None: the same.
    """

    site: str
    location: Location
    is_local: bool = False
    is_remote: bool = False
    declared: Location | None = None

    @property
    def as_written(self) -> Location:
        """The location as written in the spec, before a catalogue said where that is."""
        return self.declared or self.location

    @property
    def kind(self) -> str:
        """The kind of the location, as a key of `spec.sources[]`."""
        return self.location.kind


@dataclass(frozen=True, slots=True)
class Dataset:
    """A governed data source, site by site. `allow_empty`: a source without an object is no mistake.

    `access` is the most that any pod is given. `claim`: a PersistentVolumeClaim of its name is kept beside it.
    """

    ref: DatasetRef
    sources: tuple[Source, ...]
    governance: Governance = Governance()
    cache: CachePolicy = CachePolicy()
    allow_empty: bool = False
    revocation: Revocation = Revocation.AT_POD_END
    status: DatasetStatus = DatasetStatus()
    uid: str = ""
    generation: int = 0
    deleting: bool = False
    access: Access = Access.READ_ONLY
    claim: bool = False

    @property
    def in_memory(self) -> bool:
        """Whether the dataset lies in the memory of nodes, and nowhere else."""
        return any(source.location.abilities.in_memory for source in self.sources)
