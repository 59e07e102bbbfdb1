"""A Site, and its links to others."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.model.governance import Classification
from moorage.sources import Location


@dataclass(frozen=True, slots=True)
class Link:
    """A site's statement about the way to another; None where it states nothing."""

    bytes_per_second: float | None = None
    latency_seconds: float | None = None
    price_per_gb: float | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place where nodes are and data may be, with its jurisdiction, clearance and prices."""

    name: str
    jurisdiction: str | None = None
    clearance: Classification = Classification.INTERNAL
    confidential_compute: bool = False
    speed: float = 1.0
    cpu_hour_price: float = 0.0
    carbon_grams_per_kwh: float = 0.0
    cpu_watts: float = 12.0
    currency: str | None = None
    slots: int | None = None
    quota_cpu_hours: float | None = None
    resources: Mapping[str, float] | None = None
    links: Mapping[str, Link] = field(default_factory=dict)
    default_link: Link = Link()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    artifact_store: Location | None = None
