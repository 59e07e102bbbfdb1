"""The vocabulary: frozen records that every room speaks. No behaviour beyond what a record can say of itself.

Units: bytes, seconds, bytes per second, currency, watts, grams of CO2-equivalent per kWh. A field that is absent in the
API is None here where absence has a meaning of its own ("any", "unlimited", "unknown").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from moorage.access import Access
from moorage.caching import CachePolicy
from moorage.sources import Location

GROUP = "moorage.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CSI_DRIVER = "data.moorage.dev"
SIDECAR_NAME = "moorage-mount"
SCHEDULER_NAME = "moorage"
SYSTEM_NAMESPACE = "moorage-system"
PURPOSE_LABEL = "moorage.dev/purpose"
PURPOSES_ANNOTATION = "moorage.dev/purposes"
DEFAULTS_LABEL = "moorage.dev/defaults"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""Of a pod that a node wrote: it shows one that is not the API server's."""
CLAIMED_CONDITION = "Claimed"
SITE_LABEL = "node-restriction.kubernetes.io/moorage-site"
CONFIDENTIAL_NODE_LABEL = "node-restriction.kubernetes.io/moorage-confidential-compute"
MOUNT_ROOT = "/mnt/datasets"
MEMORY_ROOT = "/mnt/memory"
MEMORY_VARIABLE = "MOORAGE_MEMORY"
MOST_DATASETS = 64
"""That one pod reads: its labels number them from 0 to 63."""


class Classification(IntEnum):
    """How sensitive data is, and up to where a site is cleared; ordered."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @property
    def word(self) -> str:
        """As the API writes it."""
        return self.name.lower()


class UseAs(StrEnum):
    """What a pod gets of a dataset."""

    MOUNT = "mount"
    CONFIGMAP = "configmap"
    CACHE = "cache"
    MEMORY = "memory"


class Revocation(StrEnum):
    """What becomes of the mounts of running pods that may not read a dataset any more."""

    AT_POD_END = "AtPodEnd"
    IMMEDIATE = "Immediate"


@dataclass(frozen=True, slots=True, order=True)
class DatasetRef:
    """A dataset's identity; prints as `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Component:
    """The container of a release, with one input artifact `data` and one output artifact `released`."""

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A transform after which weaker rules hold: `yields` replaces the dataset's governance in what comes out."""

    name: str
    component: Component
    yields: "Governance"
    seconds: float | None = None
    cpu: float | None = None
    output_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Governance:
    """Who may read where. None means "any"; an empty set means "nowhere" or "nobody" (only a join makes one).

    `consumers` None means: readers in the dataset's own namespace; `writers` None: writers in it.
    """

    classification: Classification = Classification.PUBLIC
    residency: frozenset[str] | None = None
    sites_allow: frozenset[str] | None = None
    sites_deny: frozenset[str] = frozenset()
    purposes: frozenset[str] | None = None
    consumers: frozenset[str] | None = None
    writers: frozenset[str] | None = None
    confidential_compute: bool = False
    releases: tuple[Release, ...] = ()

    @property
    def is_governed(self) -> bool:
        """Whether any rule at all restricts the readers (the default, own namespace only, is not counted)."""
        unruled = Governance(releases=self.releases, consumers=self.consumers, writers=self.writers)
        return self != unruled or self.consumers is not None


@dataclass(frozen=True, slots=True)
class Source:
    """One full copy of the data, at one site.

    Attributes:
        site: empty where it is the only Site there is, as `spec.local` permits.
        location: where it is.
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
        """As people wrote it in the spec, and find it again, before a catalogue said where that is."""
        return self.declared or self.location

    @property
    def kind(self) -> str:
        """As `spec.sources[]` names it."""
        return self.location.kind


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """Where a catalogue said that a table's files are.

    Attributes:
        asked: a digest of which table, and within what, see `CataloguedSource.asked`.
        folder: below what the spec permits; "" for all of that.
    """

    asked: str
    folder: str


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What was seen of one source at the last look.

    `version` is that of its own listing: true copies have other etags, and so other versions, than the first source.
    """

    site: str
    reachable: bool
    reason: str
    message: str = ""
    size_bytes: int | None = None
    objects: int | None = None
    version: str | None = None
    found: FoundFolder | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a tabular dataset, in Arrow's type names."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Partitions:
    """How a catalogue's table is split.

    Attributes:
        by: the columns that tell them apart.
        count: how many there are.
        last: the names of the last ones by name, as `day=2026-12-01`.
    """

    by: tuple[str, ...]
    count: int
    last: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """What the operator found. None where it has not looked or could not tell.

    `problem` is reason and message of a Dataset that is not ready, as `NoObjects: the folder ...`; "" otherwise.
    `claimed`: the PersistentVolumeClaim of the Dataset's name is there, and is the Dataset's.
    """

    ready: bool | None = None
    size_bytes: int | None = None
    objects: int | None = None
    version: str | None = None
    format: str | None = None
    columns: tuple[Column, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    in_use_by: tuple[str, ...] = ()
    in_use_count: int = 0
    problem: str = ""
    claimed: bool = False
    partitions: Partitions | None = None


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
        """Whether it is the memory of nodes, and nowhere else."""
        return any(source.location.abilities.in_memory for source in self.sources)


@dataclass(frozen=True, slots=True)
class Link:
    """What a site says of the way to another; None where it does not say."""

    bytes_per_second: float | None = None
    latency_seconds: float | None = None
    price_per_gb: float | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place where nodes are and data may be, with its jurisdiction, clearance and prices."""

    name: str
    jurisdiction: str | None = None
    clearance: Classification = Classification.INTERNAL
    confidential_compute: bool = False
    speed: float = 1.0
    cpu_hour_price: float = 0.0
    carbon_grams_per_kwh: float = 0.0
    cpu_watts: float = 12.0
    currency: str | None = None
    slots: int | None = None
    quota_cpu_hours: float | None = None
    resources: Mapping[str, float] | None = None
    links: Mapping[str, Link] = field(default_factory=dict)
    default_link: Link = Link()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    artifact_store: Location | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A node as far as placement asks: its name and labels."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CachedDataset:
    """Bytes of one version of a dataset that a node holds; none yet where it has just begun to bring it.

    Attributes:
        near_bytes: of these, what came from other nodes of its site.
    """

    ref: DatasetRef
    version: str
    size_bytes: int
    near_bytes: int = 0


@dataclass(frozen=True, slots=True, order=True)
class UnfilledDataset:
    """A dataset that a pod on a node asks to be copied and that is not, with the reason, as `NoRoom`."""

    ref: DatasetRef
    reason: str


@dataclass(frozen=True, slots=True)
class NodeCache:
    """What one node has cached, and what it was asked for in vain.

    Attributes:
        address: where its node plugin serves copies to other nodes of its site; "": it does not.
    """

    node: str
    datasets: tuple[CachedDataset, ...] = ()
    unfilled: tuple[UnfilledDataset, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads. `purpose` is the one that counts: None where none was stated or the namespace does not list it."""

    namespace: str
    service_account: str = "default"
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """One `dataset.N.*` of a pod's labels."""

    index: int
    ref: DatasetRef
    use_as: frozenset[UseAs] = frozenset()
    release: str | None = None
    accepts: frozenset[str] = frozenset()
    access: Access = Access.READ_ONLY

    @property
    def reads(self) -> bool:
        """Whether the pod counts as reading the dataset; False where it only names data that comes through inputs."""
        return bool(self.use_as) or not (self.release or self.accepts)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pod's labels say: its datasets by index, and the purpose it states (not yet checked)."""

    uses: tuple[DatasetUse, ...] = ()
    stated_purpose: str | None = None

    @property
    def reading(self) -> tuple[DatasetUse, ...]:
        """The uses that count as reading."""
        return tuple(use for use in self.uses if use.reads)

    @property
    def writing(self) -> tuple[DatasetUse, ...]:
        """The uses that ask to write."""
        return tuple(use for use in self.uses if use.access is Access.READ_WRITE)

    def access_to(self, ref: DatasetRef) -> Access:
        """What is asked for of a dataset; a volume without a label asks to read."""
        return next((use.access for use in self.uses if use.ref == ref), Access.READ_ONLY)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as far as we ask: identity, account, labels' meaning, where it is."""

    namespace: str
    name: str
    uid: str
    service_account: str
    usage: Usage
    node_name: str | None = None
    scheduler_name: str = "default-scheduler"
    started: bool = False
    """Whether its volumes are there: nothing starts before every one that a container mounts was published."""
    finished: bool = False
    deleting: bool = False
    """Whether somebody deleted it; it may take its time to end, or be on a node that is lost."""
    mounts: tuple[DatasetRef, ...] = ()
    """Datasets that its volumes of our CSI driver ask for, whatever its labels say."""
    published: tuple[DatasetRef, ...] = ()
    """Those of `mounts` that were permitted: a container that mounts them was let start."""
    component_digest: str | None = None
    """Of its only container beside our own, as a release declares it; None where it has others."""

    @property
    def datasets(self) -> frozenset[DatasetRef]:
        """What its labels say that it reads, and what its volumes ask for whatever its labels say."""
        return frozenset({use.ref for use in self.usage.reading} | set(self.mounts))
