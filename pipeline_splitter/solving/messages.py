"""Message passing (dual block-coordinate ascent), then HiGHS on the little that is left. No quotas, no budgets."""

import dataclasses
import math
from collections.abc import Iterator

from pipeline_splitter.problem import Limits, Problem, Solution
from pipeline_splitter.solving.plain.ascent import Ascent, work
from pipeline_splitter.solving.readiness import affordable
from pipeline_splitter.solving.search import SMALL_FLOWS, Search, bearable, flows

_FIRST_SWEEPS = 16
_MOST_SWEEPS = 600
_HOT, _COLD = 0.1, 1e-6
"""Temperatures at the start and at the end of a round, relative to the cost per block."""
_COLD_HALF = 0.5
_LOOKS = (1, 3, 7)
_LOOK_EVERY = 10
_SECONDS_PER_CELL = 6e-9
"""The time of recomputing the bound, for each entry, site of its reader and site."""
_MOST_DECISIONS = 4
_COMPILE_FROM = 15_000
"""The number of message cells in a sweep from which compiled passes pay."""


class Messages:
    """Message passing first; exact on what is left. Quotas and budgets of the problem are not looked at."""

    name = "messages"

    def solve(self, problem: Problem, limits: Limits) -> Solution:
        """Implement `Solver.solve` by message passing."""
        if not problem.allowed.any(axis=1).all():
            return Solution(None, math.inf, math.inf, infeasible=True, solver=self.name)
        search = Search(problem)
        reserved = _reserved(problem, limits)
        if search.finished(reserved):
            pass
        elif work(search.core) < _COMPILE_FROM or not affordable(reserved):
            _climb_and_decide(search, reserved)
        else:
            from pipeline_splitter.solving.smoothing import cooling  # noqa: PLC0415  # loads numba

            cooling.cool(search, reserved)
        return search.solution(limits, self.name)


def _climb_and_decide(search: Search, limits: Limits) -> None:
    """Solve a small problem: HiGHS ends what a few rounds leave open."""
    ascent = Ascent(search.core, search.record)
    search.best = lambda: ascent.best
    decided = 0
    for sweeps in _rounds():
        if _climb(search, ascent, sweeps, limits) or search.finished(limits):
            return
        if flows(search.core, search.open_sites()) <= min(SMALL_FLOWS * sweeps / _FIRST_SWEEPS, bearable(limits)):
            decided += 1
            # HiGHS has a precision of its own: a smaller gap than that is not to be had by asking again.
            if search.decide(limits) or decided == _MOST_DECISIONS:
                return


def _climb(search: Search, ascent: Ascent, sweeps: int, limits: Limits) -> bool:
    """Run one round, from hot to cold; return whether the time is over."""
    for number in range(sweeps):
        done = number / sweeps
        soft = _HOT * (_COLD / _HOT) ** done
        eta = 1.0 if done < _COLD_HALF else 2 * (1 - done)
        look = number in _LOOKS or number % _LOOK_EVERY == _LOOK_EVERY - 1 or number == sweeps - 1
        ascent.sweep(move=number % 4 == 1, soft=soft if number > 1 else 0.0, eta=eta, look=look)
        if look:
            ascent.settle(limits.gap)
            search.tell(limits)
            if search.finished(limits) or not search.record.active.any():
                return False
        if limits.clock() >= limits.deadline:
            return True
    return False


def _reserved(problem: Problem, limits: Limits) -> Limits:
    """Return the same limits with time left for recomputing the bound at the end."""
    cells = int(problem.allowed[problem.nets.readers].sum()) * len(problem.sites)
    return dataclasses.replace(limits, deadline=limits.deadline - _SECONDS_PER_CELL * cells)


def _rounds() -> Iterator[int]:
    sweeps = _FIRST_SWEEPS
    while True:
        yield sweeps
        sweeps = min(3 * sweeps, _MOST_SWEEPS)
