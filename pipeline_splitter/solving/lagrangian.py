"""Lagrangian relaxation of quotas and budgets, with a subgradient search, a repair, and HiGHS on what is left."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline_splitter.problem import Flags, Floats, Integers, Limits, Problem, Solution
from pipeline_splitter.solving import bound as bounds
from pipeline_splitter.solving import core as cores
from pipeline_splitter.solving import evaluate, extending, search
from pipeline_splitter.solving.core import CoreCosts
from pipeline_splitter.solving.ledger import Ledger
from pipeline_splitter.solving.multipliers import Multipliers, even, rescaled
from pipeline_splitter.solving.packing import Advice, packed
from pipeline_splitter.solving.readiness import affordable
from pipeline_splitter.solving.record import Record
from pipeline_splitter.solving.regions import Regions

if TYPE_CHECKING:  # it loads numba
    from pipeline_splitter.solving.smoothing.smoother import Smoother

_FIRST_SWEEPS, _MOST_SWEEPS = 60, 1_000
_BUDGET_SWEEPS = 60
_ROUNDS = 60
_LOOK_EVERY = 12
_MOVE_EVERY = 8
_HOT, _COLD = 0.3, 1e-5
_COOLER, _LEAST_HOT = 1.0, 1e-3
"""Later rounds begin at a temperature in proportion to the gap, and not below the least."""
_PACE = 150.0
_LIKELY_FLOWS = 12_000
_MOST_REGIONS = 100
_REGION_GAP = 1e-4
_SEED = 4711
_PART = 0.5
"""The share of the time left that looking for a better placement may take."""
_FASTER, _SLOWER = 1.3, 0.5
_SEARCH_PART = 0.6
"""The share of the time that may go by before the rest is given to HiGHS."""
_FINISH_FLOWS = 80_000


class Lagrangian:
    """Message passing over priced problems."""

    name = "lagrangian"

    def solve(self, problem: Problem, limits: Limits) -> Solution:
        """Implement `Solver.solve` by Lagrangian relaxation."""
        if not problem.allowed.any(axis=1).all():
            return Solution(None, math.inf, math.inf, infeasible=True, solver=self.name)
        return _Prices(problem, limits).solve(self.name)


class _Prices:
    """The search for prices of quotas (mu) and budgets (nu)."""

    def __init__(self, problem: Problem, limits: Limits) -> None:
        self.problem = problem
        self.limits = limits
        self.order = cores.topological_order(problem)
        self.core = cores.reduce(problem, problem.allowed, self.order)
        self.budget_limits = np.array([budget.limit for budget in problem.budgets])
        self.scarce = np.isfinite(problem.quota_cpu_hours)
        self.mu = np.zeros(len(problem.sites))
        self.nu = np.zeros(len(problem.budgets))
        self.best_mu, self.best_nu = self.mu, self.nu
        self.best: Multipliers | None = None
        self.bound = -math.inf
        self.choice: Integers | None = None
        self.value = math.inf
        self.regions = Regions(self.core, _SEED)

    def _priced(self, mu: Floats, nu: Floats) -> CoreCosts:
        core = self.core
        first = core.costs[0]
        unary = first.unary + np.where(self.scarce, mu, 0.0) * core.cpu_hours
        price, given, constant = first.price, first.given, first.constant
        constant -= float((mu[self.scarce] * core.quota_left[self.scarce]).sum())
        for rate, costs, limit in zip(nu.tolist(), core.costs[1:], self.budget_limits.tolist(), strict=True):
            unary = unary + rate * costs.unary
            price = price + rate * costs.price
            given = given + rate * costs.given
            constant += rate * (costs.constant - limit)
        return CoreCosts(unary, price, given, constant)

    def solve(self, name: str) -> Solution:
        """Search, then run HiGHS, then return the answer."""
        if len(self.core.blocks):
            self._begin()
        large = search.flows(self.core, self.core.allowed) > search.SMALL_FLOWS
        if len(self.core.blocks) and large and affordable(self.limits):
            now = self.limits.clock()
            self._search(now + _SEARCH_PART * (self.limits.deadline - now))
        proven, infeasible = self._finish()
        if infeasible:
            return Solution(None, math.inf, math.inf, infeasible=True, solver=f"{name}+highs")
        return self._solution(name, proven)

    def _begin(self) -> None:
        """Find a first placement within the constraints, if one is found at once, whatever the deadline."""
        core = self.core
        for cost in (core.costs[0].unary, core.cpu_hours):
            choice = np.where(core.allowed, cost, np.inf).argmin(axis=1)
            ledger = Ledger(core, choice, self.budget_limits)
            if ledger.repair():
                self._offer(ledger.choice)
                return

    def _search(self, last: float) -> None:
        """Rounds of sweeps; prices of quotas move within a round, prices of budgets between rounds."""
        from pipeline_splitter.solving.smoothing.smoother import Smoother  # noqa: PLC0415  # loads numba

        limits, core = self.limits, self.core
        usual = np.array([float(costs.unary.mean(axis=1).sum()) for costs in core.costs[1:]])
        step = 0.1 * self._worth() / np.maximum(np.maximum(np.abs(self.budget_limits), 1e-3 * usual), 1e-300)
        sign = np.zeros_like(step)
        costs = self._priced(self.mu, self.nu)
        smoother = Smoother(core, costs, Record(core, costs), even(core, costs))
        for number in range(_ROUNDS):
            sweeps = _BUDGET_SWEEPS if self.problem.budgets else min(_FIRST_SWEEPS << number, _MOST_SWEEPS)
            choice = self._round(smoother, sweeps, last)
            if self.gap <= limits.gap or limits.clock() >= last:
                return
            self._try_likely(smoother, last)
            if self.gap <= limits.gap or not self.problem.budgets:
                continue
            spent = Ledger(core, choice, self.budget_limits).spent[1:]
            dear = np.sign(spent - self.budget_limits)
            dear[(self.nu <= 0) & (dear < 0)] = 0.0
            step *= np.where(dear * sign > 0, _FASTER, np.where(dear * sign < 0, _SLOWER, 1.0))
            sign = dear
            self.nu = np.maximum(0.0, self.nu + dear * step)
            old, costs = costs, self._priced(self.mu, self.nu)
            smoother = Smoother(core, costs, smoother.record, rescaled(smoother.now(), old, costs, core))

    def _worth(self) -> float:
        """About what all costs."""
        proven = abs(self.bound) if math.isfinite(self.bound) else 0.0
        return max(proven, float(self.core.costs[0].unary.min(axis=1).sum()), 1e-300)

    def _round(self, smoother: "Smoother", sweeps: int, last: float) -> Integers:
        """Sweeps from hot to cold, each with a step of the quotas' prices; returns the last priced choice."""
        blocks = len(self.core.blocks)
        choice = smoother.choice()
        hot = min(_HOT, max(_LEAST_HOT, _COOLER * self.gap))
        hours_worth = self._worth() / max(float(self.core.cpu_hours.mean(axis=1).sum()), 1e-300)
        for number in range(sweeps):
            done = number / sweeps
            worth = self.value if math.isfinite(self.value) else self._worth()
            heat = hot * (_COLD / hot) ** done * abs(worth) / blocks
            priced = self._priced(self.mu, self.nu)
            smoother.reprice(priced.unary)
            smoother.sweep(np.full(smoother.record.piece_count, max(heat, 1e-290)), _PACE, prove=False)
            self._keep_bound(smoother, priced)
            if number % _MOVE_EVERY == _MOVE_EVERY - 1:
                smoother.move()
                self._keep_bound(smoother, priced)
            if number % _LOOK_EVERY == _LOOK_EVERY - 1 or number == sweeps - 1:
                choice = self._look(smoother, priced, last)
            if self.gap <= self.limits.gap or self.limits.clock() >= last:
                break
            self._step(smoother.likely(), heat, hours_worth * (1 - done))
        return choice

    def _keep_bound(self, smoother: "Smoother", priced: CoreCosts) -> None:
        bound = smoother.lower() + priced.constant
        if bound > self.bound:
            self.bound = bound
            self.best = smoother.now()
            self.best_mu, self.best_nu = self.mu.copy(), self.nu.copy()

    def _look(self, smoother: "Smoother", priced: CoreCosts, last: float) -> Integers:
        """Placements from the messages, repaired; returns the one that looks at prices alone."""
        core = self.core
        choice = smoother.decoded(full=True)
        for option in (packed(core, priced, Advice(smoother.now().loads, smoother.wanted())), choice):
            ledger = Ledger(core, option, self.budget_limits)
            if ledger.repair():
                ledger.improve(2)
                self._offer(ledger.choice)
            if self.limits.clock() >= last:
                break
        self.limits.progress(self.value if math.isfinite(self.value) else None, min(self.bound, self.value))
        return choice

    def _try_likely(self, smoother: "Smoother", last: float) -> None:
        """Let HiGHS look for better placements: among the sites that the messages like best, then region by region."""
        if self.choice is None:
            return
        now = self.limits.clock()
        until = now + _PART * (last - now)
        smoother.lower()
        tried = np.where(self.core.allowed, smoother.reduced(), np.inf)
        tried[np.arange(len(tried)), self.choice] = 0.0
        most = int(min(_LIKELY_FLOWS, search.bearable(self.limits)))
        self._decide_within(search.cheapest_within(self.core, tried, most), until)
        open_sites = self._left()[self.core.blocks]
        for _ in range(_MOST_REGIONS):
            if self.gap <= self.limits.gap or self.limits.clock() >= until:
                return
            self._decide_within(self.regions.around(open_sites, self.choice, most), until)

    def _decide_within(self, within: Flags, until: float) -> None:
        """Find the best placement with blocks where `within` has them, if HiGHS finds one in time."""
        from pipeline_splitter.solving import highs  # noqa: PLC0415  # scipy is slow to load

        allowed = self.problem.allowed.copy()
        allowed[self.core.blocks] = within
        left = cores.reduce(self.problem, allowed, self.order)
        limits = replace(self.limits, gap=max(self.limits.gap / 4, _REGION_GAP), deadline=until)
        answer = highs.decide(left, self.budget_limits, limits)
        if answer.choice is not None:
            self._offer(left.whole(answer.choice)[self.core.blocks])

    def _step(self, likely: Floats, heat: float, longest: float) -> None:
        """Take a Newton step on each price of a quota, by how likely blocks are somewhere."""
        core = self.core
        if not self.scarce.any():
            return
        used = (likely * core.cpu_hours).sum(axis=0)
        slope = (likely * (1 - likely) * core.cpu_hours**2).sum(axis=0) / heat
        over = np.where(self.scarce, used - core.quota_left, 0.0)
        move = 0.5 * over / np.maximum(slope, 1e-300)
        self.mu = np.where(self.scarce, np.maximum(0.0, self.mu + np.clip(move, -longest / 4, longest / 4)), 0.0)

    def _offer(self, choice: Integers) -> None:
        placement = self.core.whole(choice)
        if evaluate.is_feasible(self.problem, placement):
            value = evaluate.cost(self.problem.costs, self.problem.nets, placement)
            if value < self.value:
                self.value, self.choice = value, choice.copy()

    @property
    def gap(self) -> float:
        """The relative gap."""
        if math.isinf(self.value):
            return math.inf
        return max(0.0, self.value - self.bound) / abs(self.value) if self.value else 0.0

    def _finish(self) -> tuple[float, bool]:
        """Return the bound that HiGHS proves of the rest (-infinity: not asked), and whether nothing is feasible."""
        if self.gap <= self.limits.gap:
            return -math.inf, False
        from pipeline_splitter.solving import highs  # noqa: PLC0415  # scipy is slow to load

        allowed = self._left()
        left = cores.reduce(self.problem, allowed, self.order)
        most = min(_FINISH_FLOWS, search.bearable(self.limits))
        if self.choice is not None and search.flows(left, left.allowed) > most:
            if affordable(self.limits):
                self._search(self.limits.deadline)
            return -math.inf, False
        answer = highs.decide(left, self.budget_limits, self.limits)
        if answer.infeasible:
            # Nothing among what might be better than the best that is known; nothing at all, if nothing is known.
            return self.value, self.choice is None
        if answer.choice is not None:
            self._offer(left.whole(answer.choice)[self.core.blocks])
        return min(answer.bound + left.costs[0].constant, self.value), False

    def _left(self) -> "np.typing.NDArray[np.bool_]":
        """Return where blocks may still be in a placement that is better than the best one."""
        allowed = self.problem.allowed.copy()
        if self.best is None or self.choice is None:
            return allowed
        from pipeline_splitter.solving.smoothing.smoother import Smoother  # noqa: PLC0415  # loads numba

        costs = self._priced(self.best_mu, self.best_nu)
        smoother = Smoother(self.core, costs, Record(self.core, costs), self.best)
        bound = smoother.lower() + costs.constant
        left = smoother.reduced() <= self.value - bound + 1e-9 * abs(self.value)
        left &= self.core.allowed
        left[np.arange(len(left)), self.choice] = True
        allowed[self.core.blocks] = left
        return allowed

    def _solution(self, name: str, proven: float) -> Solution:
        problem = self.problem
        certificate = None
        certified = 0.0
        if self.best is not None:
            costs, _ = bounds.with_multipliers(problem, self.best_mu, tuple(self.best_nu.tolist()))
            certificate = extending.certificate(
                problem,
                self.core,
                self._priced(self.best_mu, self.best_nu),
                costs.price,
                self.best,
                self.best_mu,
                tuple(self.best_nu.tolist()),
            )
            certified = bounds.certified_bound(problem, certificate)
        if certified <= 0.0:
            certificate = extending.nothing(problem)
            certified = bounds.certified_bound(problem, certificate)
        placement = None if self.choice is None else self.core.whole(self.choice)
        lower = min(max(certified, proven), self.value)
        by_highs = proven > certified and not self.value - certified <= self.limits.gap * abs(self.value)
        self.limits.progress(self.value if placement is not None else None, lower)
        return Solution(
            placement,
            self.value,
            lower if by_highs else min(certified, self.value),
            certificate=None if by_highs else certificate,
            solver=f"{name}+highs" if math.isfinite(proven) else name,
        )
