"""Status of a Dataset, as the operator found it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """The folder in which a catalogue said a table's files are.

    Attributes:
        asked: a digest of which table, and within what, see `CataloguedSource.asked`.
        folder: below what the spec permits; "" for all of that.
    """

    asked: str
    folder: str


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The status of one source at its last listing.

    `version` is that of its own listing: true copies have other etags, and so other versions, than the first source.
    `place` is where a claim led, in words for people: whoever goes there asks the cluster.
    """

    site: str
    reachable: bool
    reason: str
    message: str = ""
    size_bytes: int | None = None
    objects: int | None = None
    version: str | None = None
    found: FoundFolder | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a tabular dataset, in Arrow's type names."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitioning of a catalogue's table.

    Attributes:
        by: the columns that tell them apart.
        count: how many there are; None: the catalogue does not tell.
        last: the names of the last ones by name, as `day=2026-12-01`.
    """

    by: tuple[str, ...]
    count: int | None
    last: tuple[str, ...] = ()


def partition_words(partitions: Partitions) -> str:
    """Describe the number of partitions and their columns."""
    if partitions.count is None:
        return f"partitioned by {', '.join(partitions.by)}"
    return f"{partitions.count:,} partition{'' if partitions.count == 1 else 's'} by {', '.join(partitions.by)}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of a catalogue's table, as its reader opens it.

    Attributes:
        id: of the snapshot; None: the table has none yet.
        metadata: the file that describes it, below the table's folder.
        pinned: whether the Dataset asks for that one, whatever is current.
    """

    id: int | None
    metadata: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """The operator's findings. None where it has not looked or could not tell.

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
    snapshot: Snapshot | None = None
