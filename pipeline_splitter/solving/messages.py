"""The solver for scale: rounds of dual ascent, then HiGHS on the little that is left. No quotas, no budgets."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from pipeline_splitter.problem import Certificate, Flags, Integers, Limits, Problem, Solution
from pipeline_splitter.solving import bound as bounds
from pipeline_splitter.solving import core as cores
from pipeline_splitter.solving import evaluate, extending
from pipeline_splitter.solving.ascent import Ascent
from pipeline_splitter.solving.core import Core
from pipeline_splitter.solving.multipliers import Multipliers

_FIRST_SWEEPS = 16
_MOST_SWEEPS = 600
_HOT, _COLD = 0.1, 1e-6
"""Temperatures at the start and at the end of a round, relative to the cost per block."""
_COLD_HALF = 0.5
_LOOKS = (1, 3, 7)
_LOOK_EVERY = 10
_SECONDS_PER_CELL = 6e-9
"""What recomputing the bound takes, for each entry and pair of sites."""
_MOST_DECISIONS = 4
_FLOWS_PER_SECOND = 5_000
"""HiGHS looks at its clock seldom: what it is given must be small for the time that is left."""
SMALL_FLOWS = 20_000
"""A program with so many flows is a matter of a second or so for HiGHS."""


class Messages:
    """Message passing first; exact on what is left. Quotas and budgets of the problem are not looked at."""

    name = "messages"

    def solve(self, problem: Problem, limits: Limits) -> Solution:
        """See `Solver.solve`."""
        if not problem.allowed.any(axis=1).all():
            return Solution(None, math.inf, math.inf, infeasible=True, solver=self.name)
        whole, limits = limits, _reserved(problem, limits)
        search = Search(problem)
        name = self.name
        decided = 0
        for sweeps in _rounds():
            if search.finished(limits) or climb(search.ascent, sweeps, limits) or search.finished(limits):
                break
            left = flows(search.core, search.remaining()[search.core.blocks])
            if left <= min(SMALL_FLOWS * sweeps / _FIRST_SWEEPS, bearable(limits)):
                name = f"{self.name}+highs"
                decided += 1
                # HiGHS has a precision of its own: a smaller gap than that is not to be had by asking again.
                if search.decide(limits) or decided == _MOST_DECISIONS:
                    break
        return search.solution(whole, name)


class Search:
    """A problem with its core, the ascent over it, and what HiGHS has proven of it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.order = cores.topological_order(problem)
        self.core = cores.reduce(problem, problem.allowed, self.order)
        self.ascent = Ascent(self.core, self.core.costs[0])
        self.proven = -math.inf
        self._relaxed: Multipliers | None = None

    def finished(self, limits: Limits) -> bool:
        """Whether the ascent alone is good enough."""
        return len(self.core.blocks) == 0 or self.ascent.gap <= limits.gap

    def remaining(self) -> Flags:
        """Where blocks may still be in an optimum; components that are settled keep their choice."""
        core, ascent = self.core, self.ascent
        left = ~ascent.dead
        left[~ascent.active[ascent.pieces]] = False
        left[np.arange(len(left)), ascent.best_choice] = True
        allowed = self.problem.allowed.copy()
        allowed[core.blocks] = left
        return allowed

    def decide(self, limits: Limits) -> bool:
        """Lets HiGHS end it; returns whether it did, or the time is over."""
        from pipeline_splitter.solving import highs  # noqa: PLC0415  # scipy is slow to load

        core, ascent = self.core, self.ascent
        if flows(core, core.allowed) <= 2 * SMALL_FLOWS and self._relaxed is None:
            relaxed = highs.relax(core, limits)
            if relaxed is not None:
                self._relaxed, choice = relaxed
                if choice is not None:
                    ascent.keep_choice(choice)
                    if ascent.value - self._bound(self._relaxed)[0] <= limits.gap * abs(ascent.value):
                        return True
        left = cores.reduce(self.problem, self.remaining(), self.order)
        answer = highs.decide(left, np.zeros(0), limits)
        if answer.choice is not None:
            ascent.keep_choice(left.whole(answer.choice)[core.blocks])
        # Sites that are no longer looked at cost more than the best value known; settled components count as settled.
        settled = float((ascent.best_value - ascent.best_bound)[~ascent.active].clip(min=0.0).sum())
        self.proven = max(self.proven, min(answer.bound + left.costs[0].constant, ascent.value) - settled)
        value = ascent.value
        return value - self.proven <= limits.gap * abs(value) or limits.clock() >= limits.deadline

    def _bound(self, multipliers: Multipliers) -> tuple[float, Certificate]:
        problem = self.problem
        certificate = extending.certificate(
            problem,
            self.core,
            self.core.costs[0],
            problem.costs.price,
            multipliers,
            np.zeros(len(problem.sites)),
            (0.0,) * len(problem.budgets),
        )
        return bounds.certified_bound(problem, certificate), certificate

    def solution(self, limits: Limits, name: str) -> Solution:
        """What was found."""
        problem, ascent = self.problem, self.ascent
        placement = self.core.whole(ascent.best_choice)
        value = evaluate.cost(problem.costs, problem.nets, placement)
        candidates = [ascent.best] if self._relaxed is None else [ascent.best, self._relaxed]
        certified, certificate = max((self._bound(each) for each in candidates), key=lambda found: found[0])
        if certified < 0:
            certificate = extending.nothing(problem)
            certified = bounds.certified_bound(problem, certificate)
        certified = min(certified, value)
        proven = min(max(self.proven, 0.0), value)
        limits.progress(value, max(certified, proven))
        if value - certified <= limits.gap * abs(value) or proven <= certified:
            return Solution(placement, value, certified, certificate=certificate, solver=name)
        return Solution(placement, value, proven, solver=name)


def climb(ascent: Ascent, sweeps: int, limits: Limits) -> bool:
    """One round, from hot to cold; returns whether the time is over."""
    for number in range(sweeps):
        done = number / sweeps
        soft = _HOT * (_COLD / _HOT) ** done
        eta = 1.0 if done < _COLD_HALF else 2 * (1 - done)
        look = number in _LOOKS or number % _LOOK_EVERY == _LOOK_EVERY - 1 or number == sweeps - 1
        ascent.sweep(move=number % 4 == 1, soft=soft if number > 1 else 0.0, eta=eta, look=look)
        if look:
            ascent.settle(limits.gap)
            limits.progress(ascent.value, min(ascent.bound, ascent.value))
            if ascent.gap <= limits.gap or not ascent.active.any():
                return False
        if limits.clock() >= limits.deadline:
            return True
    return False


def flows(core: Core, allowed: Flags) -> int:
    """How many ways, over all entries of made nets, there still are from a writer's site to a reader's."""
    choices = allowed.sum(axis=1)
    choices = np.where(choices > 1, choices, 0)
    net_of: Integers = np.repeat(np.arange(len(core.producer)), np.diff(core.made.starts))
    made = int((choices[core.producer[net_of]] * choices[core.made.readers]).sum())
    return made + int(choices[core.given.readers].sum())


def bearable(limits: Limits) -> float:
    """How many flows HiGHS can be given so that it ends near the deadline."""
    return _FLOWS_PER_SECOND * max(0.0, limits.deadline - limits.clock())


def _reserved(problem: Problem, limits: Limits) -> Limits:
    """The same limits with time left for recomputing the bound at the end."""
    cells = len(problem.nets.readers) * len(problem.sites) ** 2
    return dataclasses.replace(limits, deadline=limits.deadline - _SECONDS_PER_CELL * cells)


def _rounds() -> Iterator[int]:
    sweeps = _FIRST_SWEEPS
    while True:
        yield sweeps
        sweeps = min(3 * sweeps, _MOST_SWEEPS)
