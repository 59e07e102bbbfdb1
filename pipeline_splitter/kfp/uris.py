"""Which dataset a URI lies in."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from moorage.model import Dataset, DatasetRef, HostPathSource, HttpSource, Location, NfsSource, S3Source

_BUCKETS = frozenset({"s3", "minio", "gs"})
_GOOGLE = "storage.googleapis.com"


def dataset_of(uri: str, datasets: Mapping[DatasetRef, Dataset]) -> DatasetRef | None:
    """The dataset one of whose sources holds `uri`; None where none does.

    A source holds what lies at or beneath it, by whole path segments. `s3://` and `minio://` mean any S3 endpoint (an
    `endpoint` in the URI's query is not compared: a plan brings the data to the reader's site anyway), `gs://` an S3
    source whose endpoint is Google's. Of several, that with the longest match counts; then the first by identity.
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        netloc = parts.netloc
    except ValueError:
        return None
    best: tuple[int, str] | None = None
    found = None
    for ref in sorted(datasets):
        for source in datasets[ref].sources:
            held = _held(source.location, parts.scheme.lower(), netloc, host, parts.path)
            if held is not None and (best is None or held > best[0]):
                best, found = (held, str(ref)), ref
    return found


def _held(location: Location, scheme: str, netloc: str, host: str, path: str) -> int | None:
    """How many characters of the URI's path the location accounts for; None where it does not hold it."""
    match location:
        case S3Source():
            return _in_bucket(location, scheme, netloc, path)
        case HostPathSource() if scheme in {"", "file"} and not host:
            return _beneath(path, location.path)
        case NfsSource() if scheme == "nfs" and host == location.server.lower():
            return _beneath(path, location.path)
        case HttpSource() if scheme in {"http", "https"}:
            return _beneath(f"{netloc}{path}", _without_scheme(location.url))
        case _:
            return None


def _in_bucket(location: S3Source, scheme: str, netloc: str, path: str) -> int | None:
    if scheme in _BUCKETS:
        if netloc != location.bucket or (scheme == "gs" and _without_scheme(location.endpoint) != _GOOGLE):
            return None
        return _beneath(path, location.prefix)
    if scheme in {"http", "https"} and netloc == _without_scheme(location.endpoint).rstrip("/"):
        return _beneath(path, f"{location.bucket}/{location.prefix}")
    return None


def _without_scheme(url: str) -> str:
    return url.partition("://")[2].partition("?")[0]


def _beneath(path: str, folder: str) -> int | None:
    path, folder = path.strip("/"), folder.strip("/")
    if not folder or path == folder or path.startswith(f"{folder}/"):
        return len(folder)
    return None
