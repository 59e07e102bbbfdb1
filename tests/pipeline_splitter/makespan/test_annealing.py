"""Annealing keeps all constraints and makes nothing worse."""

import math

import pytest

from pipeline_splitter.problem import TimeProblem
from pipeline_splitter.solving.makespan import bounds, fastest, listing, schedules, search
from pipeline_splitter.solving.makespan.network import Network, prepare
from pipeline_splitter.solving.makespan.schedules import Schedule
from tests.pipeline_splitter.makespan import small_times

pytestmark = pytest.mark.xdist_group("compiling")
"""One worker compiles the kernels, and the others find them compiled."""


def worst(network: Network) -> Schedule | None:
    """The longest of the list schedules that meet the constraints."""
    known = bounds.times(network, network.allowed)
    made = listing.schedules(network, known, lambda: False)
    return max(
        (each for each in made if schedules.is_feasible(network, each)),
        key=lambda each: each.makespan,
        default=None,
    )


def annealed(problem: TimeProblem, horizon: float = math.inf) -> tuple[Network, Schedule] | None:
    """From the worst list schedule."""
    network = prepare(problem)
    begin = worst(network)
    if begin is None or begin.makespan > horizon:
        return None
    costs = [(budget.costs, budget.limit) for budget in problem.problem.budgets]
    if math.isfinite(horizon):
        costs = [(problem.problem.costs, math.inf), *costs]
    found = search.anneal(
        network,
        bounds.times(network, network.allowed).tails,
        begin,
        costs=costs,
        horizon=horizon,
        turns=4000,
        round_number=0,
        done=lambda _value: False,
    )
    return network, found


@pytest.mark.parametrize("seed", range(15))
def test_makespan(seed: int) -> None:
    """On five tasks it comes near the shortest schedule, quotas and budgets kept."""
    problem = small_times.with_quota(small_times.draw(seed, tasks=5, sites=3), 9.0)
    problem = small_times.with_budget(problem, seed, 12.0)
    answer = annealed(problem)
    if answer is None:
        return
    network, found = answer
    assert schedules.is_feasible(network, found)
    best = small_times.fastest(problem)
    assert best * (1 - 1e-12) <= found.makespan <= best * 1.1


@pytest.mark.parametrize("seed", range(15))
def test_cost_within_a_time(seed: int) -> None:
    """With a horizon it ends in time, and costs no more than where it began."""
    problem = small_times.draw(seed, tasks=5, sites=3, blocks=seed % 2 == 0)
    network = prepare(problem)
    begin = worst(network)
    assert begin is not None
    answer = annealed(problem, begin.makespan)
    assert answer is not None
    _, found = answer
    assert found.makespan <= begin.makespan
    chosen = tuple(schedules.placement(network, found).tolist())
    value = small_times.cost(problem.problem, problem.problem.costs, chosen)
    before = small_times.cost(
        problem.problem, problem.problem.costs, tuple(schedules.placement(network, begin).tolist())
    )
    assert small_times.cheapest_within(problem, begin.makespan) - 1e-9 <= value <= before + 1e-9


def test_same_seed_same_schedule() -> None:
    """The random sequence is our own."""
    one, two = (annealed(small_times.draw(3, tasks=20, sites=3)) for _ in range(2))
    assert one is not None
    assert two is not None
    assert one[1].starts.tolist() == two[1].starts.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_large_road_is_honest(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What large problems go through, annealing before the exact solver, is right on small ones."""
    monkeypatch.setattr(fastest, "SMALL", 0)
    monkeypatch.setattr(fastest, "TINY", 0)
    problem = small_times.draw(700 + seed, tasks=5, sites=3)
    found = fastest.solve_time(problem, small_times.patient())
    assert found.value == pytest.approx(small_times.fastest(problem))
    assert found.lower_bound <= found.value
    assert small_times.broken(problem, found) == []
