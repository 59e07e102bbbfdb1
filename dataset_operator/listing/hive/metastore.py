"""The few calls that are made to a metastore, and what they answer as records.

Field numbers are those of Hive's own interface; `get_table_req` is there from Hive 2.3 on. Of an answer, only what a
record has is kept.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dataset_operator.listing.hive.line import Line
from dataset_operator.listing.hive.thrift import LONGEST_TEXT, Answer, Value, Wanted, record, several, short, text
from moorage.errors import SourceError
from moorage.sources.reasons import Reason

MOST_PARTITIONS: Final = 10_000
_MOST_AT_ONCE: Final = 500
_MOST_VALUES_AT_ONCE: Final = 100_000
_MOST_BYTES_AT_ONCE: Final = 1024 * 1024
_VALUES_OF_A_PARTITION: Final = 60
_BYTES_OF_A_PARTITION: Final = 2048
_LONGEST_PARTITION: Final = 1024
_TUPLE_BYTES: Final = 80
_OWN_ERROR, _NOT_FOUND = 1, 2
_COLUMN: Final[Mapping[int, Wanted]] = {1: None, 2: None}
_TABLE: Final[Mapping[int, Wanted]] = {
    1: {7: {1: _COLUMN, 2: None, 7: {2: None}}, 8: _COLUMN, 9: None, 12: None},
}
_PARTITION: Final[Mapping[int, Wanted]] = {1: None, 6: {2: None}}


@dataclass(frozen=True, slots=True)
class Table:
    """A table, as far as anybody asks.

    Attributes:
        location: the URI of its folder.
        columns: names and Hive's types, without those of partitions.
        partitioned_by: the same of partitions.
        serialization: the class that reads its rows.
        kind: `EXTERNAL_TABLE` and so on.
        parameters: what else is written of it.
        described_bytes: of all that the metastore says of it: each partition repeats much of that.
    """

    location: str
    columns: tuple[tuple[str, str], ...]
    partitioned_by: tuple[tuple[str, str], ...]
    serialization: str
    kind: str
    parameters: dict[str, str]
    described_bytes: int


def read_table(line: Line, metastore: str, database: str, name: str) -> Table:
    """Ask for a table.

    Raises:
        SourceError: TableNotFound, CatalogueRefused, and those of `Line.call`.
    """
    asked = record({1: text(database), 2: text(name)})
    subject = f"{metastore} {database}.{name}"
    answer = line.call("get_table_req", {1: asked}, _TABLE)
    raw = _given(answer, subject).get(1)
    if not isinstance(raw, dict):
        problem = "answers without a table: check hive.metastore"
        raise SourceError(Reason.CATALOGUE_UNREADABLE, f"{metastore}: {problem}")
    storage = _struct(raw, 7)
    return Table(
        location=_location(storage, subject),
        columns=_columns(_list(storage, 1)),
        partitioned_by=_columns(_list(raw, 8)),
        serialization=_text(_struct(storage, 7), 2),
        kind=_text(raw, 12),
        parameters={str(key): value for key, value in _struct(raw, 9).items() if isinstance(value, str)},
        described_bytes=line.answer_bytes,
    )


def read_partitions(line: Line, metastore: str, database: str, name: str, table: Table) -> list[tuple[str, str]]:
    """Names and locations of all partitions of a table, by name.

    Raises:
        SourceError: ListTooLarge, TableNotFound, CatalogueRefused, and those of `Line.call`.
    """
    subject = f"{metastore} {database}.{name}"
    key = {1: text(database), 2: text(name)}
    answer = line.call("get_partition_names", key | {3: short(MOST_PARTITIONS + 1)}, None)
    names = sorted(_texts(_given_list(answer, subject)))
    if len(names) > MOST_PARTITIONS:
        problem = f"has more than {MOST_PARTITIONS:,} partitions: split the table, or give its folder as s3"
        raise SourceError(Reason.LIST_TOO_LARGE, f"{subject}: {problem}")
    if any(len(each) > _LONGEST_PARTITION for each in names):
        raise _long_name(subject)
    few = _at_once(table)
    found: list[tuple[str, str]] = []
    for start in range(0, len(names), few):
        with line.allowance.for_a_while():
            some = _read_some(line, key, names[start : start + few], table, subject)
        held_bytes = sum(_TUPLE_BYTES + sys.getsizeof(name_of) + sys.getsizeof(where) for name_of, where in some)
        line.allowance.take(held_bytes=held_bytes)
        found += some
    return sorted(found)


def _read_some(
    line: Line, key: dict[int, Value], names: list[str], table: Table, subject: str
) -> list[tuple[str, str]]:
    asked = several([text(each) for each in names])
    given = _given_list(line.call("get_partitions_by_names", key | {3: asked}, _PARTITION), subject)
    if len(given) > len(names):
        problem = f"it answers with {len(given):,} partitions where {len(names):,} were asked for"
        raise _unreadable(subject, problem)
    return [_partition(each, table, subject) for each in given]


def _at_once(table: Table) -> int:
    """How many partitions one answer may have: each repeats the table's columns."""
    by_values = _MOST_VALUES_AT_ONCE // (4 * len(table.columns) + _VALUES_OF_A_PARTITION)
    by_bytes = _MOST_BYTES_AT_ONCE // (table.described_bytes + 32 * len(table.columns) + _BYTES_OF_A_PARTITION)
    return max(1, min(_MOST_AT_ONCE, by_values, by_bytes))


def _partition(raw: object, table: Table, subject: str) -> tuple[str, str]:
    if not isinstance(raw, dict):
        return "", ""
    pairs = list(zip(table.partitioned_by, _texts(_list(raw, 1)), strict=False))
    if sum(len(column) + len(value) + 2 for (column, _), value in pairs) > _LONGEST_PARTITION:
        raise _long_name(subject)
    name = "/".join(f"{column}={value}" for (column, _), value in pairs)
    return name, _location(_struct(raw, 6), subject)


def _location(storage: Answer, subject: str) -> str:
    location = _text(storage, 2)
    if len(location) > LONGEST_TEXT:
        raise _unreadable(subject, f"a location has more than {LONGEST_TEXT:,} characters")
    return location


def _long_name(subject: str) -> SourceError:
    return _unreadable(subject, f"a partition's name has more than {_LONGEST_PARTITION:,} characters")


def _unreadable(subject: str, problem: str) -> SourceError:
    return SourceError(Reason.CATALOGUE_UNREADABLE, f"{subject}: {problem}: correct it in the metastore")


def _given(answer: Answer, subject: str) -> Answer:
    _check(answer, subject)
    return _struct(answer, 0)


def _given_list(answer: Answer, subject: str) -> Sequence[Any]:
    _check(answer, subject)
    return _list(answer, 0)


def _check(answer: Answer, subject: str) -> None:
    """Exceptions that a call declares. Their texts are a stranger's, and are not passed on."""
    if _NOT_FOUND in answer:
        problem = "there is no such table: create it, or correct hive.table (as database.table)"
        raise SourceError(Reason.TABLE_NOT_FOUND, f"{subject}: {problem}")
    if _OWN_ERROR in answer or 0 not in answer:
        raise SourceError(Reason.CATALOGUE_REFUSED, f"{subject}: the metastore answers with an error: see its log")


def _columns(raw: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((_text(each, 1), _text(each, 2)) for each in raw if isinstance(each, dict))


def _struct(raw: Answer, number: int) -> dict[Any, Any]:
    value = raw.get(number)
    return value if isinstance(value, dict) else {}


def _list(raw: Answer, number: int) -> Sequence[Any]:
    value = raw.get(number)
    return value if isinstance(value, list) else []


def _texts(raw: Sequence[Any]) -> list[str]:
    return [each for each in raw if isinstance(each, str)]


def _text(raw: Answer, number: int) -> str:
    value = raw.get(number)
    return value if isinstance(value, str) else ""
