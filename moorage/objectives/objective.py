"""The record of one objective: the cost terms of computing and of moving data, the unit, and the words for people."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from moorage.model import Site
from moorage.objectives.units import Unit
from moorage.sites import ResolvedLink

BYTES_PER_GB = 1e9

Figure = Any
"""A number, or an array of numbers: the terms are written once for both."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site's prices for computing, before its speed.

    Attributes:
        cpu_hour_price: currency.
        kilowatts: of one busy core.
        grams_per_kwh: CO2-equivalent.
    """

    cpu_hour_price: Figure
    kilowatts: Figure
    grams_per_kwh: Figure

    @classmethod
    def of(cls, site: Site) -> "Place":
        """Return the figures of one site."""
        return cls(site.cpu_hour_price, site.cpu_watts / 1000, site.carbon_grams_per_kwh)


@dataclass(frozen=True, slots=True)
class Way:
    """The way from one site to another, with its prices. From a site to itself nothing costs or takes anything.

    Attributes:
        origin, target: the two ends.
        crosses: whether they are two sites.
        price_per_gb: currency, for 1e9 bytes; 0 where nothing crosses.
        latency_seconds: likewise.
        bytes_per_second: infinite where nothing crosses.
        kwh_per_gb: energy of the network, for 1e9 bytes.
    """

    origin: Place
    target: Place
    crosses: Figure
    price_per_gb: Figure
    latency_seconds: Figure
    bytes_per_second: Figure
    kwh_per_gb: Figure

    @classmethod
    def between(cls, origin: Site, target: Site, link: ResolvedLink, kwh_per_gb: float) -> "Way":
        """Return the way between two different sites."""
        ends = Place.of(origin), Place.of(target)
        crossing = link.price_per_gb, link.latency_seconds, link.bytes_per_second
        return cls(*ends, True, *crossing, kwh_per_gb)  # noqa: FBT003 - the two sites differ


class Objective(ABC):
    """One thing that a placement can minimise.

    Attributes:
        name: as people ask for it, and as plan.json says it.
        is_linear: whether it is a sum over tasks and transfers. The one that is not is the makespan: its terms are the
            seconds of single tasks and transfers, and a schedule makes one figure of them.
        unit: how its figures are written.
        title: heading of a column or a figure.
        explained: what the figure counts, below such a heading.
        noun: what stands behind a figure whose unit doesn't say what it measures.
        told: the whole plan's figure in a sentence; `{}` stands for it.
        better: what a plan does that has less of it.
        less: the same, in front of an amount.
        computes_best: what is true of a site where computing costs least.
    """

    name: ClassVar[str]
    is_linear: ClassVar[bool] = True
    unit: ClassVar[Unit]
    title: ClassVar[str]
    explained: ClassVar[str]
    noun: ClassVar[str] = ""
    told: ClassVar[str]
    better: ClassVar[str]
    less: ClassVar[str]
    computes_best: ClassVar[str]

    @abstractmethod
    def computing(self, cpu_hours: Figure, place: Place) -> Figure:
        """Return the cost of that much work at a site; the hours are the site's own, its speed counted."""

    @abstractmethod
    def moving(self, size_bytes: Figure, way: Way) -> Figure:
        """Return the cost of bringing so many bytes that way."""

    def said(self, value: float, currency: str = "") -> str:
        """Return a figure that stands alone: with its unit, and what it measures where the unit doesn't say that."""
        amount = self.unit.amount(value, currency)
        is_named = self.unit.is_money and currency
        return f"{amount} {self.noun}" if self.noun and not is_named else amount
