"""Governance of data: classification, rules, and the releases after which weaker rules hold."""

from dataclasses import dataclass
from enum import IntEnum


class Classification(IntEnum):
    """The sensitivity of data, and the clearance of a site; ordered."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3

    @property
    def word(self) -> str:
        """The word for it in the API."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Component:
    """The container of a release, with one input artifact `data` and one output artifact `released`."""

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A transform after which weaker rules hold: `yields` replaces the dataset's governance in what comes out."""

    name: str
    component: Component
    yields: "Governance"
    seconds: float | None = None
    cpu: float | None = None
    output_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Governance:
    """The rules on who may read where. None means "any"; an empty set "nowhere" or "nobody" (only a join makes one).

    `consumers` None means: readers in the dataset's own namespace; `writers` None: writers in it.
    """

    classification: Classification = Classification.PUBLIC
    residency: frozenset[str] | None = None
    sites_allow: frozenset[str] | None = None
    sites_deny: frozenset[str] = frozenset()
    purposes: frozenset[str] | None = None
    consumers: frozenset[str] | None = None
    writers: frozenset[str] | None = None
    confidential_compute: bool = False
    releases: tuple[Release, ...] = ()

    @property
    def is_governed(self) -> bool:
        """Whether any rule restricts the readers (the default, own namespace only, is not counted)."""
        unruled = Governance(releases=self.releases, consumers=self.consumers, writers=self.writers)
        return self != unruled or self.consumers is not None
