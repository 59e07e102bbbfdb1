"""Recomputation of the bound that bound.json's multipliers prove, by docs/bound.md, rounding against itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline_splitter.checking.definition.blocks import blocks_of
from pipeline_splitter.checking.definition.choices import Part
from pipeline_splitter.checking.definition.costs import Tariff, is_brought
from pipeline_splitter.graph import Datum

Floats = NDArray[np.float64]
Budgets = Sequence[tuple[str, float]]
_ULP = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Multipliers:
    """The multipliers in bound.json; missing ones have a default."""

    raw: Mapping[str, Any]

    def quota_price(self, site: str) -> float:
        """Return mu, the price of a site's quota; never negative."""
        return max(0.0, float((self.raw.get("quotaPrices") or {}).get(site, 0.0)))

    def budget_prices(self, count: int) -> list[float]:
        """Return nu, the prices of the budgets; never negative.

        Raises:
            ValueError: not one for each budget.
        """
        prices = [max(0.0, float(price)) for price in self.raw.get("budgetPrices") or [0.0] * count]
        if len(prices) != count:
            raise ValueError(f"budgetPrices has {len(prices)} prices for {count} budgets")
        return prices

    def row(self, datum: str, reader: str, kind: str, sites: Sequence[str], usual: float) -> Floats:
        """Shares or messages of one reader of one datum, site by site."""
        said = (((self.raw.get("data") or {}).get(datum) or {}).get(reader) or {}).get(kind) or {}
        return np.array([float(said.get(site, usual)) for site in sites])


def bound(part: Part, tariff: Tariff, objective: str, budgets: Budgets, multipliers: Multipliers) -> float:
    """Return the bound that the multipliers prove for every permitted placement of a part within quotas and budgets.

    Raises:
        ValueError: a multiplier is no number, or a dataset has no copy.
    """
    nus = multipliers.budget_prices(len(budgets))
    priced = [(objective, 1.0), *((name, nu) for (name, _), nu in zip(budgets, nus, strict=True) if nu > 0)]
    terms = _Terms(part, tariff, priced, multipliers)
    terms.add_computing()
    price = terms.price_per_byte()
    for key, readers in sorted(terms.readers().items()):
        terms.add_datum(key, sorted(readers), price)
    parts = [terms.least(name) for name in sorted(terms.allowed)]
    parts += [-nu * limit for nu, (_, limit) in zip(nus, budgets, strict=True)]
    for name, site in sorted(tariff.inventory.sites.items()):
        if site.quota_cpu_hours is not None:
            parts.append(-multipliers.quota_price(name) * site.quota_cpu_hours)
    proven = math.fsum(parts)
    if math.isnan(proven):
        raise ValueError("the multipliers are not numbers")
    return proven - 4 * _ULP * sum(map(abs, parts)) if math.isfinite(proven) else proven


class _Terms:
    """Sums for each block and site, with the magnitudes that went into them; a block bears its first member's name.

    Attributes:
        allowed: where each block may be.
    """

    def __init__(
        self, part: Part, tariff: Tariff, priced: Sequence[tuple[str, float]], multipliers: Multipliers
    ) -> None:
        self._part, self._tariff, self._priced, self._multipliers = part, tariff, priced, multipliers
        self._sites = sorted(tariff.inventory.sites)
        blocks = blocks_of(part.graph)
        self._first = {name: members[0] for name, members in blocks.items()}
        self.allowed: dict[str, NDArray[np.bool_]] = {}
        for name, members in blocks.items():
            if name == members[0]:
                there = frozenset.intersection(*map(part.permits.sites_of, members))
                self.allowed[name] = np.array([site in there for site in self._sites])
        self._sum = {name: np.zeros(len(self._sites)) for name in self.allowed}
        self._size = {name: np.zeros(len(self._sites)) for name in self.allowed}
        self._count = dict.fromkeys(self.allowed, 0)

    def add_computing(self) -> None:
        """Add the cost of the tasks, quotas and budgets priced in."""
        sites = self._tariff.inventory.sites
        prices = [
            self._multipliers.quota_price(name) if sites[name].quota_cpu_hours is not None else 0.0
            for name in self._sites
        ]
        for name, task in sorted(self._part.graph.tasks.items()):
            cost = np.array([mu * self._tariff.hours(task, site) for mu, site in zip(prices, self._sites, strict=True)])
            for each, weight in self._priced:
                cost += weight * np.array([self._tariff.computing(each, task, site) for site in self._sites])
            self._add(self._first[name], cost, np.abs(cost))

    def readers(self) -> dict[str, set[str]]:
        """Return the blocks that read each datum, but for the one that writes it."""
        graph, found = self._part.graph, dict[str, set[str]]()
        for name, task in graph.tasks.items():
            for key in task.reads:
                producer = graph.data[key].producer
                is_made_here = producer is not None and self._first[producer] == self._first[name]
                if is_brought(graph.data[key], name) and not is_made_here:
                    found.setdefault(key, set()).add(self._first[name])
        return found

    def add_datum(self, key: str, readers: Sequence[str], price: Floats) -> None:
        """One datum: shares of what fetching it costs, or messages and what they leave of its crossings.

        Args:
            key: of the datum.
            readers: blocks.
            price: of one byte: (from, to).
        """
        datum = self._part.graph.data[key]
        usual = 1 / len(readers)
        shares = np.array([self._multipliers.row(key, name, "shares", self._sites, usual) for name in readers])
        shares = np.maximum(shares, 0.0)
        total = shares.sum(axis=0) * (1 + (len(readers) + 2) * _ULP)
        shares /= np.where(total > 1, total, 1.0)
        for name, share in zip(readers, shares, strict=True):
            if datum.producer is None:
                cost = share * self._fetching(datum)
                self._add(name, cost, np.abs(cost))
                continue
            message = self._multipliers.row(key, name, "messages", self._sites, 0.0)
            self._add(name, message, np.abs(message))
            # From each site of the writer: the least over the reader's sites.
            crossing = (share * datum.size_bytes)[None, :] * price
            here = self.allowed[name][None, :]
            least = np.where(here, crossing - message[None, :], np.inf).min(axis=1)
            size = np.where(here, crossing + np.abs(message)[None, :], 0.0).max(axis=1)
            self._add(self._first[datum.producer], least, size)

    def least(self, block: str) -> float:
        """Return the least over the allowed sites, after all that rounding may have added is taken off."""
        error = (self._count[block] + 10 + 2 * len(self._priced)) * _ULP * self._size[block]
        return float(np.where(self.allowed[block], self._sum[block] - error, np.inf).min())

    def price_per_byte(self) -> Floats:
        """Return the price of a byte as (from, to)."""
        return np.array([[self._moving(1.0, origin, target) for target in self._sites] for origin in self._sites])

    def _fetching(self, datum: Datum) -> Floats:
        """Return the cost of bringing a datum that no task writes to each site; nothing where it has no copy."""
        origins = [self._tariff.origins(datum, site) or (site,) for site in self._sites]
        pairs = zip(origins, self._sites, strict=True)
        return np.array([self._moving(datum.size_bytes, found[0], site) for found, site in pairs])

    def _moving(self, size_bytes: float, origin: str, target: str) -> float:
        return sum(weight * self._tariff.moving(each, size_bytes, origin, target) for each, weight in self._priced)

    def _add(self, block: str, term: Floats, size: Floats) -> None:
        self._sum[block] += term
        self._size[block] += size
        self._count[block] += 1
