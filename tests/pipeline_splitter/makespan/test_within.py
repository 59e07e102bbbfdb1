"""The cheapest plan in time, against every plan there is."""

import math

import pytest

from pipeline_splitter.problem import Limits, TimeProblem
from pipeline_splitter.solving.makespan import solve_time, solve_within
from tests.pipeline_splitter.makespan import small_times


def assert_cheapest(problem: TimeProblem, horizon: float) -> None:
    """The answer is what trying everything finds."""
    best = small_times.cheapest_within(problem, horizon)
    found = solve_within(problem, horizon, small_times.patient())
    if math.isinf(best):
        assert found.infeasible
        return
    assert not found.infeasible
    assert found.value == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert best * (1 - 1e-6) - 1e-9 <= found.lower_bound <= best * (1 + 1e-9)
    assert small_times.broken(problem, found) == []
    assert found.task_starts is not None
    assert found.placement is not None
    for task, site in enumerate(found.placement[problem.block_of].tolist()):
        assert found.task_starts[task] + problem.seconds[task, site] <= horizon * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("share", [0.9, 1.0, 1.2, 2.0])
def test_horizons(seed: int, share: float) -> None:
    """Times below, at and above the shortest schedule."""
    problem = small_times.draw(seed, tasks=4, sites=2 + seed % 2, blocks=seed % 4 == 0)
    assert_cheapest(problem, small_times.fastest(problem) * share)


@pytest.mark.parametrize("seed", range(20))
def test_with_quotas_and_budgets(seed: int) -> None:
    """Quotas and budgets hold as well."""
    problem = small_times.with_quota(small_times.draw(50 + seed, tasks=4, sites=3), float(seed % 4))
    problem = small_times.with_budget(problem, seed, 3.0 + seed % 3)
    assert_cheapest(problem, 1.0 + 3.0 * (seed % 4))


@pytest.mark.parametrize("seed", range(5))
def test_time_up(seed: int) -> None:
    """When the time is up, the bound is honest and the schedule, if any, in time."""
    problem = small_times.draw(80 + seed, tasks=5, sites=3)
    horizon = solve_time(problem, small_times.patient()).value * 1.1
    found = solve_within(problem, horizon, Limits(gap=0.0, deadline=1.0, clock=small_times.Ticking(0.1)))
    assert found.lower_bound <= small_times.cheapest_within(problem, horizon) * (1 + 1e-9)
    if found.placement is not None:
        assert small_times.broken(problem, found) == []


def test_no_time_at_all() -> None:
    """A negative time holds nothing; no tasks fit in none."""
    assert solve_within(small_times.draw(1), -1.0, small_times.patient()).infeasible
    assert solve_within(small_times.draw(1, tasks=0), 0.0, small_times.patient()).value == 0
