"""Limits of nothing, and limits so tight that rounding shows."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_splitter.problem import Budget, Costs, Nets, Problem
from pipeline_splitter.solving import evaluate, solve
from pipeline_splitter.solving.contracting import contract
from tests.pipeline_splitter.solving.problems import LIMITS, SEEDS, drawn, optimum

CLOSE = 2e-6


def with_nothing_to_spend(problem: Problem, seed: int, *, everywhere: bool) -> Problem:
    """The problem under a budget of 0: as bytes cost (`everywhere` the same), or with some ways for nothing."""
    rng = np.random.default_rng(seed + 1)
    shape = problem.costs.price.shape
    price = np.ones(shape) if everywhere else rng.integers(0, 2, shape).astype(np.float64)
    np.fill_diagonal(price, 0)
    given_away = rng.integers(0, 2, problem.costs.fixed.shape) * (problem.nets.producer < 0)[:, None]
    spent = Costs(np.zeros(problem.costs.unary.shape), price, given_away.astype(np.float64))
    return dataclasses.replace(problem, budgets=(*problem.budgets, Budget(spent, 0.0)))


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, everywhere=st.booleans(), quota=st.booleans(), budget=st.booleans())
def test_a_budget_of_nothing(seed: int, *, everywhere: bool, quota: bool, budget: bool) -> None:
    """The optimum among the placements that spend nothing, or that there is none."""
    problem = with_nothing_to_spend(drawn(seed, quota=quota, budget=budget), seed, everywhere=everywhere)
    best, solution = optimum(problem), solve(problem, LIMITS)
    if math.isinf(best):
        assert solution.infeasible
        return
    assert solution.placement is not None
    assert evaluate.is_feasible(problem, solution.placement)
    assert solution.lower_bound <= best <= solution.value
    assert solution.value - solution.lower_bound <= CLOSE * best
    if everywhere and not budget and len(problem.sites) > 1:
        assert contract(problem) is not None


def alone(hours: list[float], quota: float, price: float = 2.0) -> Problem:
    """Blocks without data at two sites: the first is cheaper and has a quota."""
    count = len(hours)
    cost = np.array(hours)[:, None] * np.array([1.0, price])
    none = np.zeros(0, dtype=np.int64)
    return Problem(
        blocks=tuple(f"b{number}" for number in range(count)),
        sites=("a", "b"),
        allowed=np.ones((count, 2), dtype=bool),
        costs=Costs(cost, np.zeros((2, 2)), np.zeros((0, 2))),
        nets=Nets(none, np.zeros(0), np.zeros(1, dtype=np.int64), none),
        cpu_hours=np.repeat(np.array(hours)[:, None], 2, axis=1),
        quota_cpu_hours=np.array([quota, np.inf]),
        edges=np.zeros((0, 2), dtype=np.int64),
    )


@pytest.mark.parametrize("pinned", [0, 1, 2])
def test_what_rounding_leaves_of_a_quota_is_nothing(pinned: int) -> None:
    """0.1 and 0.7 hours fill 0.8, whatever 0.8 - 0.1 - 0.7 is."""
    problem = alone([0.1, 0.7, 1.0, 0.5], 0.8)
    problem.allowed[:pinned, 1] = False
    solution = solve(problem, LIMITS)
    assert not solution.infeasible
    assert solution.value == pytest.approx(optimum(problem))


def test_a_small_quota_beside_large_tasks() -> None:
    """Tasks that could never fit do not hide the one that does."""
    solution = solve(alone([1e9, 1e-3, 5e8], 1e-3), LIMITS)
    assert solution.placement is not None
    assert solution.placement.tolist() == [1, 0, 1]
