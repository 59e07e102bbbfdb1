"""Lookup of the dataset that a URI lies in."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from moorage.model import Dataset, DatasetRef
from moorage.sources.uris import Uri


def dataset_of(uri: str, datasets: Mapping[DatasetRef, Dataset]) -> DatasetRef | None:
    """Return the dataset one of whose sources holds `uri`; None where none does.

    A source holds what lies at or beneath it, by whole path segments. `s3://` and `minio://` mean any S3 endpoint (an
    `endpoint` in the URI's query is not compared: a plan brings the data to the reader's site anyway), `gs://` an S3
    source whose endpoint is Google's. Of several, that with the longest match counts; then the first by identity.
    """
    try:
        parts = urlsplit(uri)
        asked = Uri(parts.scheme.lower(), parts.netloc, parts.hostname or "", parts.path)
    except ValueError:
        return None
    best: tuple[int, str] | None = None
    found = None
    for ref in sorted(datasets):
        for source in datasets[ref].sources:
            held = source.location.holds(asked)
            if held is not None and (best is None or held > best[0]):
                best, found = (held, str(ref)), ref
    return found
