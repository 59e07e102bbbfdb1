"""The exact solver: OR-tools' CP-SAT, over integers that are rounded so that what it proves holds.

Seconds are counted in ticks, rounded down, quotas and budgets up: every real schedule is one of the model's too, never
longer than it is. So the model's bound, times the tick, is a bound; its schedules are counted again exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline_splitter.problem import Costs, Flags, Floats, Integers
from pipeline_splitter.solving.evaluate import TOLERANCE
from pipeline_splitter.solving.makespan.bounds import Times
from pipeline_splitter.solving.makespan.network import Network
from pipeline_splitter.solving.makespan.schedules import Schedule, ordered

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpSolver

_TICKS = 2**26
"""The number of ticks of the known makespan. With 2**34 OR-tools 9.15 called feasible models infeasible."""
_UNITS = 2**26
"""The number of units of a limit."""
_LARGEST_MODEL = 1_500_000
_SECONDS_PER_TERM = 1e-5
_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class Found:
    """The exact solver's result.

    Attributes:
        sites: (t,); None where it found nothing.
        order: (t,) tasks by start.
        bound: on the makespan in seconds, or on the cost; -infinity where nothing is known.
        infeasible: proven: nothing as short (or as cheap) as was asked.
    """

    sites: Integers | None
    order: Integers | None
    bound: float
    infeasible: bool = False


def size(network: Network, allowed: Flags) -> int:
    """Estimate the number of terms of the model."""
    arrays = network.arrays
    here = allowed.sum(axis=1)
    return int(here.sum() + (here[arrays.in_task] * here[network.waits_of]).sum())


def is_small_enough(network: Network, allowed: Flags, seconds: float) -> bool:
    """Return whether the model fits memory with ease, and is made in a part of the time that is left."""
    terms = size(network, allowed)
    return terms <= _LARGEST_MODEL and terms * _SECONDS_PER_TERM < seconds / 2


class Exact:
    """One model: fill in, then solve once.

    Args:
        network: the problem as a network.
        known: where tasks can still be, and how early and late, under `longest`.
        longest: seconds: only schedules at most so long are looked for.
    """

    def __init__(self, network: Network, known: Times, longest: float) -> None:
        from ortools.sat.python import cp_model  # noqa: PLC0415  # slow to load

        self._library = cp_model
        self._model: Any = cp_model.CpModel()
        self._network = network
        self._known = known
        self._tick = max(longest, 1e-9) / _TICKS
        self._longest = math.floor(longest * (1 + _MARGIN) / self._tick) + 1
        self._seconds = self._ticks(network.arrays.seconds)
        self._heads = self._ticks(np.where(known.allowed, known.heads, 0.0))
        self._tails = self._ticks(np.where(known.allowed, known.tails, 0.0))
        self._block_allowed = _block_allowed(network, known.allowed)
        self._at = self._place_blocks()
        self._starts = self._begin_tasks()
        self._last = self._model.new_int_var(0, self._longest, "")
        self._tie_tasks()
        self._tie_waits()
        self._limit_slots()
        self._limit_quotas()
        for budget in network.problem.problem.budgets:
            self._spend(budget.costs, budget.limit, minimise=False)
        self._unit = self._tick

    def minimise_makespan(self) -> None:
        """Minimise the last end."""
        self._model.minimize(self._last)

    def minimise_cost(self, known_value: float) -> None:
        """Minimise the problem's own cost, at most about a known one."""
        self._unit = self._spend(self._network.problem.problem.costs, known_value, minimise=True)

    def hint(self, schedule: Schedule) -> None:
        """Hint a schedule to begin with."""
        for block, member in enumerate(self._network.arrays.block_starts[:-1].tolist()):
            if member == self._network.arrays.block_starts[block + 1]:
                continue
            chosen = int(schedule.sites[self._network.arrays.block_tasks[member]])
            for site, literal in self._at[block].items():
                self._model.add_hint(literal, site == chosen)
        for task, start in enumerate(self._ticks(schedule.starts).tolist()):
            self._model.add_hint(self._starts[task], start)

    def solve(self, seconds: float, gap: float, tell: Callable[[float], None]) -> Found:
        """Searches for at most so long; `tell` hears of better bounds."""
        solver = self._library.CpSolver()
        parameters = solver.parameters
        parameters.max_time_in_seconds = max(seconds, 0.01)
        parameters.num_workers = 2
        # Interleaved, the search is the same however fast the workers are.
        parameters.interleave_search = True
        parameters.random_seed = 1
        parameters.relative_gap_limit = gap / 2
        unit = self._unit
        solver.best_bound_callback = lambda bound: tell(bound * unit * (1 - _MARGIN))
        status = solver.solve(self._model)
        if status == self._library.INFEASIBLE:
            return Found(None, None, -math.inf, infeasible=self._is_infeasible(solver, seconds - solver.wall_time))
        bound = solver.best_objective_bound * unit * (1 - _MARGIN)
        if status not in {self._library.OPTIMAL, self._library.FEASIBLE}:
            return Found(None, None, bound if math.isfinite(bound) else -math.inf)
        block_sites = np.zeros(len(self._at), dtype=np.int64)
        for block, literals in enumerate(self._at):
            for site, literal in literals.items():
                if solver.boolean_value(literal):
                    block_sites[block] = site
        starts = np.array([solver.value(start) for start in self._starts], dtype=np.float64)
        sites = block_sites[self._network.arrays.block_of]
        ends = starts + self._seconds[np.arange(len(sites)), sites]
        return Found(sites, ordered(self._network, starts, ends), bound)

    def _is_infeasible(self, solver: "CpSolver", seconds: float) -> bool:
        """Confirm infeasibility without presolve: nothing is called infeasible on one word."""
        solver.parameters.cp_model_presolve = False
        solver.parameters.max_time_in_seconds = max(seconds, 0.01)
        return bool(solver.solve(self._model) == self._library.INFEASIBLE)

    def _ticks(self, seconds: Floats) -> Integers:
        """Rounded down, and no more than the model's end."""
        return np.floor(np.minimum(seconds / self._tick, self._longest + 1) * (1 - 1e-12)).astype(np.int64)

    def _place_blocks(self) -> list[dict[int, Any]]:
        """Make one literal for each block and each of its sites; exactly one holds."""
        at: list[dict[int, Any]] = []
        for row in self._block_allowed:
            literals = {site: self._model.new_bool_var("") for site in np.flatnonzero(row).tolist()}
            self._model.add_exactly_one(literals.values())
            at.append(literals)
        return at

    def _begin_tasks(self) -> list[Any]:
        """Make the start variable of each task."""
        starts = []
        for task, block in enumerate(self._network.arrays.block_of.tolist()):
            here = list(self._at[block])
            if not here:
                self._model.add_bool_or([])
            first = int(self._heads[task, here].min()) if here else 0
            rest = int((self._seconds + self._tails)[task, here].min()) if here else 0
            starts.append(self._model.new_int_var(first, max(first, self._longest - rest), ""))
        return starts

    def _sum(self, block: int, amounts: Integers) -> Any:  # noqa: ANN401  # the library's own type
        """Return the amount at the site where the block is, as the least plus what exceeds it: that propagates best."""
        here = self._at[block]
        least = min((int(amounts[site]) for site in here), default=0)
        more = [(int(amounts[site]) - least, literal) for site, literal in here.items() if amounts[site] > least]
        return least + sum(amount * literal for amount, literal in more)

    def _tie_tasks(self) -> None:
        """Starts no earlier than the site allows; the last end no earlier than what must follow."""
        for task, block in enumerate(self._network.arrays.block_of.tolist()):
            self._model.add(self._starts[task] >= self._sum(block, self._heads[task]))
            rest = self._sum(block, self._seconds[task] + self._tails[task])
            self._model.add(self._last >= self._starts[task] + rest)

    def _tie_waits(self) -> None:
        """Starts no earlier than arrivals."""
        arrays = self._network.arrays
        block_of = arrays.block_of.tolist()
        for task, block in enumerate(block_of):
            by_datum: dict[int, list[int]] = {}
            for wait in range(int(arrays.out_starts[task]), int(arrays.out_starts[task + 1])):
                by_datum.setdefault(int(arrays.out_datum[wait]), []).append(int(arrays.out_task[wait]))
            end = self._starts[task] + self._sum(block, self._seconds[task])
            for datum, readers in by_datum.items():
                for reader in readers:
                    self._model.add(self._starts[reader] >= end)
                away = [reader for reader in readers if block_of[reader] != block]
                if datum >= 0 and away:
                    self._tie_datum(task, datum, away)

    def _tie_datum(self, task: int, datum: int, readers: list[int]) -> None:
        """One arrival for each site where a reader can be."""
        arrays = self._network.arrays
        block_of = arrays.block_of.tolist()
        block = block_of[task]
        delays = self._ticks(arrays.delay[datum])
        for site in sorted({site for reader in readers for site in self._at[block_of[reader]]}):
            if not delays[list(self._at[block]), site].any():
                continue
            arrival = self._starts[task] + self._sum(block, self._seconds[task] + delays[:, site])
            here = [reader for reader in readers if site in self._at[block_of[reader]]]
            if len(here) > 1:
                there = self._model.new_int_var(0, 3 * self._longest + 3, "")
                self._model.add(there >= arrival)
                arrival = there
            for reader in here:
                self._model.add(self._starts[reader] >= arrival).only_enforce_if(self._at[block_of[reader]][site])

    def _limit_slots(self) -> None:
        """Limit the number of tasks at once at a site."""
        arrays = self._network.arrays
        for site, slots in enumerate(arrays.slots.tolist()):
            intervals = []
            for task, block in enumerate(arrays.block_of.tolist()):
                if site in self._at[block]:
                    literal = self._at[block][site]
                    length = int(self._seconds[task, site])
                    intervals.append(
                        self._model.new_optional_fixed_size_interval_var(self._starts[task], length, literal, "")
                    )
            if slots == 1:
                self._model.add_no_overlap(intervals)
            elif 0 < slots < len(intervals):
                self._model.add_cumulative(intervals, [1] * len(intervals), slots)

    def _limit_quotas(self) -> None:
        """CPU-hours within quotas."""
        arrays = self._network.arrays
        for site in np.flatnonzero(np.isfinite(arrays.quota_hours)).tolist():
            most = float(arrays.quota_hours[site])
            terms = []
            for block, literals in enumerate(self._at):
                if site not in literals:
                    continue
                hours = float(arrays.hours[block, site])
                if hours > most:
                    self._model.add(literals[site] == 0)
                elif hours > 0:
                    terms.append(math.floor(hours / most * _UNITS) * literals[site])
            if terms:
                self._model.add(sum(terms) <= _UNITS)

    def _spend(self, costs: Costs, limit: float, *, minimise: bool) -> float:
        """Return a cost as a sum of integers: kept within a limit, or minimised; returns what one of them is worth."""
        unit = max(limit, 1e-200) * (1 + TOLERANCE) / _UNITS
        most = 2 * _UNITS

        def units(amounts: Floats) -> Integers:
            return np.floor(np.minimum(amounts / unit, most) * (1 - 1e-12)).astype(np.int64)

        unary = units(costs.unary)
        terms = [self._sum(block, unary[block]) for block in range(len(self._at))]
        nets = self._network.problem.problem.nets
        for net, producer in enumerate(nets.producer.tolist()):
            readers = nets.readers[nets.starts[net] : nets.starts[net + 1]].tolist()
            if producer >= 0:
                terms += self._pay_crossings(producer, readers, units(costs.price * nets.size_bytes[net]))
            else:
                terms += self._pay_fetches(readers, units(costs.fixed[net]))
        if minimise:
            self._model.minimize(sum(terms))
        elif limit < 0:
            self._model.add_bool_or([])
        else:
            self._model.add(sum(terms) <= _UNITS + 1)
        return unit

    def _pay_fetches(self, readers: list[int], prices: Integers) -> list[Any]:
        """Return the cost terms of a net that nobody writes, once at each site where a reader is."""
        terms = []
        for site in self._sites_of(readers):
            if prices[site] > 0:
                read = self._model.new_bool_var("")
                for reader in readers:
                    if site in self._at[reader]:
                        self._model.add_implication(self._at[reader][site], read)
                terms.append(int(prices[site]) * read)
        return terms

    def _pay_crossings(self, producer: int, readers: list[int], prices: Integers) -> list[Any]:
        """Return the cost terms of a net, once at each reader's site; `prices`: (s, s) from the producer's site."""
        terms = []
        for site in self._sites_of(readers):
            highest = int(prices[list(self._at[producer]), site].max(initial=0))
            if highest > 0:
                paid = self._model.new_int_var(0, highest, "")
                price = self._sum(producer, prices[:, site])
                for reader in readers:
                    if site in self._at[reader]:
                        self._model.add(paid >= price).only_enforce_if(self._at[reader][site])
                terms.append(paid)
        return terms

    def _sites_of(self, blocks: list[int]) -> list[int]:
        """Return the sites where any of these blocks can be."""
        return sorted({site for block in blocks for site in self._at[block]})


def _block_allowed(network: Network, allowed: Flags) -> Flags:
    """Return (n, s): where every task of a block can be."""
    blocks = network.problem.problem.allowed.copy()
    np.logical_and.at(blocks, network.arrays.block_of, allowed)
    return blocks
