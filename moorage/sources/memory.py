"""The memory of a site's nodes: `memory`. What lies there is on no disk, and each node has its own."""

from dataclasses import dataclass
from typing import Any, Final, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Abilities, Location, Option, Server

LEAST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class MemorySource(Location):
    """So much of the memory of each node of the site."""

    size_bytes: int

    kind = "memory"
    abilities = Abilities(served_by=Server.NODE, own_site_only=True, writable=True, in_memory=True)
    options = (
        Option("--memory", "Memory of this size on each node, for example 4Gi.", lambda value: {"size": value}, "SIZE"),
    )

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        size_bytes = fields.size_bytes("size")
        if size_bytes is None:
            fields.fail("size", "is required: the most that a node gives, for example 4Gi")
        if size_bytes < LEAST_BYTES:
            fields.fail("size", "must be at least 1Mi")
        return cls(size_bytes)

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"size": str(self.size_bytes)}

    @property
    def memory_bytes(self) -> int:
        """All of it."""
        return self.size_bytes

    @property
    def words(self) -> str:
        """How much of it."""
        return f"{self.size_bytes:,} bytes of each node's memory"
