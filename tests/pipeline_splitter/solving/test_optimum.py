"""Solvers against trying everything."""

import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_splitter.problem import Certificate, Problem, Solution
from pipeline_splitter.solving import Solver, bound, evaluate, solve
from pipeline_splitter.solving.highs import Highs
from pipeline_splitter.solving.messages import Messages
from tests.pipeline_splitter.solving.problems import LIMITS, SEEDS, drawn, optimum

CLOSE = 2e-6


def _holds(problem: Problem, solution: Solution, best: float) -> None:
    if math.isinf(best):
        assert solution.infeasible
        assert solution.placement is None
        return
    assert solution.placement is not None
    assert evaluate.is_feasible(problem, solution.placement)
    assert evaluate.cost(problem.costs, problem.nets, solution.placement) == solution.value
    assert solution.lower_bound <= best <= solution.value
    assert solution.value - solution.lower_bound <= CLOSE * best
    if solution.certificate is not None:
        assert min(bound.certified_bound(problem, solution.certificate), solution.value) == solution.lower_bound


@pytest.mark.parametrize("solver", [Highs(), Messages()], ids=["highs", "messages"])
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_free_problems(solver: Solver, seed: int) -> None:
    """Without quotas and budgets each solver finds and proves the optimum."""
    problem = drawn(seed)
    _holds(problem, solver.solve(problem, LIMITS), optimum(problem))


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, quota=st.booleans(), budget=st.booleans())
def test_constrained_problems(seed: int, *, quota: bool, budget: bool) -> None:
    """With quotas and budgets the optimum is found and proven, or that there is none."""
    problem = drawn(seed, quota=quota, budget=budget)
    _holds(problem, solve(problem, LIMITS), optimum(problem))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, choice=st.randoms(use_true_random=False))
def test_a_rule_never_makes_it_cheaper(seed: int, choice: random.Random) -> None:
    """Forbidding a site to a block (the same as adding a site, read backwards) never lowers the optimum."""
    problem = drawn(seed)
    allowed = problem.allowed.copy()
    allowed[choice.randrange(allowed.shape[0]), choice.randrange(allowed.shape[1])] = False
    stricter = solve(dataclasses.replace(problem, allowed=allowed), LIMITS)
    assert stricter.infeasible or stricter.value >= solve(problem, LIMITS).value * (1 - CLOSE)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_any_multipliers_prove_less_than_the_optimum(seed: int) -> None:
    """A certificate of made-up numbers, shares above one and negative prices included, stays below the optimum."""
    rng = np.random.default_rng(seed)
    problem = drawn(seed, quota=bool(rng.integers(0, 2)), budget=bool(rng.integers(0, 2)))
    shape = (len(problem.nets.readers), len(problem.sites))
    made = (problem.nets.producer >= 0)[evaluate.reading_net(problem.nets)][:, None]
    made_up = Certificate(
        rng.random(shape) * 2,
        np.where(made, rng.normal(size=shape), 0.0),
        np.where(np.isfinite(problem.quota_cpu_hours), rng.normal(size=shape[1]), 0.0),
        tuple(rng.normal(size=len(problem.budgets)).tolist()),
    )
    assert bound.certified_bound(problem, made_up) <= optimum(problem)


def test_a_block_without_a_site_is_infeasible() -> None:
    """A row without any permitted site is said to be infeasible by every solver."""
    problem = drawn(1)
    allowed = problem.allowed.copy()
    allowed[0] = False
    nowhere = dataclasses.replace(problem, allowed=allowed)
    for solver in (Highs(), Messages()):
        assert solver.solve(nowhere, LIMITS).infeasible


def test_nothing_to_place_costs_nothing() -> None:
    """No blocks: an empty placement, proven."""
    problem = drawn(1)
    empty = dataclasses.replace(
        problem,
        blocks=(),
        allowed=problem.allowed[:0],
        costs=dataclasses.replace(problem.costs, unary=problem.costs.unary[:0], fixed=problem.costs.fixed[:0]),
        nets=dataclasses.replace(
            problem.nets,
            producer=problem.nets.producer[:0],
            size_bytes=problem.nets.size_bytes[:0],
            starts=problem.nets.starts[:1],
            readers=problem.nets.readers[:0],
        ),
        cpu_hours=problem.cpu_hours[:0],
        edges=problem.edges[:0],
    )
    solution = solve(empty, LIMITS)
    assert solution.placement is not None
    assert (solution.value, solution.lower_bound) == (0.0, 0.0)
