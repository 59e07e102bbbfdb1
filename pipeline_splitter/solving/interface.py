"""The one interface behind which solvers stand, and the choice between them."""

from typing import Protocol

from pipeline_splitter.problem import Limits, Problem, Solution


class Solver(Protocol):
    """Problem in, placement and bound out."""

    def solve(self, problem: Problem, limits: Limits) -> Solution:
        """The best placement found by the deadline, with a bound that holds for every feasible one."""
        ...


def solve(problem: Problem, limits: Limits) -> Solution:
    """Answer with the solver that suits the problem."""
    from pipeline_splitter.solving.highs import Highs  # noqa: PLC0415  # scipy is slow to load

    return Highs().solve(problem, limits)
