"""What a Dataset says about keeping its bytes near its readers."""

from dataclasses import dataclass
from enum import StrEnum


class CacheMode(StrEnum):
    """Whether a dataset may be cached: never, where it pays, or always."""

    NONE = "none"
    AUTO = "auto"
    ALWAYS = "always"


MOST_EVICTIONS = 64
"""That a Dataset may ask for at the same time."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """A wish that copies leave: those that became whole before a moment, at a site, on a node, or everywhere.

    It is a moment and no command, so that it may be looked at as often as anybody likes: a copy that is made later is
    not meant.

    Attributes:
        before: seconds since 1970.
        site: "" means every one.
        node: "" means every one.
    """

    before: int
    site: str = ""
    node: str = ""

    def covers(self, site: str, node: str) -> bool:
        """Whether a node of a site is meant."""
        return self.site in ("", site) and self.node in ("", node)


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Whether and how large a cache of the data may be, and which copies are to leave."""

    mode: CacheMode = CacheMode.AUTO
    size_limit_bytes: int | None = None
    evictions: tuple[Eviction, ...] = ()

    def evict_before(self, site: str, node: str) -> int | None:
        """Copies on this node that became whole before this moment are to leave; None: none are."""
        return max((each.before for each in self.evictions if each.covers(site, node)), default=None)
