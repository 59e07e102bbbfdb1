"""A table that a Hive metastore knows: `hive`."""

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

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(fields.required_text("metastore"), fields.required_text("table"))

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"metastore": self.metastore, "table": self.table}

    @property
    def words(self) -> str:
        """The metastore and the table."""
        return f"{self.metastore} {self.table}"
