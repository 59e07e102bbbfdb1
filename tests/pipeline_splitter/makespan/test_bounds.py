"""No bound exceeds what is possible."""

import math

import pytest

from pipeline_splitter.problem import TimeProblem
from pipeline_splitter.solving.makespan import bounds
from pipeline_splitter.solving.makespan.network import prepare
from tests.pipeline_splitter.makespan import small_times


def drawn(seed: int) -> TimeProblem:
    """Few sites and many slots of one, so that work counts."""
    return small_times.draw(seed, tasks=5, sites=1 + seed % 2, blocks=seed % 3 == 0)


@pytest.mark.parametrize("seed", range(30))
def test_paths(seed: int) -> None:
    """The longest of the shortest ways is no longer than the shortest schedule."""
    problem = drawn(seed)
    network = prepare(problem)
    assert bounds.by_paths(network, bounds.times(network, network.allowed)) <= small_times.fastest(problem)


@pytest.mark.parametrize("seed", range(30))
def test_the_possible_is_never_refuted(seed: int) -> None:
    """Under the shortest makespan, what is left permits the placement that reaches it."""
    problem = drawn(seed)
    best = small_times.fastest(problem)
    if math.isinf(best):
        return
    network = prepare(problem)
    known = bounds.times(network, network.allowed)
    left = bounds.Refuter(network, known, lambda: False).supposed(best)
    assert left is not None
    reaching = [
        sites for sites in small_times.placements(problem.problem) if small_times.shortest(problem, sites) <= best
    ]
    for sites in reaching:
        assert all(left.allowed[task, sites[block]] for task, block in enumerate(problem.block_of.tolist()))


@pytest.mark.parametrize("seed", range(30))
def test_bisection(seed: int) -> None:
    """The bound found between zero and the shortest makespan is below it."""
    problem = drawn(100 + seed)
    best = small_times.fastest(problem)
    if math.isinf(best):
        return
    network = prepare(problem)
    known = bounds.times(network, network.allowed)
    assert bounds.Refuter(network, known, lambda: False).bound(0.0, best) <= best


def test_work_alone_is_seen() -> None:
    """Where one slot must do everything, the bound is all of it."""
    problem = small_times.one_slot([3.0, 4.0, 5.0])
    network = prepare(problem)
    known = bounds.times(network, network.allowed)
    assert bounds.Refuter(network, known, lambda: False).bound(5.0, 100.0) == pytest.approx(12.0, rel=1e-2)
