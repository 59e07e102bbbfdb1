"""The findings of one listing of a Dataset's sources. Frozen; the input of every decision."""

from dataclasses import dataclass

from dataset_operator.listing.catalogues import FoundTable
from dataset_operator.listing.table import lister_of
from dataset_operator.listing.tally import Listing
from dataset_operator.tables.look import TableLook
from moorage.model import Dataset, Snapshot, Source, partition_words
from moorage.sources import Location, unserved
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.permitted_roles import PermittedRole, is_permitted
from moorage.sources.reasons import Reason


@dataclass(frozen=True, slots=True)
class SourceFinding:
    """One source: its listing, or why there is none.

    Attributes:
        source: as the spec has it.
        listing: None where it was not listed.
        reason: stable; `Listed` where it was.
        message: what to do; "" where all is well.
        found: what a catalogue said; None where none was asked, or it gave no table.
        place: where a claim leads; None where it is none, or leads nowhere.
    """

    source: Source
    listing: Listing | None
    reason: str = Reason.LISTED
    message: str = ""
    found: FoundTable | None = None
    place: Location | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """One look at all sources of a Dataset.

    Attributes:
        sources: in the spec's order.
        table: what the first listed source holds; None where it was not looked into.
        table_reason: why it could not be, stable; "" where it was.
        table_message: the same as a sentence.
    """

    sources: tuple[SourceFinding, ...]
    table: TableLook | None = None
    table_reason: str = ""
    table_message: str = ""

    @property
    def primary(self) -> SourceFinding | None:
        """The source that version, bytes and format are taken from: the first that can be listed at all."""
        return next((found for found in self.sources if lister_of(found.source.location) is not None), None)

    @property
    def catalogued(self) -> FoundTable | None:
        """The table that the first source that is one was found to be."""
        return next((found.found for found in self.sources if found.found is not None), None)

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot of a catalogue's table, or None where the catalogue knows of none."""
        return None if self.catalogued is None else self.catalogued.snapshot

    @property
    def version(self) -> str | None:
        """The version of the primary source, or None where it was not listed."""
        primary = self.primary
        return None if primary is None or primary.listing is None else primary.listing.version

    @property
    def too_slow(self) -> bool:
        """Whether a step was given up because it took too long."""
        reasons = [self.table_reason, *(found.reason for found in self.sources)]
        return Reason.LIST_TOO_SLOW in reasons

    @property
    def failed(self) -> bool:
        """Whether something that should have been read could not be, and is worth an early retry."""
        fine = {Reason.LISTED, Reason.NOT_LISTED, Reason.NOT_SUPPORTED}
        return bool(self.table_reason) or any(found.reason not in fine for found in self.sources)


def data_identity(sources: tuple[Source, ...]) -> tuple[str, ...] | None:
    """Identify the data of the first source that can be listed, to which the status refers; None where none can."""
    for source in sources:
        lister = lister_of(source.location)
        if lister is not None:
            return lister.identity(source.location)
        if isinstance(source.location, CataloguedSource):
            return (source.location.asked,)
    return None


def endpoints(dataset: Dataset, roles: tuple[PermittedRole, ...] = ()) -> tuple[str, ...]:
    """Return the endpoints that a listing of a Dataset's sources calls, each once.

    Args:
        dataset: the Dataset.
        roles: those that a token may be exchanged for. Nobody is asked for any other.
    """
    places = [source.location for source in dataset.sources]
    found = {lister.endpoint(place) for place in places if (lister := lister_of(place))}
    asked = {place.catalogue for place in places if isinstance(place, CataloguedSource)}
    inner = [place.within if isinstance(place, CataloguedSource) else place for place in places]
    sessions = [place.session(writes=False) for place in inner if place is not None]
    namespace = dataset.ref.namespace
    sent = {each.endpoint for each in sessions if each is not None and is_permitted(roles, namespace, each)}
    return tuple(sorted(found | asked | sent))


def table_look(table: FoundTable) -> TableLook:
    """Format and columns as a catalogue tells them, which need no look into files."""
    told = table.told
    note = ""
    if told.partitions is not None:
        note = partition_words(told.partitions)
    return TableLook(told.format, told.columns, note=note)


def unlisted(source: Source, table: FoundTable | None = None, place: Location | None = None) -> SourceFinding:
    """Return the finding of a source that the operator does not list.

    Args:
        source: as the spec has it.
        table: what a catalogue said of it.
        place: where a claim leads.
    """
    location = place or (source.location if table is None else table.location)
    problem = unserved(location)
    if problem is None:
        return SourceFinding(
            source,
            None,
            Reason.NOT_LISTED,
            f"nodes mount {location.kind} sources and the operator does not list them: size, version and format stay "
            "unknown",
            table,
            place,
        )
    return SourceFinding(source, None, Reason.NOT_SUPPORTED, problem)
