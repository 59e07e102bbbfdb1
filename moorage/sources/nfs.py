"""A directory that an NFS server exports: `nfs`."""

from dataclasses import dataclass, replace
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Abilities, Location, Option, Server
from moorage.sources.paths import absolute
from moorage.sources.uris import Uri, beneath


def _server_and_path(value: str) -> dict[str, str]:
    server, colon, path = value.partition(":")
    if not (server and colon and path.startswith("/")):
        raise ValueError(f"{value!r} must be server:/path")
    return {"server": server, "path": path}


@dataclass(frozen=True, slots=True)
class NfsSource(Location):
    """A directory that an NFS server exports."""

    server: str
    path: str

    kind = "nfs"
    abilities = Abilities(served_by=Server.NODE)
    local_types = ("NFS",)
    local_keys = ("server", "share", "path")
    options = (Option("--nfs", "An NFS export instead of a bucket.", _server_and_path, "SERVER:/PATH"),)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(fields.required_text("server"), absolute(fields, "path"))

    @classmethod
    def read_local(cls, fields: Fields, type_name: str) -> Self:
        """NFS: `share`, or `path`."""
        del type_name
        key = "share" if fields.text("share") else "path"
        if fields.text(key) is None:
            fields.fail("share", "is required and must not be empty")
        return cls(fields.required_text("server"), absolute(fields, key))

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"server": self.server, "path": self.path}

    @property
    def words(self) -> str:
        """As mount(8) takes it."""
        return f"{self.server}:{self.path}"

    def inside(self, folder: str) -> Self:
        """A longer path."""
        return type(self)(self.server, f"{self.path.rstrip('/')}/{folder}" if folder else self.path)

    def folder_of(self, uri: Uri) -> str | None:
        """By `nfs://server/path`; or by `file:///path`, where whoever wrote the table has it at the server's path."""
        is_bare = uri.scheme in {"", "file"} and not uri.host
        return Location.folder_of(self, replace(uri, scheme="nfs", host=self.server.lower()) if is_bare else uri)

    def holds(self, uri: Uri) -> int | None:
        """`nfs://server/path`."""
        if uri.scheme == "nfs" and uri.host == self.server.lower():
            return beneath(uri.path, self.path)
        return None
