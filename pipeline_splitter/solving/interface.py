"""The one interface behind which solvers stand, and the choice between them."""

from typing import Protocol

import numpy as np

from pipeline_splitter.problem import Limits, Problem, Solution
from pipeline_splitter.solving.messages import Messages


class Solver(Protocol):
    """Problem in, placement and bound out."""

    def solve(self, problem: Problem, limits: Limits) -> Solution:
        """The best placement found by the deadline, with a bound that holds for every feasible one."""
        ...


def solve(problem: Problem, limits: Limits) -> Solution:
    """Answer with the solver that suits the problem.

    Raises:
        ValueError: the edges between blocks have a cycle.
    """
    if problem.budgets or np.isfinite(problem.quota_cpu_hours).any():
        from pipeline_splitter.solving.lagrangian import Lagrangian  # noqa: PLC0415  # seldom needed

        return Lagrangian().solve(problem, limits)
    return Messages().solve(problem, limits)
