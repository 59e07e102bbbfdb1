"""Looks up a table in a Hive metastore."""

from typing import Final

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.catalogues.protocol import (
    LONGEST_NAME,
    MOST_COLUMNS,
    MOST_PARTITIONS_SHOWN,
    ToldTable,
    column,
)
from dataset_operator.listing.hive.columns import arrow_type, format_of
from dataset_operator.listing.hive.line import line_to
from dataset_operator.listing.hive.metastore import Table, read_partitions, read_table
from moorage.errors import SourceError
from moorage.model import Partitions
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.reasons import Reason

_USUAL_DATABASE: Final = "default"
_VIEWS: Final = frozenset({"VIRTUAL_VIEW", "MATERIALIZED_VIEW"})


class HiveCatalogue:
    """Metastores that anybody may ask who reaches them: no Kerberos, no TLS."""

    def look_up(self, source: CataloguedSource, token: str | None, budget: Budget, stop: Cancellation) -> ToldTable:
        """The table, and where all of its partitions are."""
        del token
        database, dot, name = source.table.rpartition(".")
        database = database if dot else _USUAL_DATABASE
        allowance = Allowance(source.words)
        with line_to(source.catalogue, budget, allowance, stop) as line:
            table = read_table(line, source.catalogue, database, name)
            if (problem := not_files(table)) is not None:
                raise SourceError(Reason.TABLE_NOT_FILES, f"{source.words} {problem}")
            parts = read_partitions(line, source.catalogue, database, name, table) if table.partitioned_by else []
        return told(table, parts)


def told(table: Table, parts: list[tuple[str, str]]) -> ToldTable:
    """A table and its partitions in our words."""
    columns = (*table.columns, *table.partitioned_by)
    partitions = None
    if table.partitioned_by:
        by = tuple(name[:LONGEST_NAME] for name, _ in table.partitioned_by)
        last = tuple(name[:LONGEST_NAME] for name, _ in parts[-MOST_PARTITIONS_SHOWN:])
        partitions = Partitions(by[:MOST_PARTITIONS_SHOWN], len(parts), last)
    return ToldTable(
        uri=table.location,
        format=format_of(table.serialization),
        columns=tuple(column(name, arrow_type(type_name)) for name, type_name in columns[:MOST_COLUMNS]),
        others=tuple(parts),
        partitions=partitions,
    )


def not_files(table: Table) -> str | None:
    """Why what is in a table's folder is not its rows; None where it is."""
    if table.kind in _VIEWS:
        return "is a view, which has no files: name a table"
    if table.parameters.get("transactional", "").lower() == "true":
        return "is transactional, and its files hold changes besides rows: write its rows to an external table"
    if "storage_handler" in table.parameters:
        return "keeps its rows elsewhere than in files (it has a storage handler): write them to an external table"
    return None
