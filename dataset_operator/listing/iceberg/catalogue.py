"""Looks up a table in an Iceberg REST catalogue."""

import hashlib

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.catalogues.protocol import (
    LONGEST_NAME,
    MOST_COLUMNS,
    MOST_PARTITIONS_SHOWN,
    ToldSnapshot,
    ToldTable,
    column,
)
from dataset_operator.listing.iceberg.calls import Calls
from dataset_operator.listing.iceberg.columns import arrow_type, format_of
from dataset_operator.listing.iceberg.documents import DocumentError
from dataset_operator.listing.iceberg.metadata import PLACES, TableMetadata, read_metadata
from moorage.errors import SourceError
from moorage.model import Partitions
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.iceberg import IcebergSource
from moorage.sources.reasons import Reason


class IcebergCatalogue:
    """Catalogues that speak Iceberg's REST protocol, to anybody or to who shows a token."""

    def look_up(self, source: CataloguedSource, token: str | None, budget: Budget, stop: Cancellation) -> ToldTable:
        """The table, and the snapshot that is meant."""
        if not isinstance(source, IcebergSource):
            raise TypeError(f"{source.words} is in no Iceberg catalogue")
        allowance = Allowance(source.words)
        calls = Calls(source, token, budget, allowance, stop)
        body = calls.table(calls.prefix())
        try:
            table = read_metadata(body, source.snapshot, allowance)
        except DocumentError as error:
            raise calls.unreadable(error) from None
        if source.snapshot is not None and table.snapshot is None:
            raise _no_snapshot(source, table)
        return told(table, pinned=source.snapshot is not None)


def told(table: TableMetadata, *, pinned: bool) -> ToldTable:
    """A table in our words."""
    places = [("its metadata", table.metadata_file), (f"snapshot {table.snapshot}", table.manifest_list)]
    places += [(name, table.properties.get(name, "")) for name in PLACES]
    by = tuple(name[:LONGEST_NAME] for name in table.partitioned_by[:MOST_PARTITIONS_SHOWN])
    return ToldTable(
        uri=table.location,
        format=format_of(table.properties),
        columns=tuple(
            column(name, arrow_type(type_name), nullable=nullable)
            for name, type_name, nullable in table.columns[:MOST_COLUMNS]
        ),
        others=tuple((name, uri) for name, uri in places if uri),
        others_are="part",
        partitions=Partitions(by, None) if by else None,
        snapshot=ToldSnapshot(table.snapshot, table.metadata_file, pinned, version_of(table)),
    )


def version_of(table: TableMetadata) -> str:
    """Of a table's rows as of a snapshot: the same wherever and whenever that is read."""
    return hashlib.sha256(f"iceberg\n{table.uuid}\n{table.snapshot}".encode()).hexdigest()


def _no_snapshot(source: IcebergSource, table: TableMetadata) -> SourceError:
    now = "and has none at all" if table.newest is None else f"and its current one is {table.newest}"
    problem = f"the table has no snapshot {source.snapshot} (any more, if it was expired), {now}"
    remedy = "correct iceberg.snapshot, or leave it out to follow the table"
    return SourceError(Reason.SNAPSHOT_NOT_FOUND, f"{source.words}: {problem}: {remedy}")
