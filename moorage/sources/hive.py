"""A table in a Hive metastore: `hive`."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Location


@dataclass(frozen=True, slots=True)
class HiveSource(Location):
    """A table that a Hive metastore knows."""

    metastore: str
    table: str

    kind = "hive"
    is_remote = True

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        metastore = fields.required_text("metastore")
        if "@" in metastore:
            fields.fail("metastore", "must not contain user:password@: everybody who may read the object would see it")
        return cls(metastore, fields.required_text("table"))

    @classmethod
    def read_remote(cls, remote: MutableMapping[str, Any]) -> Self:
        """A catalogue's table."""
        return cls(str(remote.pop("catalogURI", "")), str(remote.pop("table", "")).replace("/", "."))

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"metastore": self.metastore, "table": self.table}

    @property
    def words(self) -> str:
        """The metastore and the table."""
        return f"{self.metastore} {self.table}"
