"""A directory that every node of the site has: `hostPath`."""

from dataclasses import dataclass
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Abilities, Location, Option, Server
from moorage.sources.paths import absolute
from moorage.sources.uris import Uri, beneath


@dataclass(frozen=True, slots=True)
class HostPathSource(Location):
    """A directory that every node of the site has."""

    path: str

    kind = "hostPath"
    abilities = Abilities(served_by=Server.NODE, own_site_only=True)
    local_types = ("HOST",)
    local_keys = ("path",)
    options = (Option("--host-path", "A directory that every node of the site has.", lambda value: {"path": value}),)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(absolute(fields, "path"))

    @classmethod
    def read_local(cls, fields: Fields, type_name: str) -> Self:
        """HOST."""
        del type_name
        return cls(absolute(fields, "path"))

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"path": self.path}

    @property
    def words(self) -> str:
        """The path."""
        return self.path

    def inside(self, folder: str) -> Self:
        """A longer path."""
        return type(self)(f"{self.path.rstrip('/')}/{folder}" if folder else self.path)

    def holds(self, uri: Uri) -> int | None:
        """A bare path, or `file:///path`."""
        return beneath(uri.path, self.path) if uri.scheme in {"", "file"} and not uri.host else None
