"""The shortest schedule, against every schedule there is."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline_splitter.problem import Limits, TimeProblem
from pipeline_splitter.solving.makespan import solve_time
from tests.pipeline_splitter.makespan import small_times


def assert_optimal(problem: TimeProblem) -> None:
    """The answer is what trying everything finds, and says so honestly."""
    best = small_times.fastest(problem)
    found = solve_time(problem, small_times.patient())
    if math.isinf(best):
        assert found.infeasible
        assert found.placement is None
        return
    assert not found.infeasible
    assert found.value == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert found.lower_bound <= best * (1 + 1e-12) + 1e-12
    assert found.lower_bound >= best * (1 - 1e-6)
    assert small_times.broken(problem, found) == []
    assert found.placement is not None
    assert found.task_starts is not None
    sites = found.placement[problem.block_of]
    last = (found.task_starts + problem.seconds[np.arange(len(sites)), sites]).max(initial=0.0)
    assert found.value == pytest.approx(last, rel=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_slots_and_delays(seed: int) -> None:
    """Slots, delays, order edges and forbidden sites."""
    assert_optimal(small_times.draw(seed, tasks=3 + seed % 3, sites=1 + seed % 3))


@pytest.mark.parametrize("seed", range(20))
def test_blocks_stay_together(seed: int) -> None:
    """Two tasks of one block share a site."""
    assert_optimal(small_times.draw(100 + seed, tasks=4, sites=3, blocks=True))


@pytest.mark.parametrize("seed", range(25))
def test_quotas(seed: int) -> None:
    """A quota is kept, down to where nothing is feasible."""
    problem = small_times.draw(200 + seed, tasks=4, sites=2)
    assert_optimal(small_times.with_quota(problem, float(seed % 5)))


@pytest.mark.parametrize("seed", range(25))
def test_budgets(seed: int) -> None:
    """A budget is kept, down to where nothing is feasible."""
    problem = small_times.draw(300 + seed, tasks=4, sites=3)
    assert_optimal(small_times.with_budget(problem, seed, (seed % 8) * 1.0))


def test_nothing_to_do() -> None:
    """No tasks: no time."""
    found = solve_time(small_times.draw(1, tasks=0), small_times.patient())
    assert found.placement is not None
    assert (len(found.placement), found.value, found.lower_bound) == (0, 0.0, 0.0)


def test_nothing_takes_time() -> None:
    """Zero seconds and no delays end at once, also where one slot serves all."""
    problem = small_times.draw(2, tasks=5)
    problem = replace(
        problem,
        seconds=np.zeros_like(problem.seconds),
        delay=np.zeros_like(problem.delay),
        fixed_delay=np.zeros_like(problem.fixed_delay),
        slots=np.ones_like(problem.slots),
    )
    found = solve_time(problem, small_times.patient())
    assert (found.value, found.lower_bound) == (0.0, 0.0)
    assert small_times.broken(problem, found) == []


def test_task_without_a_site() -> None:
    """A task that may run nowhere makes it infeasible."""
    problem = small_times.draw(3)
    allowed = problem.problem.allowed.copy()
    allowed[1] = False
    found = solve_time(replace(problem, problem=replace(problem.problem, allowed=allowed)), small_times.patient())
    assert found.infeasible
    assert found.placement is None


@pytest.mark.parametrize("seed", range(10))
def test_warm_start_is_kept(seed: int) -> None:
    """With no time at all the warm start is handed back, no worse, with an honest bound."""
    problem = small_times.draw(400 + seed, tasks=5, sites=3)
    first = solve_time(problem, small_times.patient())
    struck = Limits(gap=1e-9, deadline=0.0, clock=small_times.Ticking())
    again = solve_time(problem, struck, first)
    assert again.value <= first.value * (1 + 1e-12)
    assert again.lower_bound <= first.value
    assert small_times.broken(problem, again) == []


def test_warm_start_against_the_rules_is_dropped() -> None:
    """A first solution at a forbidden site is not believed."""
    problem = small_times.draw(5, tasks=4, sites=2)
    first = solve_time(problem, small_times.patient())
    assert first.placement is not None
    allowed = problem.problem.allowed.copy()
    allowed[0] = [True, True]
    allowed[0, first.placement[0]] = False
    assert_optimal(replace(problem, problem=replace(problem.problem, allowed=allowed)))
    strict = replace(problem, problem=replace(problem.problem, allowed=allowed))
    found = solve_time(strict, small_times.patient(), first)
    assert small_times.broken(strict, found) == []


@pytest.mark.parametrize("seed", range(10))
def test_struck_limit_is_honest(seed: int) -> None:
    """When the time is up, what is handed back holds, with a bound below the optimum."""
    problem = small_times.draw(500 + seed, tasks=5, sites=3)
    clock = small_times.Ticking(0.2)
    found = solve_time(problem, Limits(gap=0.0, deadline=1.0, clock=clock))
    assert found.lower_bound <= small_times.fastest(problem) * (1 + 1e-12)
    if found.placement is not None:
        assert small_times.broken(problem, found) == []


@pytest.mark.parametrize("seed", range(5))
def test_same_input_same_answer(seed: int) -> None:
    """Twice the same question, twice the same schedule."""
    problem = small_times.draw(600 + seed, tasks=5, sites=3)
    one, two = (solve_time(problem, small_times.patient()) for _ in range(2))
    assert one.placement is not None
    assert two.placement is not None
    assert one.task_starts is not None
    assert two.task_starts is not None
    assert one.placement.tolist() == two.placement.tolist()
    assert one.task_starts.tolist() == two.task_starts.tolist()
    assert one.lower_bound == two.lower_bound


def test_progress_is_told() -> None:
    """Values only fall, bounds only rise, bounds never exceed values."""
    heard: list[tuple[float | None, float | None]] = []
    limits = replace(small_times.patient(), progress=lambda value, bound: heard.append((value, bound)))
    solve_time(small_times.draw(7, tasks=5, sites=3), limits)
    values = [value for value, _ in heard if value is not None]
    assert values == sorted(values, reverse=True)
    assert all(bound <= value for value, bound in heard if value is not None and bound is not None)
