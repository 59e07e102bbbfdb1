"""Transfers, and what a placement costs: the table of the definition, term by term."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum

from moorage.model import Dataset, DatasetRef
from moorage.sites import Inventory
from pipeline_splitter.checking.findings import is_near
from pipeline_splitter.graph import Datum, Graph, Task

LINEAR = ("bytes", "money", "carbon")
OBJECTIVES = (*LINEAR, "time")
"""The checker's own: a plan is recomputed by what is written here, never by the planner's records."""
_GB = 1e9
_HOUR = 3600


@dataclass
class Tariff:
    """The prices of computing and moving.

    Attributes:
        objectives: the list that decides from which copy a dataset is brought.
    """

    inventory: Inventory
    datasets: Mapping[DatasetRef, Dataset]
    kwh_per_gb: float
    objectives: tuple[str, ...]
    _ways: dict[tuple[str, str], tuple[float, float, float, float]] = field(default_factory=dict)
    _nearest: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def hours(self, task: Task, site: str) -> float:
        """Return a task's CPU-hours at a site."""
        return task.cpu_seconds / self.inventory.sites[site].speed / _HOUR

    def duration(self, task: Task, site: str) -> float:
        """Return a task's seconds at a site."""
        return task.seconds / self.inventory.sites[site].speed

    def computing(self, objective: str, task: Task, site: str) -> float:
        """Return the cost of a task at a site."""
        there = self.inventory.sites[site]
        if objective == "money":
            return self.hours(task, site) * there.cpu_hour_price
        if objective == "carbon":
            return self.hours(task, site) * there.cpu_watts / 1000 * there.carbon_grams_per_kwh
        return 0.0

    def moving(self, objective: str, size_bytes: float, origin: str, target: str) -> float:
        """Return the cost of bringing bytes from one site to another; for `time` the seconds."""
        if origin == target:
            return 0.0
        latency, bandwidth, price, grams = self._way(origin, target)
        match objective:
            case "bytes":
                return size_bytes
            case "money":
                return size_bytes / _GB * price
            case "carbon":
                return size_bytes / _GB * grams
        return latency + size_bytes / bandwidth

    def _way(self, origin: str, target: str) -> tuple[float, float, float, float]:
        if (origin, target) not in self._ways:
            link = self.inventory.link(origin, target)
            ends = [self.inventory.sites[site].carbon_grams_per_kwh for site in (origin, target)]
            grams = self.kwh_per_gb * (ends[0] + ends[1]) / 2
            self._ways[origin, target] = link.latency_seconds, link.bytes_per_second, link.price_per_gb, grams
        return self._ways[origin, target]

    def copies(self, datum: Datum) -> frozenset[str]:
        """Return the sites that hold a datum which no task writes."""
        dataset = None if datum.dataset is None else self.datasets.get(datum.dataset)
        return frozenset() if dataset is None else frozenset(each.site for each in self.inventory.sources(dataset))

    def origins(self, datum: Datum, target: str) -> tuple[str, ...]:
        """Return the sites from which a dataset may be brought.

        The cheapest copy, then those that are as cheap but for rounding; none where there is no copy.
        """
        key = (datum.key, target)
        if key not in self._nearest:
            self._nearest[key] = self._cheapest(datum, target)
        return self._nearest[key]

    def _cheapest(self, datum: Datum, target: str) -> tuple[str, ...]:
        copies = self.copies(datum)
        if target in copies:
            return (target,)
        prices = {
            site: tuple(self.moving(objective, datum.size_bytes, site, target) for objective in self.objectives)
            for site in copies
        }
        near = set(copies)
        for number in range(len(self.objectives)):
            least = min((prices[site][number] for site in near), default=0.0)
            near = {site for site in near if is_near(prices[site][number], least)}
        ranked = sorted(copies, key=lambda site: (prices[site], site))
        ties = [site for site in ranked[1:] if site in near and prices[site] != prices[ranked[0]]]
        return (*ranked[:1], *ties)


@dataclass(frozen=True, slots=True)
class Move:
    """One datum, brought from one site to another for its readers there."""

    datum: Datum
    origin: str
    target: str
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """A graph with the site of each task.

    Attributes:
        chosen: (key, target) -> from where a dataset is brought, where several copies are as cheap but for rounding.
    """

    graph: Graph
    site_of: Mapping[str, str]
    tariff: Tariff
    chosen: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def origin(self, datum: Datum, target: str) -> str:
        """Return the site from which a datum comes.

        Raises:
            ValueError: it has no copy anywhere.
        """
        if datum.producer is not None:
            return self.site_of[datum.producer]
        if (datum.key, target) in self.chosen:
            return self.chosen[datum.key, target]
        origins = self.tariff.origins(datum, target)
        if not origins:
            raise ValueError(f"{datum.key} has no copy at a listed site")
        return origins[0]

    def moves(self) -> list[Move]:
        """Return X: every transfer, once."""
        readers: dict[tuple[str, str], list[str]] = {}
        for name, task in sorted(self.graph.tasks.items()):
            for key in task.reads:
                if is_brought(self.graph.data[key], name):
                    readers.setdefault((key, self.site_of[name]), []).append(name)
        found = []
        for (key, target), names in readers.items():
            datum = self.graph.data[key]
            origin = self.origin(datum, target)
            if origin != target:
                found.append(Move(datum, origin, target, tuple(names)))
        return found

    def costs(self, moves: Sequence[Move]) -> dict[str, float]:
        """Return the three sums."""
        tariff = self.tariff
        return {
            objective: fsum(
                [
                    *(tariff.computing(objective, task, self.site_of[name]) for name, task in self.graph.tasks.items()),
                    *(tariff.moving(objective, each.datum.size_bytes, each.origin, each.target) for each in moves),
                ]
            )
            for objective in LINEAR
        }


def is_brought(datum: Datum, reader: str) -> bool:
    """Return whether the reader needs the datum brought: not its own output, nor what is everywhere."""
    return datum.producer != reader and (datum.producer is not None or datum.dataset is not None)
