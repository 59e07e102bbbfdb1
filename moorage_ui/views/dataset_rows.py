"""Datasets as a list shows them, from the API server's own table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moorage_ui.views.raw import items, mapping, text, whole


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One Dataset. `ready`: "True", "False", or "" where the operator has not looked yet."""

    namespace: str
    name: str
    ready: str
    reason: str
    sites: str
    objects: int
    size_bytes: int | None
    format: str


def read_dataset_rows(tables: Iterable[Mapping[str, Any]]) -> list[DatasetRow]:
    """Read the rows of Tables with the objects' metadata, by namespace and name."""
    rows = []
    for table in tables:
        columns = [text(each.get("name")) for each in items(table.get("columnDefinitions"))]
        for row in items(table.get("rows")):
            cells = dict(zip(columns, row.get("cells") or (), strict=False))
            metadata = mapping(mapping(row.get("object")).get("metadata"))
            size = cells.get("Bytes")
            rows.append(
                DatasetRow(
                    namespace=text(metadata.get("namespace")),
                    name=text(metadata.get("name")),
                    ready=text(cells.get("Ready"), 20),
                    reason=text(cells.get("Reason"), 80),
                    sites=text(cells.get("Sites"), 300),
                    objects=whole(cells.get("Objects")),
                    size_bytes=size if isinstance(size, int) and not isinstance(size, bool) else None,
                    format=text(cells.get("Format"), 80),
                )
            )
    return sorted(rows, key=lambda row: (row.namespace, row.name))
