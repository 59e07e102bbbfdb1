"""What the multipliers in bound.json prove, recomputed by the formula of docs/bound.md, rounding against itself."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moorage.policy import meet
from pipeline_splitter.checking.blocks import blocks_of
from pipeline_splitter.checking.carrying import Carried, Permits, Rules, carry, declared
from pipeline_splitter.checking.charging import Tariff, is_brought
from pipeline_splitter.checking.findings import CheckInputs
from pipeline_splitter.checking.rewiring import Option, insert, is_at, needs, spot_of
from pipeline_splitter.graph import Datum, Graph, Read, Step

Floats = NDArray[np.float64]
Budgets = Sequence[tuple[str, float]]
_ULP = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of all choices of releases: inserted, not inserted, not decided."""

    taken: frozenset[Option]
    left: frozenset[Option]
    free: frozenset[Option]

    def at(self, slot: Sequence[Option]) -> frozenset[Option | None]:
        """What a slot may take in this part; None: the original."""
        taken = [option for option in slot if option in self.taken]
        if taken:
            return frozenset(taken) if len(taken) == 1 else frozenset()
        return frozenset({None, *(option for option in slot if option in self.free)})


def covers(branches: Sequence[Branch], slots: Sequence[Sequence[Option]]) -> bool:
    """Whether every choice is in one of the parts."""
    if not branches:
        return False
    first = branches[0]
    narrow = next((slot for slot in slots if first.at(slot) != {None, *slot}), None)
    if narrow is None:
        return True
    rest = [slot for slot in slots if slot is not narrow]
    return all(covers([branch for branch in branches if taken in branch.at(narrow)], rest) for taken in (None, *narrow))


@dataclass(frozen=True, slots=True)
class Part:
    """A branch's graph and where its tasks may be.

    Where something is undecided it is a relaxation: whoever has not decided does not bring that artifact, and finds in
    it what permits all that the original or the released form permits.
    """

    graph: Graph
    permits: Permits


def part_of(branch: Branch, inputs: CheckInputs) -> Part:
    """What has to be bounded for a branch."""
    graph = insert(inputs.graph, branch.taken, inputs.datasets)

    def view(step: Step, read: Read, rules: Rules) -> Rules:
        if read.datum is None or read.is_list:
            return rules
        weaker = dict(rules)
        for option in sorted(branch.free):
            if option.reader == step.name and option.spot == spot_of(read, graph) and option.dataset in rules:
                release = declared(option.dataset, option.release, inputs.datasets)
                if release is not None:
                    weaker[option.dataset] = meet(option.dataset, weaker[option.dataset], release.yields)
        return weaker

    carried: Carried = carry(graph, inputs.datasets, view) if branch.free else carry(graph, inputs.datasets)
    return Part(_lighter(graph, branch.free), Permits(graph, carried, inputs.datasets, inputs.inventory))


def _lighter(graph: Graph, free: Iterable[Option]) -> Graph:
    """The graph in which whoever has not decided brings nothing, but still comes after who makes it."""
    order, tasks = set(graph.order), dict(graph.tasks)
    for reader, spot in sorted({option.slot for option in free}):
        (name,) = [task.name for task in graph.tasks.values() if any(step.name == reader for step in task.steps)]
        task = tasks[name]
        steps = tuple(
            replace(step, reads=tuple(read for read in step.reads if not is_at(read, spot, graph)))
            if step.name == reader
            else step
            for step in task.steps
        )
        task = replace(task, steps=steps)
        if not needs(task, spot.datum):
            task = replace(task, reads=tuple(key for key in task.reads if key != spot.datum))
        tasks[name] = task
        producer = graph.data[spot.datum].producer
        if producer is not None and producer != name:
            order.add((producer, name))
    return replace(graph, tasks=tasks, order=frozenset(order))


def nowhere(part: Part) -> str | None:
    """A task that, with what must stay with it, may be at no site; None where there is none."""
    for name, members in sorted(blocks_of(part.graph).items()):
        if name == members[0] and not frozenset.intersection(*map(part.permits.sites_of, members)):
            return name
    return None


@dataclass(frozen=True, slots=True)
class Multipliers:
    """As bound.json has them; what is not there has a default."""

    raw: Mapping[str, Any]

    def quota_price(self, site: str) -> float:
        """mu; never negative."""
        return max(0.0, float((self.raw.get("quotaPrices") or {}).get(site, 0.0)))

    def budget_prices(self, count: int) -> list[float]:
        """nu; never negative.

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
    """What the multipliers prove of every permitted placement of a part within quotas and budgets.

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
        raise ValueError("the multipliers are no numbers")
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
        """What the tasks cost, quotas and budgets priced in."""
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
        """The blocks that read each datum, but for the one that writes it."""
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
        """The least over the allowed sites, after all that rounding may have added is taken off."""
        error = (self._count[block] + 10 + 2 * len(self._priced)) * _ULP * self._size[block]
        return float(np.where(self.allowed[block], self._sum[block] - error, np.inf).min())

    def price_per_byte(self) -> Floats:
        """(from, to)."""
        return np.array([[self._moving(1.0, origin, target) for target in self._sites] for origin in self._sites])

    def _fetching(self, datum: Datum) -> Floats:
        """What bringing a datum that no task writes to each site costs; nothing where there is no copy anywhere."""
        origins = [self._tariff.origins(datum, site) or (site,) for site in self._sites]
        pairs = zip(origins, self._sites, strict=True)
        return np.array([self._moving(datum.size_bytes, found[0], site) for found, site in pairs])

    def _moving(self, size_bytes: float, origin: str, target: str) -> float:
        return sum(weight * self._tariff.moving(each, size_bytes, origin, target) for each, weight in self._priced)

    def _add(self, block: str, term: Floats, size: Floats) -> None:
        self._sum[block] += term
        self._size[block] += size
        self._count[block] += 1
