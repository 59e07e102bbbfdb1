"""The shortest schedule: lists, bounds, then CP-SAT where the problem is small, annealing where it is not."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline_splitter.problem import Integers, Limits, TimeProblem, TimeSolution
from pipeline_splitter.solving import interface
from pipeline_splitter.solving.makespan import bounds, exact, listing, schedules, search
from pipeline_splitter.solving.makespan.network import Network, prepare
from pipeline_splitter.solving.makespan.schedules import Schedule

SMALL = 600
"""Tasks times sites up to here need no other solver to begin with."""
TINY = 100
"""Tasks times sites up to here are not annealed."""
_MEDIUM = 3000
"""Tasks times sites above this are annealed again and again before the exact solver is tried."""
TURNS_PER_TASK = 400
MOST_TURNS = 400_000
_ANNEALINGS = 8
_FEW_ANNEALINGS = 2
_FEASIBLE_SHARE = 0.3
_BOUND_SHARE = 0.3
_LEAST_SECONDS = 0.05


def solve_time(t: TimeProblem, limits: Limits, first: TimeSolution | None = None) -> TimeSolution:
    """Return the shortest schedule within quotas and budgets, with a bound that holds for every one.

    Args:
        t: what is asked.
        limits: when to stop.
        first: a known solution, to begin with where it meets the constraints.
    """
    if not t.problem.allowed.any(axis=1).all():
        return TimeSolution(None, None, math.inf, math.inf, infeasible=True, solver="presolve")
    hunt = Hunt(prepare(t), limits)
    if first is not None and first.placement is not None and first.task_starts is not None:
        sites = first.placement[t.block_of].astype(np.int64)
        if hunt.network.allowed[np.arange(len(sites)), sites].all():
            hunt.offer(schedules.given(hunt.network, sites, first.task_starts), "warm start")
    hunt.run()
    return hunt.answer()


@dataclass(slots=True)
class Hunt:
    """The state of the search for the shortest schedule.

    Attributes:
        network: the problem as a network.
        limits: when to stop.
        enough: seconds: a schedule so short will do.
    """

    network: Network
    limits: Limits
    enough: float = 0.0
    best: Schedule | None = None
    bound: float = 0.0
    infeasible: bool = False
    solver: str = "list"

    def run(self) -> None:
        """Run every step in turn, until it is good enough or the time is up."""
        if len(self.network.order) == 0 and not self.network.problem.problem.budgets:
            self.offer(Schedule(np.zeros(0, dtype=np.int64), np.zeros(0), 0.0), "list")
            return
        known = bounds.times(self.network, self.network.allowed)
        self.raise_bound(bounds.by_paths(self.network, known))
        for schedule in listing.schedules(self.network, known, self._expired(1.0)):
            self.offer(schedule, "list")
            if self.done():
                return
        sites = self.network.arrays.seconds.shape[1]
        if self.best is None and len(self.network.order) * sites > SMALL:
            self._begin_cheaply()
        if self.infeasible or self.done():
            return
        refuter = bounds.Refuter(self.network, known, self._expired(_BOUND_SHARE))
        if self.best is not None:
            self.raise_bound(refuter.bound(self.bound, self.best.makespan, self.raise_bound))
            if self.done():
                return
        unlimited = not (self.network.arrays.slots > 0).any()
        if len(self.network.order) * sites > TINY and not unlimited:
            self._anneal(known, _ANNEALINGS if len(self.network.order) * sites > _MEDIUM else _FEW_ANNEALINGS)
        if not self.done():
            self._prove(known, refuter)

    def offer(self, schedule: Schedule, solver: str) -> None:
        """Takes a schedule that is permitted and shorter than the best."""
        if self.best is not None and schedule.makespan >= self.best.makespan:
            return
        if not schedules.is_feasible(self.network, schedule):
            return
        self.best, self.solver = schedule, solver
        self.bound = min(self.bound, schedule.makespan)
        self.limits.progress(schedule.makespan, self.bound)

    def raise_bound(self, bound: float) -> None:
        """Takes a better bound."""
        value = None if self.best is None else self.best.makespan
        bound = bound if value is None else min(bound, value)
        if bound > self.bound:
            self.bound = bound
            self.limits.progress(value, bound)

    def done(self) -> bool:
        """Return whether to stop."""
        return self._good() or self._expired(1.0)()

    def answer(self) -> TimeSolution:
        """Return the best schedule and bound as a solution."""
        if self.infeasible:
            return TimeSolution(None, None, math.inf, math.inf, infeasible=True, solver=self.solver)
        if self.best is None:
            return TimeSolution(None, None, math.inf, self.bound, solver=self.solver)
        chosen = schedules.placement(self.network, self.best)
        return TimeSolution(chosen, self.best.starts, self.best.makespan, self.bound, solver=self.solver)

    def _good(self) -> bool:
        """Return whether the gap is small enough."""
        if self.best is None:
            return False
        value = self.best.makespan
        return value <= self.enough or value - self.bound <= self.limits.gap * value

    def _expired(self, share: float) -> Callable[[], bool]:
        """Return a function that tells whether that share of the remaining time is used."""
        now = self.limits.clock()
        end = now + share * (self.limits.deadline - now)
        return lambda: self.limits.clock() >= end

    def _begin_cheaply(self) -> None:
        """Find a placement that meets quotas and budgets, by the solver for linear costs."""
        problem = self.network.problem.problem
        if problem.budgets:
            problem = replace(problem, costs=problem.budgets[0].costs, budgets=problem.budgets[1:])
        now = self.limits.clock()
        deadline = now + _FEASIBLE_SHARE * (self.limits.deadline - now)
        found = interface.solve(problem, Limits(self.limits.gap, deadline, self.limits.clock))
        budgets = self.network.problem.problem.budgets
        beyond = bool(budgets) and found.lower_bound > budgets[0].limit * (1 + 2e-9)
        if found.infeasible or beyond:
            self.infeasible, self.solver = True, found.solver
            return
        if found.placement is not None:
            self.offer(listed(self.network, found.placement), "list")

    def _anneal(self, known: bounds.Times, rounds: int) -> None:
        """Anneal from the best schedule, again and again, each time less hot."""
        budgets = [(budget.costs, budget.limit) for budget in self.network.problem.problem.budgets]
        for round_number in range(rounds):
            if self.best is None or self.done():
                return
            found = search.anneal(
                self.network,
                known.tails,
                self.best,
                costs=budgets,
                horizon=math.inf,
                turns=min(TURNS_PER_TASK * len(self.network.order), MOST_TURNS),
                round_number=round_number,
                done=lambda value: value - self.bound <= self.limits.gap * value or self._expired(1.0)(),
            )
            self.offer(found, "annealing")

    def _prove(self, known: bounds.Times, refuter: bounds.Refuter) -> None:
        """CP-SAT, where the model is small enough; what it finds or proves."""
        longest = self._horizon(known) if self.best is None else self.best.makespan
        supposed = refuter.supposed(longest) or known if self.best is not None else known
        if not exact.is_small_enough(self.network, supposed.allowed, self.limits.deadline - self.limits.clock()):
            return
        model = exact.Exact(self.network, supposed, longest)
        model.minimise_makespan()
        if self.best is not None:
            model.hint(self.best)
        remaining = self.limits.deadline - self.limits.clock()
        if remaining < _LEAST_SECONDS:
            return
        found = model.solve(remaining, self.limits.gap, self.raise_bound)
        if found.infeasible and self.best is None:
            self.infeasible, self.solver = True, "cp-sat"
            return
        if found.sites is not None and found.order is not None:
            schedule = schedules.in_order(self.network, found.sites, found.order)
            self.offer(schedules.improved(self.network, schedule), "cp-sat")
        self.raise_bound(min(found.bound, longest))

    def _horizon(self, known: bounds.Times) -> float:
        """Return seconds within which any placement can be scheduled: one task after the other."""
        arrays = self.network.arrays
        longest = np.where(known.allowed, arrays.seconds + arrays.release, 0.0).max(axis=1).sum()
        used = arrays.in_datum[arrays.in_datum >= 0]
        return float(longest + arrays.delay[used].max(axis=(1, 2)).sum()) + 1.0


def listed(network: Network, chosen: Integers) -> Schedule:
    """Return a schedule for a placement of blocks, by the critical path."""
    sites = chosen[network.arrays.block_of].astype(np.int64)
    rank = np.zeros(len(sites))
    arrays = network.arrays
    starts, task_of, datum_of = arrays.out_starts.tolist(), arrays.out_task.tolist(), arrays.out_datum.tolist()
    for task in network.order[::-1].tolist():
        after = 0.0
        for wait in range(starts[task], starts[task + 1]):
            later = task_of[wait]
            delay = arrays.delay[datum_of[wait], sites[task], sites[later]] if datum_of[wait] >= 0 else 0.0
            after = max(after, float(rank[later] + delay))
        rank[task] = after + arrays.seconds[task, sites[task]]
    return schedules.improved(network, schedules.in_order(network, sites, schedules.ordered(network, -rank, -rank)))
