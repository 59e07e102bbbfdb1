"""URIs that may lie in a source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI in parts.

    Attributes:
        scheme: in lower case.
        netloc: as written, port and all.
        host: in lower case.
        path: as written.
    """

    scheme: str
    netloc: str
    host: str
    path: str


def beneath(path: str, folder: str) -> int | None:
    """How long `folder` is, if `path` is it or lies in it, by whole segments; None where it does not."""
    path, folder = path.strip("/"), folder.strip("/")
    if not folder or path == folder or path.startswith(f"{folder}/"):
        return len(folder)
    return None


def without_scheme(url: str) -> str:
    """Host and path of a URL."""
    return url.partition("://")[2].partition("?")[0]
