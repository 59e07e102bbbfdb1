"""The protocol that a kind of catalogue implements so that the operator can look a table up."""

from dataclasses import dataclass
from typing import Protocol

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.names import Format
from moorage.model import Column, Partitions
from moorage.sources.catalogued import CataloguedSource

MOST_COLUMNS = 1000
LONGEST_NAME = 253
LONGEST_TYPE = 200
MOST_PARTITIONS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ToldSnapshot:
    """A snapshot of a table's rows, as its catalogue names it.

    Attributes:
        id: its own; None: the table has no rows yet.
        metadata_uri: of the file that describes the table, and that snapshot in it.
        pinned: whether the Dataset asks for it, whatever is current.
        version: of those rows, as a Dataset's.
    """

    id: int | None
    metadata_uri: str
    pinned: bool
    version: str


@dataclass(frozen=True, slots=True)
class ToldTable:
    """A catalogue's answer about a table; nothing of it counts before `places.found_table` has checked it.

    Attributes:
        uri: of the folder with its files.
        others: URIs of files or folders of it that may lie elsewhere, with their names.
        format: the format of its files.
        columns: all of them, those of partitions last.
        partitions: None where it has none.
        others_are: what each of the others is, for messages.
        snapshot: None where the catalogue knows none.
    """

    uri: str
    format: Format
    columns: tuple[Column, ...]
    others: tuple[tuple[str, str], ...] = ()
    partitions: Partitions | None = None
    others_are: str = "partition"
    snapshot: ToldSnapshot | None = None


class Catalogue(Protocol):
    """One kind of catalogue."""

    def look_up(self, source: CataloguedSource, token: str | None, budget: Budget, stop: Cancellation) -> ToldTable:
        """Ask for a table. It blocks, stays within the budget, and ends when cancelled.

        Args:
            source: which.
            token: that the catalogue wants to see; None: it wants none.
            budget: the budget of one look.
            stop: ends it.

        Raises:
            SourceError: with a stable reason.
        """
        ...


def column(name: str, type_name: str, *, nullable: bool = True) -> Column:
    """Return a column as a status can hold it."""
    return Column(name[:LONGEST_NAME], type_name[:LONGEST_TYPE], nullable)
