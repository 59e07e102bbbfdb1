"""Files behind a web server: `http`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import unquote_to_bytes, urlsplit

from moorage.reading.fields import Fields
from moorage.sources.certificates import certificates_of
from moorage.sources.location import Abilities, HandOut, Location, Option, Server
from moorage.sources.uris import Uri, beneath, without_scheme

_NAMELESS: Final = "data"
_LONGEST_NAME_BYTES: Final = 255


@dataclass(frozen=True, slots=True)
class HttpSource(Location):
    """A folder that a web server lists, a single file, or with `extract` a file that nodes unpack."""

    url: str
    extract: bool = False
    ca_bundle: str | None = None

    kind = "http"
    abilities = Abilities(served_by=Server.SIDECAR, listed=True, handed_out=True)
    local_types = ("ARCHIVE",)
    local_keys = ("url",)
    options = (Option("--url", "The URL of a web folder (ending with /) or file.", lambda url: {"url": url}),)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        url = fields.url("url", "https", "http", query=True)
        return cls(url, fields.flag("extract"), fields.text("caBundle", lines=True))

    @classmethod
    def read_local(cls, fields: Fields, type_name: str) -> Self:
        """ARCHIVE: always unpacked."""
        del type_name
        return cls(fields.url("url", "https", "http", query=True), extract=True)

    def write(self) -> dict[str, Any]:
        """The mapping."""
        raw: dict[str, Any] = {"url": self.url}
        if self.extract:
            raw["extract"] = True
        if self.ca_bundle:
            raw["caBundle"] = self.ca_bundle
        return raw

    @property
    def words(self) -> str:
        """The URL without its query, which may hold a token."""
        return self.url.partition("?")[0].partition("#")[0]

    @property
    def where(self) -> Mapping[str, str]:
        """The URL, likewise."""
        return {"url": self.words}

    @property
    def is_folder(self) -> bool:
        """Whether the URL names a folder: as everywhere on the web, by the slash at its end."""
        return self.url.endswith("/") and "?" not in self.url and not self.extract

    @property
    def file_name(self) -> str:
        """Of a single file: the last name of the URL's path, if a file can have it."""
        encoded = urlsplit(self.url).path.rstrip("/").rpartition("/")[2]
        name = unquote_to_bytes(encoded)
        unusable = name in {b"", b".", b".."} or b"/" in name or any(byte < ord(" ") for byte in name)
        if unusable or len(name) > _LONGEST_NAME_BYTES:
            return _NAMELESS
        return name.decode(errors="surrogateescape")

    @property
    def server_url(self) -> str:
        """The server's: listings at one server share a number of slots."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def needs_copy(self) -> bool:
        """An archive has no files before it is unpacked."""
        return self.extract

    def without_keys(self) -> Self:
        """Without certificates."""
        return replace(self, ca_bundle=None)

    def for_mount(self) -> Self:
        """With its certificates as PEM.

        Raises:
            SourceError: they can't be read.
        """
        if self.ca_bundle is None:
            return self
        return replace(self, ca_bundle=certificates_of(self.ca_bundle, "http.caBundle"))

    def hand_out(self) -> HandOut | str:
        """The URL."""
        return HandOut({"url": self.url})

    def holds(self, uri: Uri) -> int | None:
        """A URL beneath its own, by either scheme."""
        if uri.scheme in {"http", "https"}:
            return beneath(f"{uri.netloc}{uri.path}", without_scheme(self.url))
        return None
