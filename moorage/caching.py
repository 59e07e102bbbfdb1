"""What a Dataset says about keeping its bytes near its readers."""

from dataclasses import dataclass
from enum import StrEnum


class CacheMode(StrEnum):
    """Whether a dataset may be cached: never, where it pays, or always."""

    NONE = "none"
    AUTO = "auto"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Whether and how large a cache of the data may be."""

    mode: CacheMode = CacheMode.AUTO
    size_limit_bytes: int | None = None
