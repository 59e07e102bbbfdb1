"""The state of one search without quotas and budgets: what is left, what is proven, and the answer."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline_splitter.problem import Certificate, Flags, Floats, Integers, Limits, Problem, Solution
from pipeline_splitter.solving import bound as bounds
from pipeline_splitter.solving import core as cores
from pipeline_splitter.solving import evaluate, extending, narrowing
from pipeline_splitter.solving.core import Core
from pipeline_splitter.solving.multipliers import Multipliers, even
from pipeline_splitter.solving.record import Record

_FLOWS_PER_SECOND = 5_000
"""HiGHS looks at its clock seldom: what it is given must be small for the time that is left."""
SMALL_FLOWS = 20_000
"""A program with so many flows is a matter of a second or so for HiGHS."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class _Widest:
    """A search before sites were left out, and what its multipliers prove, rounding apart."""

    core: Core
    allowed: Flags
    multipliers: Multipliers
    bound: float


class Search:
    """A problem with its core.

    Attributes:
        core: the part that is left to decide.
        allowed: (n, s) the sites that the core was made with.
        record: the best that is known of the core.
        best: gives the multipliers that prove the record's bounds.
        proven: what was proven in other ways than by multipliers over all sites.
        solvers: who else had a part in it.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.order = cores.topological_order(problem)
        self.allowed = problem.allowed
        self.core = cores.reduce(problem, problem.allowed, self.order)
        self.record = Record(self.core, self.core.costs[0])
        start = even(self.core, self.core.costs[0])
        self.best: Callable[[], Multipliers] = lambda: start
        self.proven = -math.inf
        self.solvers: list[str] = []
        self._slack = 0.0
        self._widest: _Widest | None = None
        self._relaxed: Multipliers | None = None

    @property
    def gap(self) -> float:
        """The relative gap."""
        value, bound = self.record.value, max(self.record.bound - self._slack, self.proven)
        return 0.0 if value <= bound else (value - bound) / abs(value) if value else math.inf

    def finished(self, limits: Limits) -> bool:
        """Return whether the answer is good enough."""
        return len(self.core.blocks) == 0 or self.gap <= limits.gap

    def tell(self, limits: Limits) -> None:
        """Says how far it is."""
        limits.progress(self.record.value, min(max(self.record.bound - self._slack, self.proven), self.record.value))

    def open_sites(self) -> Flags:
        """(f, s): where free blocks may still be in an optimum; components that are settled keep their choice."""
        record = self.record
        left: Flags = ~record.dead
        left[~record.active[record.pieces]] = False
        left[np.arange(len(left)), record.best_choice] = True
        return left

    def decide(self, limits: Limits) -> bool:
        """Let HiGHS end it; return whether it did, or the time is over."""
        from pipeline_splitter.solving import highs  # noqa: PLC0415  # scipy is slow to load

        core, record = self.core, self.record
        self.solvers.append("highs")
        if self._widest is None and flows(core, core.allowed) <= 2 * SMALL_FLOWS and self._relaxed is None:
            relaxed = highs.relax(core, limits)
            if relaxed is not None:
                self._relaxed, choice = relaxed
                if choice is not None:
                    record.keep_choice(choice)
                    if record.value - self._bound(self._relaxed)[0] <= limits.gap * abs(record.value):
                        return True
        left, narrower = self._reduced(self.open_sites())
        answer = highs.decide(left, np.zeros(0), limits)
        if answer.choice is not None:
            record.keep_choice(left.whole(answer.choice)[core.blocks])
        # Sites that are no longer looked at cost more than the best value known; settled components count as settled.
        proven = min(answer.bound + left.costs[0].constant, record.value) - self._slack - narrower
        self.proven = max(self.proven, proven)
        return self.finished(limits) or limits.clock() >= limits.deadline

    def try_likely(self, reduced: Floats, most_flows: int, limits: Limits) -> None:
        """Let HiGHS look for a better placement among the sites that cost least above the best, by the multipliers.

        Args:
            reduced: (f, s): what a site costs a block above its best one.
            most_flows: so large a program at most.
            limits: until when.
        """
        from pipeline_splitter.solving import highs  # noqa: PLC0415  # scipy is slow to load

        open_sites = self.open_sites()
        tried = np.where(open_sites, reduced, np.inf)
        tried[np.arange(len(tried)), self.record.best_choice] = 0.0
        likely = cheapest_within(self.core, tried, most_flows)
        if (likely.sum(axis=1) == 1).all():
            return
        left, _ = self._reduced(likely)
        answer = highs.decide(left, np.zeros(0), limits)
        if answer.choice is not None and self.record.keep_choice(left.whole(answer.choice)[self.core.blocks]):
            self.tell(limits)

    def narrow(self) -> None:
        """Goes on with the sites that are left: faster, but what is proven from now on has no multipliers over all."""
        core, slack = self._reduced(self.open_sites())
        allowed = self._opened(self.open_sites())
        before, multipliers, choice = self.core, self.best(), self.record.best_choice
        if self._widest is None:
            self._widest = _Widest(before, self.allowed, multipliers, self.record.bound)
        self._relaxed = None  # it speaks of another core
        self._slack += slack
        self.allowed = allowed
        placement = before.whole(choice)
        self.core = core
        self.record = Record(core, core.costs[0])
        self.record.keep_choice(placement[core.blocks])
        start = narrowing.carried(self.problem, before, core, multipliers)
        self.best = lambda: start
        self.solvers.append("elimination")

    def _opened(self, open_sites: Flags) -> Flags:
        allowed = self.allowed.copy()
        allowed[self.core.blocks] = open_sites
        return allowed

    def _reduced(self, open_sites: Flags) -> tuple[Core, float]:
        """Return the core of what is left, and how much less than it says settled components might cost."""
        record = self.record
        settled = (record.best_value - record.best_bound)[~record.active].clip(min=0.0)
        spare = float(settled.sum()) + _ROUNDING * abs(record.value) if record.piece_count else 0.0
        return cores.reduce(self.problem, self._opened(open_sites), self.order), spare

    def _bound(self, multipliers: Multipliers) -> tuple[float, Certificate]:
        return self._bound_over(self.core, self.allowed, multipliers)

    def _bound_over(self, core: Core, allowed: Flags, multipliers: Multipliers) -> tuple[float, Certificate]:
        problem = dataclasses.replace(self.problem, allowed=allowed)
        certificate = extending.certificate(
            problem,
            core,
            core.costs[0],
            problem.costs.price,
            multipliers,
            np.zeros(len(problem.sites)),
            (0.0,) * len(problem.budgets),
        )
        return bounds.certified_bound(problem, certificate), certificate

    def solution(self, limits: Limits, name: str) -> Solution:
        """Return the solution that was found."""
        problem, record = self.problem, self.record
        placement = self.core.whole(record.best_choice)
        value = evaluate.cost(problem.costs, problem.nets, placement)
        name = "+".join([name, *dict.fromkeys(self.solvers)])
        candidates = [self.best()] if self._relaxed is None else [self.best(), self._relaxed]
        certified, certificate = max((self._bound(each) for each in candidates), key=lambda found: found[0])
        if self._widest is not None:
            # Over the sites that are left; all placements with another site cost more than the best one.
            self.proven = max(self.proven, min(certified, value) - self._slack)
            certified = -math.inf
            if self._widest.bound > self.proven:
                certified, certificate = self._bound_over(
                    self._widest.core, self._widest.allowed, self._widest.multipliers
                )
        proven = min(max(self.proven, 0.0), value)
        if certified < 0 and proven == 0:
            certificate = extending.nothing(problem)
            certified = bounds.certified_bound(problem, certificate)
        certified = min(certified, value)
        limits.progress(value, max(certified, proven))
        if value - certified <= limits.gap * abs(value) or proven <= certified:
            return Solution(placement, value, certified, certificate=certificate, solver=name)
        return Solution(placement, value, proven, solver=name)


def cheapest_within(core: Core, dearness: Floats, most_flows: int) -> Flags:
    """Return the least expensive sites of blocks, as many as make a program of so many flows; all at 0 anyhow.

    Args:
        core: the part that is left to decide.
        dearness: (f, s), infinite where a block may not be.
        most_flows: see `flows`.
    """
    low, high = 0.0, float(dearness[np.isfinite(dearness)].max(initial=0.0))
    for _ in range(40):
        middle = (low + high) / 2
        if flows(core, dearness <= middle) <= most_flows:
            low = middle
        else:
            high = middle
    within: Flags = dearness <= low
    return within


def flows(core: Core, allowed: Flags) -> int:
    """Return the number of pairs left, over all entries of made nets, of a writer's site and a reader's."""
    choices = allowed.sum(axis=1)
    choices = np.where(choices > 1, choices, 0)
    net_of: Integers = np.repeat(np.arange(len(core.producer)), np.diff(core.made.starts))
    made = int((choices[core.producer[net_of]] * choices[core.made.readers]).sum())
    return made + int(choices[core.given.readers].sum())


def bearable(limits: Limits) -> float:
    """Return the number of flows with which HiGHS ends near the deadline."""
    return _FLOWS_PER_SECOND * max(0.0, limits.deadline - limits.clock())
