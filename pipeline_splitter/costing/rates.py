"""Rates of the sites as arrays: places, links, speeds and quotas, and an objective's terms over them."""

from dataclasses import dataclass, fields

import numpy as np

from moorage.errors import InputError
from moorage.objectives import Figure, Objective, Place, Way
from moorage.sites import Inventory
from pipeline_splitter.problem import Floats, Integers

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Rates:
    """The sites' figures. Shapes: s sites. From site a to site a nothing costs anything or takes any time.

    Attributes:
        sites: names, sorted.
        speed: (s,).
        places: what each charges for computing; its fields are (s,).
        slots: (s,) tasks that run at once; 0: any number.
        quota_cpu_hours: (s,); infinite where there is none.
        price_per_gb: (s, s).
        latency_seconds: (s, s).
        bytes_per_second: (s, s); infinite on the diagonal.
        kwh_per_gb: of the network.
    """

    sites: tuple[str, ...]
    speed: Floats
    places: Place
    slots: Integers
    quota_cpu_hours: Floats
    price_per_gb: Floats
    latency_seconds: Floats
    bytes_per_second: Floats
    kwh_per_gb: float

    def cpu_hours(self, cpu_seconds: Floats) -> Floats:
        """Return (n, s): what work takes of a site's cores."""
        hours: Floats = cpu_seconds[:, None] / self.speed / SECONDS_PER_HOUR
        return hours

    def computing(self, objective: Objective, cpu_seconds: Floats) -> Floats:
        """Return (n, s): what work costs at a site."""
        cost: Floats = objective.computing(self.cpu_hours(cpu_seconds), self.places)
        return cost

    def moving(self, objective: Objective, size_bytes: Floats, origin: Integers, target: Integers) -> Floats:
        """Return the cost of bringing bytes between sites, element by element; for `time` the seconds."""
        way = Way(
            _at(self.places, origin),
            _at(self.places, target),
            origin != target,
            self.price_per_gb[origin, target],
            self.latency_seconds[origin, target],
            self.bytes_per_second[origin, target],
            self.kwh_per_gb,
        )
        cost: Floats = objective.moving(size_bytes, way)
        return cost

    def price_per_byte(self, objective: Objective) -> Floats:
        """Return (s, s): of one byte from a site to another, by a linear objective; diagonal 0."""
        everywhere = np.arange(len(self.sites))
        one = np.ones((len(self.sites), len(self.sites)))
        return self.moving(objective, one, everywhere[:, None], everywhere[None, :])


def make_rates(inventory: Inventory, kwh_per_gb: float) -> Rates:
    """Make the arrays of an inventory.

    Raises:
        InputError: a site has no slot at all.
    """
    sites = [inventory.sites[name] for name in sorted(inventory.sites)]
    for site in sites:
        if site.slots is not None and site.slots < 1:
            raise InputError(f"Site {site.name}", "spec.slots", "must be at least 1: leave it out for any number")
    price, latency, speed = (np.zeros((len(sites), len(sites))) for _ in range(3))
    for a, origin in enumerate(sites):
        for b, target in enumerate(sites):
            link = inventory.link(origin.name, target.name)
            price[a, b], latency[a, b], speed[a, b] = link.price_per_gb, link.latency_seconds, link.bytes_per_second
    np.fill_diagonal(price, 0.0)
    np.fill_diagonal(latency, 0.0)
    np.fill_diagonal(speed, np.inf)
    return Rates(
        tuple(site.name for site in sites),
        _floats([site.speed for site in sites]),
        _stacked([Place.of(site) for site in sites]),
        np.array([site.slots or 0 for site in sites], dtype=np.int64),
        _floats([np.inf if site.quota_cpu_hours is None else site.quota_cpu_hours for site in sites]),
        price,
        latency,
        speed,
        kwh_per_gb,
    )


def _stacked(places: list[Place]) -> Place:
    """Return one place whose figures are arrays: one element for each site."""
    return Place(*(_floats([getattr(place, field.name) for place in places]) for field in fields(Place)))


def _at(places: Place, index: Integers) -> Place:
    def picked(name: str) -> Figure:
        return getattr(places, name)[index]

    return Place(*(picked(field.name) for field in fields(Place)))


def _floats(values: list[float]) -> Floats:
    return np.array(values, dtype=np.float64)
