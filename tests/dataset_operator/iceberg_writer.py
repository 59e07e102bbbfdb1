"""Writes and reads tables with Iceberg's own client, in an environment of its own: a line of JSON in, one out.

Run as a program, with the catalogue's properties as JSON.
"""

import json
import sys
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.transforms import BucketTransform, DayTransform
from pyiceberg.types import DecimalType, ListType, LongType, NestedField, StringType, TimestamptzType

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "at", TimestamptzType()),
    NestedField(3, "price", DecimalType(10, 2)),
    NestedField(4, "tags", ListType(5, StringType())),
)
BY_DAY = PartitionSpec(
    PartitionField(source_id=2, field_id=1000, transform=DayTransform(), name="at_day"),
    PartitionField(source_id=1, field_id=1001, transform=BucketTransform(4), name="id_bucket"),
)


class MountedIO(PyArrowFileIO):
    """Reads a table's files from where its folder is mounted."""

    def new_input(self, location: str) -> Any:
        """A file of the table's."""
        return super().new_input(location.replace(self.properties["table-location"], self.properties["mounted-at"], 1))


def create(catalogue: RestCatalog, name: str, *, partitioned: bool, properties: dict[str, str]) -> Any:
    """Make a table."""
    catalogue.create_namespace_if_not_exists(name.rpartition(".")[0])
    spec = {"partition_spec": BY_DAY} if partitioned else {}
    return catalogue.create_table(name, schema=SCHEMA, properties=properties, **spec).location()


def append(catalogue: RestCatalog, name: str, *, ids: list[int]) -> Any:
    """Add rows: the new snapshot's id, and the file that describes the table now."""
    table = catalogue.load_table(name)
    rows = [{"id": each, "at": None, "price": None, "tags": None} for each in ids]
    table.append(pa.Table.from_pylist(rows, schema=SCHEMA.as_arrow()))
    snapshot = table.current_snapshot()
    return {"snapshot": snapshot.snapshot_id if snapshot else None, "metadata": table.metadata_location}


def add_column(catalogue: RestCatalog, name: str, *, column: str) -> Any:
    """Give the table one column more."""
    with catalogue.load_table(name).update_schema() as update:
        update.add_column(column, StringType())


def expire(catalogue: RestCatalog, name: str, *, snapshot: int) -> Any:
    """Remove a snapshot."""
    catalogue.load_table(name).maintenance.expire_snapshots().by_id(snapshot).commit()


def drop(catalogue: RestCatalog, name: str) -> Any:
    """Drop the table."""
    catalogue.drop_table(name)


def read(_: RestCatalog, metadata: str, *, location: str, mounted_at: str, snapshot: int | None) -> Any:
    """The ids in a table whose folder is mounted, as of a snapshot, as a pod would read them."""
    properties = {"py-io-impl": f"{__name__}.MountedIO", "table-location": location, "mounted-at": mounted_at}
    found = StaticTable.from_metadata(metadata, properties).scan(snapshot_id=snapshot).to_arrow()
    return sorted(found["id"].to_pylist())


DO = {each.__name__: each for each in (create, append, add_column, expire, drop, read)}


def main() -> None:
    """Answer lines until there are no more."""
    catalogue = RestCatalog("lake", **json.loads(sys.argv[1]))
    for line in sys.stdin:
        what, name, more = json.loads(line)
        print(json.dumps(DO[what](catalogue, name, **more)), flush=True)


if __name__ == "__main__":
    main()
