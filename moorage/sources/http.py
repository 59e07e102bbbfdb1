"""A file behind a URL: `http`."""

from dataclasses import dataclass
from typing import Any, Self

from moorage.reading.fields import Fields
from moorage.sources.location import Location
from moorage.sources.uris import Uri, beneath, without_scheme


@dataclass(frozen=True, slots=True)
class HttpSource(Location):
    """A file behind a URL; `extract` unpacks an archive."""

    url: str
    extract: bool = False

    kind = "http"
    local_types = ("ARCHIVE",)
    local_keys = ("url",)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(fields.url("url", "https", "http", query=True), fields.flag("extract"))

    @classmethod
    def read_local(cls, fields: Fields, type_name: str) -> Self:
        """ARCHIVE: always unpacked."""
        del type_name
        return cls(fields.url("url", "https", "http", query=True), extract=True)

    def write(self) -> dict[str, Any]:
        """The mapping."""
        return {"url": self.url, **({"extract": True} if self.extract else {})}

    @property
    def words(self) -> str:
        """The URL."""
        return self.url

    def holds(self, uri: Uri) -> int | None:
        """A URL beneath its own, by either scheme."""
        if uri.scheme in {"http", "https"}:
            return beneath(f"{uri.netloc}{uri.path}", without_scheme(self.url))
        return None
