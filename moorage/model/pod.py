"""A Pod, who reads with it, and which Datasets its labels name."""

from dataclasses import dataclass, replace
from enum import StrEnum

from moorage.access import Access
from moorage.model.dataset import DatasetRef


class UseAs(StrEnum):
    """The form in which a pod gets a dataset."""

    MOUNT = "mount"
    CONFIGMAP = "configmap"
    CACHE = "cache"
    MEMORY = "memory"
    GATEWAY = "gateway"


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
        """Whether the pod counts as reading the dataset; False where the label only names data from inputs."""
        return bool(self.use_as) or not (self.release or self.accepts)


@dataclass(frozen=True, slots=True)
class Usage:
    """A pod's labels: its datasets by index, and the purpose it states (not yet checked)."""

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
        """Return the access that labels ask for; a volume without a label asks to read."""
        return next((use.access for use in self.uses if use.ref == ref), Access.READ_ONLY)


@dataclass(frozen=True, slots=True)
class Reader:
    """The account that reads. `purpose` is None where none was stated or the namespace does not list it."""

    namespace: str
    service_account: str = "default"
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class OnlyComponent:
    """A pod's only container, beside servers of mounts that look like ours.

    Attributes:
        digest: as a release declares it.
        servers: the repositories of those servers' images; who knows ours says whether they are.
    """

    digest: str
    servers: frozenset[str]

    def digest_beside(self, repository: str) -> str | None:
        """Return the digest, where nothing but images of this repository serves the mounts."""
        return self.digest if self.servers <= {repository} else None


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
    component: OnlyComponent | None = None
    """Its only container beside servers of mounts; None where it has others, or is more than its image and command."""

    @property
    def component_digest(self) -> str | None:
        """The digest of the pod's only container, as a release declares it; None where it has others."""
        return None if self.component is None else self.component.digest

    def trusting(self, repository: str) -> "Pod":
        """Return the pod, without its component where servers of mounts beside it are not of this repository."""
        if self.component is None or self.component.digest_beside(repository) is not None:
            return self
        return replace(self, component=None)

    @property
    def datasets(self) -> frozenset[DatasetRef]:
        """The datasets that its labels name as read, and those that its volumes mount whatever its labels say."""
        return frozenset({use.ref for use in self.usage.reading} | set(self.mounts))
