"""What the operator found of a Dataset."""

from dataclasses import dataclass


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
