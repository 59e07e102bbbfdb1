"""All kinds of sources. A further one is a file beside this one, and a line here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from moorage.sources.bucket_claim import BucketClaimSource
from moorage.sources.choosing import one_of
from moorage.sources.hive import HiveSource
from moorage.sources.host_path import HostPathSource
from moorage.sources.http import HttpSource
from moorage.sources.iceberg import IcebergSource
from moorage.sources.location import Location
from moorage.sources.memory import MemorySource
from moorage.sources.nfs import NfsSource
from moorage.sources.pvc import PvcSource
from moorage.sources.s3 import S3Source
from moorage.sources.unsupported import UnsupportedSource

__all__ = [
    "COPIED_KINDS",
    "KINDS",
    "LOCAL_KINDS",
    "MEMORY_KINDS",
    "MOUNTED_KINDS",
    "REMOTE_KINDS",
    "SPEC_KINDS",
    "WRITTEN_KINDS",
    "one_of",
    "unserved",
]

_ALL: Final[tuple[type[Location], ...]] = (
    S3Source,
    NfsSource,
    PvcSource,
    HostPathSource,
    HttpSource,
    HiveSource,
    IcebergSource,
    BucketClaimSource,
    MemorySource,
    UnsupportedSource,
)

KINDS: Final[Mapping[str, type[Location]]] = MappingProxyType({each.kind: each for each in _ALL})
"""By the kind's name."""
SPEC_KINDS: Final = MappingProxyType({kind: each for kind, each in KINDS.items() if each is not UnsupportedSource})
"""Those that `spec.sources[]` has."""
LOCAL_KINDS: Final = MappingProxyType({word: each for each in _ALL for word in each.local_types})
"""By the word for it in `spec.local`."""
MOUNTED_KINDS: Final = MappingProxyType({kind: each for kind, each in KINDS.items() if each.abilities.served_by})
COPIED_KINDS: Final = tuple(kind for kind, each in MOUNTED_KINDS.items() if not each.abilities.in_memory)
"""Those that hold data before any pod puts it there: what a copy of a dataset can be given as."""
MEMORY_KINDS: Final = tuple(kind for kind, each in KINDS.items() if each.abilities.in_memory)
REMOTE_KINDS: Final = MappingProxyType({word: each for each in _ALL for word in each.remote_types})
"""By the word for it in `spec.remote`."""
WRITTEN_KINDS: Final = MappingProxyType({kind: each for kind, each in KINDS.items() if each.abilities.written})


def unserved(location: Location) -> str | None:
    """Why a source can't be used yet, with the remedy; None where it can."""
    if location.served:
        return None
    if location.abilities.looked_up:
        return f"where the files of {location.words} are is not known yet: {location.remedy}"
    *others, last = COPIED_KINDS
    remedy = location.remedy or f"give the data as {', '.join(others)} or {last}"
    return f"{location.label} is accepted but not served yet: {remedy}"
