"""What a catalogue answers of a table, as a record. Pure.

It is read twice: first for the ids of what is current, then for that alone, since a table keeps every schema and
snapshot that it had for a while.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dataset_operator.listing.catalogues.allowance import Allowance
from dataset_operator.listing.iceberg.columns import partitioned_by
from dataset_operator.listing.iceberg.documents import DocumentError, Item, Wanted, read_document

PLACES: Final = (
    "write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path",
)  # fmt: skip
"""Properties that have a table's files elsewhere than in its folder."""
_FORMAT: Final = "write.format.default"
_IDS: Final[Mapping[str, Wanted]] = {
    "metadata-location": None,
    "metadata": {
        "location": None,
        "table-uuid": None,
        "current-schema-id": None,
        "default-spec-id": None,
        "current-snapshot-id": None,
        "properties": dict.fromkeys((*PLACES, _FORMAT)),
        "schemas": {"schema-id": None},
        "partition-specs": {"spec-id": None},
        "snapshots": {"snapshot-id": None},
    },
}
_TYPE: Final[dict[str, Wanted]] = {"type": None, "name": None}
_TYPE.update({"type": _TYPE, "fields": _TYPE, "element": _TYPE, "key": _TYPE, "value": _TYPE})
_COLUMNS: Final[Mapping[str, Wanted]] = {"fields": {"id": None, "name": None, "required": None, "type": _TYPE}}
_SNAPSHOT: Final[Mapping[str, Wanted]] = {"snapshot-id": None, "manifest-list": None, "schema-id": None}
_SPEC: Final[Mapping[str, Wanted]] = {"fields": {"source-id": None, "name": None, "transform": None}}
_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """A table, as of one snapshot.

    Attributes:
        uuid: of the table, whatever it is called.
        location: the URI of its folder.
        metadata_file: the URI of what describes it now.
        snapshot: the id of the one that is meant; None: it has none yet, or not the one that is asked for.
        newest: the id of the current one; None: it has none.
        manifest_list: the URI of what names the snapshot's files; "" where there is none.
        columns: names, types as they were read, and whether each may be null.
        partitioned_by: in words.
        properties: those that anybody asks for.
    """

    uuid: str
    location: str
    metadata_file: str
    snapshot: int | None
    newest: int | None
    manifest_list: str
    columns: tuple[tuple[str, object, bool], ...]
    partitioned_by: tuple[str, ...]
    properties: Mapping[str, str]


def read_metadata(body: bytes, pinned: int | None, allowance: Allowance) -> TableMetadata:
    """A table.

    Args:
        body: as a catalogue answers it.
        pinned: the snapshot that is asked for; None: the current one.
        allowance: of the whole look.

    Raises:
        DocumentError: it is no table's.
        SourceError: ListTooLarge.
    """
    with allowance.for_a_while():
        answer = _object(read_document(body, _IDS, allowance))
        told = _object(answer.get("metadata"))
        newest = _number(told, "current-snapshot-id")
        newest = None if newest == _NONE else newest
        snapshot_at = _index(told, "snapshots", "snapshot-id", newest if pinned is None else pinned)
        spec_at = _index(told, "partition-specs", "spec-id", _number(told, "default-spec-id"))
        schema_ids = [_number(_object(each), "schema-id") for each in _list(told, "schemas")]
    snapshot = _item(body, "snapshots", snapshot_at, _SNAPSHOT, allowance)
    schema_id = _number(told, "current-schema-id")
    if pinned is not None and snapshot:
        schema_id = _number(snapshot, "schema-id") if "schema-id" in snapshot else schema_id
    schema = _item(body, "schemas", _at(schema_ids, schema_id), _COLUMNS, allowance)
    spec = _item(body, "partition-specs", spec_at, _SPEC, allowance)
    fields = [each for each in _list(schema, "fields") if isinstance(each, dict)]
    if not isinstance(told.get("location"), str) or not isinstance(answer.get("metadata-location"), str):
        raise DocumentError("it does not say where the table is")
    return TableMetadata(
        uuid=_text(told, "table-uuid"),
        location=_text(told, "location"),
        metadata_file=_text(answer, "metadata-location"),
        snapshot=_number(snapshot, "snapshot-id"),
        newest=newest,
        manifest_list=_text(snapshot, "manifest-list"),
        columns=tuple((_text(each, "name"), each.get("type"), each.get("required") is not True) for each in fields),
        partitioned_by=_partitions(_list(spec, "fields"), fields),
        properties={key: value for key, value in _object(told.get("properties")).items() if isinstance(value, str)},
    )


def _item(body: bytes, name: str, number: int | None, wanted: Wanted, allowance: Allowance) -> dict[str, Any]:
    """One item of a list of the table's; nothing where there is none."""
    if number is None:
        return {}
    found = _object(read_document(body, {"metadata": {name: Item(number, wanted)}}, allowance))
    items = _list(_object(found.get("metadata")), name)
    return _object(items[0]) if items else {}


def _partitions(fields: Sequence[Any], columns: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    names = {each.get("id"): _text(each, "name") for each in columns if isinstance(each.get("id"), int)}
    found = []
    for each in fields:
        if isinstance(each, dict) and each.get("transform") != "void":
            source = each.get("source-id")
            column = names.get(source) if isinstance(source, int) else None
            found.append(partitioned_by(column or _text(each, "name"), _text(each, "transform")))
    return tuple(found)


def _index(told: Mapping[str, Any], name: str, key: str, wanted: int | None) -> int | None:
    return _at([_number(_object(each), key) for each in _list(told, name)], wanted)


def _at(ids: Sequence[int | None], wanted: int | None) -> int | None:
    return ids.index(wanted) if wanted is not None and wanted in ids else None


def _object(raw: object) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _list(raw: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []


def _number(raw: Mapping[str, Any], key: str) -> int | None:
    value = raw.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if not -(2**63) <= value < 2**63:
        raise DocumentError(f"its {key} is larger than any number of Iceberg's")
    return value


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""
