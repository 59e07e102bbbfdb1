"""The cache policy of a Dataset, and the evictions that it asks for."""

from dataclasses import dataclass
from enum import StrEnum


class CacheMode(StrEnum):
    """The mode of caching: never, where it pays, or always."""

    NONE = "none"
    AUTO = "auto"
    ALWAYS = "always"


MOST_EVICTIONS = 64
"""The most evictions that a Dataset may ask for at the same time."""


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
        """Return whether the eviction covers a node of a site."""
        return self.site in ("", site) and self.node in ("", node)


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """The policy on copies of the data: the mode, a size limit, and the copies that must leave."""

    mode: CacheMode = CacheMode.AUTO
    size_limit_bytes: int | None = None
    evictions: tuple[Eviction, ...] = ()

    def evict_before(self, site: str, node: str) -> int | None:
        """Return the moment before which copies on this node must have become whole to leave; None: none are to."""
        return max((each.before for each in self.evictions if each.covers(site, node)), default=None)
