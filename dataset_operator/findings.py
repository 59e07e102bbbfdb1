"""What was seen of a Dataset's sources at one look. Frozen; the input of every decision."""

from dataclasses import dataclass

from dataset_operator.objectstore.tally import Listing
from dataset_operator.tables.look import TableLook
from moorage.model import Source
from moorage.sources import LISTED, NOT_LISTED, NOT_SUPPORTED, Location, unserved
from moorage.sources.s3 import S3Source, folder_prefix


@dataclass(frozen=True, slots=True)
class SourceFinding:
    """One source: its listing, or why there is none.

    Attributes:
        source: as the spec has it.
        listing: None where it was not listed.
        reason: stable; `Listed` where it was.
        message: what to do; "" where all is well.
    """

    source: Source
    listing: Listing | None
    reason: str = LISTED
    message: str = ""


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
        return next((found for found in self.sources if can_be_listed(found.source.location)), None)

    @property
    def version(self) -> str | None:
        """Of the primary source; None where it was not listed."""
        primary = self.primary
        return None if primary is None or primary.listing is None else primary.listing.version

    @property
    def failed(self) -> bool:
        """Whether something that should have been read could not be, and is worth another look soon."""
        fine = {LISTED, NOT_LISTED, NOT_SUPPORTED}
        return bool(self.table_reason) or any(found.reason not in fine for found in self.sources)


def can_be_listed(location: Location) -> bool:
    """Whether the operator can list such a source."""
    return location.abilities.listed and location.served


def data_identity(sources: tuple[Source, ...]) -> tuple[str, ...] | None:
    """Which data version, bytes and format are about: where the first source that can be listed is; None: nowhere.

    Other keys, certificates or regions are other ways to the same data.
    """
    for source in sources:
        if isinstance(source.location, S3Source) and can_be_listed(source.location):
            return source.location.endpoint, source.location.bucket, folder_prefix(source.location.prefix)
    return None


def unlisted(source: Source) -> SourceFinding:
    """The finding of a source that the operator does not list."""
    problem = unserved(source.location)
    if problem is None:
        return SourceFinding(
            source,
            None,
            NOT_LISTED,
            f"{source.kind} is mounted by the nodes and not looked into by the operator: size, version and format stay "
            "unknown",
        )
    return SourceFinding(source, None, NOT_SUPPORTED, problem)
