"""The solver interface, and the choice of the solver that suits a problem."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from pipeline_splitter.problem import Integers, Limits, Problem, Solution
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.messages import Messages


class Solver(Protocol):
    """Problem in, placement and bound out."""

    def solve(self, problem: Problem, limits: Limits) -> Solution:
        """Return the best placement found by the deadline, with a bound that holds for every feasible one."""
        ...


def solve(problem: Problem, limits: Limits) -> Solution:
    """Answer with the solver that suits the problem.

    Raises:
        ValueError: the edges between blocks have a cycle.
    """
    if any(budget.limit == 0 for budget in problem.budgets):
        from pipeline_splitter.solving.contracting import contract  # noqa: PLC0415  # seldom needed

        contracted = contract(problem)
        if contracted is not None:
            return _expanded(solve(contracted.problem, limits), contracted.group, problem)
    return _suited(problem).solve(problem, limits)


def _suited(problem: Problem) -> Solver:
    if problem.budgets or np.isfinite(problem.quota_cpu_hours).any():
        from pipeline_splitter.solving.lagrangian import Lagrangian  # noqa: PLC0415  # seldom needed

        return Lagrangian()
    return Messages()


def _expanded(solution: Solution, group: Integers, problem: Problem) -> Solution:
    """Return a contracted problem's answer for the original, without multipliers, as these are of other blocks."""
    if solution.placement is None:
        return replace(solution, certificate=None)
    placement = solution.placement[group]
    value = evaluate.cost(problem.costs, problem.nets, placement)
    return replace(
        solution, placement=placement, value=value, lower_bound=min(solution.lower_bound, value), certificate=None
    )
