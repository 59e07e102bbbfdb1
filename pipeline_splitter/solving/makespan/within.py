"""Epsilon constraint: the cheapest placement whose schedule ends within a time."""

import math
from dataclasses import replace

import numpy as np

from pipeline_splitter.problem import Costs, Flags, Integers, Limits, TimeProblem, TimeSolution
from pipeline_splitter.solving import evaluate, interface
from pipeline_splitter.solving.makespan import bounds, exact, fastest, schedules, search
from pipeline_splitter.solving.makespan.network import Network, prepare
from pipeline_splitter.solving.makespan.schedules import Schedule

_ROUNDING = 1e-12
"""Relative: a schedule that exceeds the time by less is within it."""
_LINEAR_SHARE = 0.3
_FAST_SHARE = 0.4
_ANNEALINGS = 4
_TURNS_PER_TASK = 1000
_LEAST_SECONDS = 0.05
_INFEASIBLE = TimeSolution(None, None, math.inf, math.inf, infeasible=True, solver="presolve")


def solve_within(t: TimeProblem, horizon_seconds: float, limits: Limits) -> TimeSolution:
    """Return the least of the problem's own cost among placements with a schedule that ends by then.

    Args:
        t: what is asked; quotas and budgets hold as well.
        horizon_seconds: the latest end.
        limits: when to stop.
    """
    if not t.problem.allowed.any(axis=1).all() or horizon_seconds < 0:
        return _INFEASIBLE
    network = prepare(t)
    horizon = horizon_seconds * (1 + _ROUNDING)
    known = bounds.times(network, network.allowed)
    end = limits.clock() + _LINEAR_SHARE * (limits.deadline - limits.clock())
    supposed = bounds.Refuter(network, known, lambda: limits.clock() >= end).supposed(horizon)
    if supposed is None:
        return _INFEASIBLE
    narrowed = replace(t, problem=replace(t.problem, allowed=_narrowed(network, supposed)))
    if not narrowed.problem.allowed.any(axis=1).all():
        return _INFEASIBLE
    return _Bargain(prepare(narrowed), supposed, horizon, limits).run()


def _narrowed(network: Network, supposed: bounds.Times) -> Flags:
    """Return (n, s): where blocks can be if all is to end in time."""
    allowed = network.problem.problem.allowed.copy()
    np.logical_and.at(allowed, network.arrays.block_of, supposed.allowed)
    return allowed


class _Bargain:
    """The state of the search for the cheapest placement in time."""

    def __init__(self, network: Network, supposed: bounds.Times, horizon: float, limits: Limits) -> None:
        self._network = network
        self._supposed = replace(supposed, allowed=network.allowed)
        self._horizon = horizon
        self._limits = limits
        self._best: Schedule | None = None
        self._value = math.inf
        self._bound = 0.0
        self._solver = "list"

    def run(self) -> TimeSolution:
        """Solve the relaxation without a time, then make a fast schedule cheaper, then solve the exact model."""
        problem = self._network.problem.problem
        tasks, sites = self._network.arrays.seconds.shape
        large = tasks * sites > fastest.SMALL
        relaxed = interface.solve(problem, self._share(_LINEAR_SHARE)) if large else None
        if relaxed is not None:
            if relaxed.infeasible:
                return replace(_INFEASIBLE, solver=relaxed.solver)
            self._raise(relaxed.lower_bound)
            if relaxed.placement is not None:
                self._offer(fastest.listed(self._network, relaxed.placement), relaxed.solver)
        if not self._done():
            impossible = self._hurry(None if relaxed is None else relaxed.placement)
            if impossible:
                return replace(_INFEASIBLE, solver="cp-sat")
        if not self._done() and large:
            self._anneal(problem.costs)
        left = self._limits.deadline - self._limits.clock()
        if not self._done() and exact.is_small_enough(self._network, self._network.allowed, left):
            impossible = self._prove(problem.costs)
            if impossible:
                return replace(_INFEASIBLE, solver="cp-sat")
        if self._best is None:
            return TimeSolution(None, None, math.inf, self._bound, solver=self._solver)
        chosen = schedules.placement(self._network, self._best)
        return TimeSolution(chosen, self._best.starts, self._value, self._bound, solver=self._solver)

    def _hurry(self, cheapest: Integers | None) -> bool:
        """Looks for any schedule in time; true: it was proven that there is none."""
        hunt = fastest.Hunt(self._network, self._share(_FAST_SHARE), enough=self._horizon)
        if cheapest is not None:
            hunt.offer(fastest.listed(self._network, cheapest), "list")
        hunt.run()
        if hunt.best is not None:
            self._offer(hunt.best, hunt.solver)
        return hunt.infeasible or hunt.bound > self._horizon

    def _anneal(self, costs: Costs) -> None:
        """Cheaper and cheaper, in time."""
        budgets = [(budget.costs, budget.limit) for budget in self._network.problem.problem.budgets]
        for round_number in range(_ANNEALINGS):
            if self._best is None or self._done():
                return
            found = search.anneal(
                self._network,
                self._supposed.tails,
                self._best,
                costs=[(costs, math.inf), *budgets],
                horizon=self._horizon,
                turns=min(_TURNS_PER_TASK * len(self._network.order), fastest.MOST_TURNS),
                round_number=round_number,
                done=lambda value: value - self._bound <= self._limits.gap * value or self._expired(),
            )
            self._offer(found, "annealing")

    def _prove(self, costs: Costs) -> bool:
        """CP-SAT; true: it was proven that there is nothing in time."""
        model = exact.Exact(self._network, self._supposed, self._horizon)
        model.minimise_cost(self._value if math.isfinite(self._value) else self._dearest(costs))
        if self._best is not None:
            model.hint(self._best)
        remaining = self._limits.deadline - self._limits.clock()
        if remaining < _LEAST_SECONDS:
            return False
        found = model.solve(remaining, self._limits.gap, self._raise)
        if found.infeasible:
            return self._best is None
        if found.sites is not None and found.order is not None:
            schedule = schedules.in_order(self._network, found.sites, found.order)
            self._offer(schedules.improved(self._network, schedule), "cp-sat")
        self._raise(found.bound)
        return False

    def _dearest(self, costs: Costs) -> float:
        """Return a scale that no placement's cost exceeds by orders of magnitude."""
        nets = self._network.problem.problem.nets
        return float(costs.unary.max(axis=1).sum() + costs.price.max() * nets.size_bytes.sum() + costs.fixed.sum())

    def _offer(self, schedule: Schedule, solver: str) -> None:
        """Takes a schedule that is in time, permitted and cheaper."""
        if schedule.makespan > self._horizon or not schedules.is_feasible(self._network, schedule):
            return
        problem = self._network.problem.problem
        value = evaluate.cost(problem.costs, problem.nets, schedules.placement(self._network, schedule))
        if value < self._value:
            self._best, self._value, self._solver = schedule, value, solver
            self._bound = min(self._bound, value)
            self._limits.progress(value, self._bound)

    def _raise(self, bound: float) -> None:
        """Takes a better bound."""
        bound = min(bound, self._value)
        if bound > self._bound:
            self._bound = bound
            self._limits.progress(self._value if self._best is not None else None, bound)

    def _done(self) -> bool:
        """Return whether to stop."""
        good = self._best is not None and self._value - self._bound <= self._limits.gap * self._value
        return good or self._expired()

    def _expired(self) -> bool:
        """Return whether the time is up."""
        return self._limits.clock() >= self._limits.deadline

    def _share(self, share: float) -> Limits:
        """Limits for a part of the remaining time, heard by nobody."""
        now = self._limits.clock()
        return Limits(self._limits.gap, now + share * (self._limits.deadline - now), self._limits.clock)
