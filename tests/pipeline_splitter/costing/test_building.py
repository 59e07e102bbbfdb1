"""What a solver is asked: its arrays say of every placement what the definition says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.objectives import OBJECTIVES
from moorage.sites import Inventory
from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.costing import build_problem, build_time_problem, charge
from pipeline_splitter.ordering import topological_order
from pipeline_splitter.problem import Costs, Problem, TimeProblem
from tests.builders import make_dataset, make_site
from tests.pipeline_splitter.graphs import make_graph
from tests.pipeline_splitter.scenes import Scene, basis_of, scenes

LINEAR = ("bytes", "money", "carbon")
LISTS = st.lists(st.sampled_from(tuple(OBJECTIVES)), max_size=2)
BUDGETS = [("bytes", 1.0), ("carbon", 2.0)]


def problem_of(scene: Scene, *objectives: str) -> Problem:
    """The scene as a problem, everything permitted everywhere, with two budgets."""
    return build_problem(scene.basis(*objectives), scene.permitted(), BUDGETS)


def time_problem_of(scene: Scene, *objectives: str) -> TimeProblem:
    """Likewise, with the times."""
    return build_time_problem(scene.basis(*objectives), scene.permitted(), BUDGETS)


def placement_of(scene: Scene, problem: Problem) -> list[int]:
    """The site of each block, by number."""
    return [problem.sites.index(scene.site_of[name]) for name in problem.blocks]


def evaluated(problem: Problem, costs: Costs, placement: list[int]) -> float:
    """The cost of a placement as `Problem` defines it."""
    nets, total = problem.nets, sum(costs.unary[block, site] for block, site in enumerate(placement))
    for net, producer in enumerate(nets.producer):
        for site in {placement[block] for block in nets.readers[nets.starts[net] : nets.starts[net + 1]]}:
            price = costs.price[placement[producer], site] * nets.size_bytes[net]
            total += costs.fixed[net, site] if producer < 0 else price
    return float(total)


def arrays(value: Any) -> list[Any]:  # noqa: ANN401 - records and arrays of any kind
    """Everything in a problem, flat, exactly."""
    if isinstance(value, np.ndarray):
        return [value.shape, value.dtype.str, value.tobytes()]
    if isinstance(value, tuple):
        return [arrays(entry) for entry in value]
    if hasattr(value, "__dataclass_fields__"):
        return [arrays(getattr(value, name)) for name in value.__dataclass_fields__]
    return [value]


@given(scenes(), LISTS, st.sampled_from(LINEAR))
def test_a_problems_cost_is_the_charge(scene: Scene, earlier: list[str], objective: str) -> None:
    """For every linear objective, alone or at the end of a list, and for its budgets."""
    objectives = [*earlier, objective]
    problem = problem_of(scene, *objectives)
    placement = placement_of(scene, problem)
    made = charge(scene.basis(*objectives), scene.site_of)
    assert evaluated(problem, problem.costs, placement) == pytest.approx(made.costs[objective], rel=1e-12)
    for (name, limit), budget in zip(BUDGETS, problem.budgets, strict=True):
        assert budget.limit == limit
        assert evaluated(problem, budget.costs, placement) == pytest.approx(made.costs[name], rel=1e-12)


@given(scenes())
def test_a_problem_keeps_its_contract(scene: Scene) -> None:
    """Sorted names; readers without repetition and never the producer; nets that somebody reads; finite costs."""
    problem = problem_of(scene, "money")
    nets = problem.nets
    assert problem.blocks == tuple(sorted(problem.blocks))
    assert problem.sites == tuple(sorted(problem.sites))
    assert nets.keys == tuple(sorted(nets.keys))
    for net, producer in enumerate(nets.producer):
        readers = nets.readers[nets.starts[net] : nets.starts[net + 1]].tolist()
        assert readers == sorted(set(readers) - {int(producer)})
        assert readers
    assert np.isfinite(problem.costs.unary).all()
    assert (problem.costs.unary >= 0).all()
    assert not problem.costs.price.diagonal().any()
    assert not problem.costs.fixed[nets.producer >= 0].any()
    edges = problem.edges.tolist()
    assert len(topological_order(len(problem.blocks), edges)) == len(problem.blocks)
    blocks = make_blocks(scene.graph)
    between = {(blocks.of[earlier], blocks.of[later]) for earlier, later in scene.graph.edges()}
    assert {tuple(edge) for edge in edges} == {(one, other) for one, other in between if one != other}
    hours = sum(problem.cpu_hours[block, site] for block, site in enumerate(placement_of(scene, problem)))
    speeds = {name: scene.inventory.sites[site].speed for name, site in scene.site_of.items()}
    taken = sum(task.cpu_seconds / speeds[name] / 3600 for name, task in scene.graph.tasks.items())
    assert hours == pytest.approx(taken)


@given(scenes(), LISTS)
def test_a_time_problem_says_when_tasks_run(scene: Scene, earlier: list[str]) -> None:
    """Simulated from its arrays alone, the tasks run as the charge's schedule says."""
    timed = time_problem_of(scene, *earlier, "time")
    made = charge(scene.basis(*earlier, "time"), scene.site_of)
    placement = placement_of(scene, timed.problem)
    site_of = [placement[block] for block in timed.block_of]
    edges = {(int(a), int(b)) for a, b in timed.order}
    reads = [
        (datum, int(reader))
        for datum in range(len(timed.producer))
        for reader in timed.readers[timed.starts[datum] : timed.starts[datum + 1]]
    ]
    every = edges | {(int(timed.producer[datum]), reader) for datum, reader in reads if timed.producer[datum] >= 0}
    number = {name: index for index, name in enumerate(timed.tasks)}
    assert every == {(number[one], number[other]) for one, other in scene.graph.edges()}
    free = [[0.0] * (int(slots) or len(timed.tasks)) for slots in timed.slots]
    ends: dict[int, float] = {}
    for task in topological_order(len(timed.tasks), sorted(every)):
        site = site_of[task]
        arrivals = [0.0, *(ends[earlier] for earlier, later in edges if later == task)]
        for datum in (datum for datum, reader in reads if reader == task):
            producer = int(timed.producer[datum])
            if producer < 0:
                arrivals.append(timed.fixed_delay[datum, site])
            else:
                arrivals.append(ends[producer] + timed.delay[datum, site_of[producer], site])
        slot = free[site].index(min(free[site]))
        start = max(*arrivals, free[site][slot])
        ends[task] = free[site][slot] = start + timed.seconds[task, site]
        assert (start, ends[task]) == pytest.approx(made.schedule[timed.tasks[task]], rel=1e-12)
    assert not timed.problem.costs.unary.any()


@given(scenes())
def test_order_of_the_input_changes_no_array(scene: Scene) -> None:
    """The same bytes in every array."""
    other = scene.upside_down()
    assert arrays(problem_of(scene, "time", "money")) == arrays(problem_of(other, "time", "money"))
    assert arrays(time_problem_of(scene, "money", "time")) == arrays(time_problem_of(other, "money", "time"))


def test_a_linear_objective_within_a_time_has_its_costs() -> None:
    """For a list `time,money` the time problem carries what is minimised within the makespan."""
    inventory = Inventory.of([make_site("eu-1", cpu_hour_price=0.1)])
    graph = make_graph().task("a", seconds=3600).obj()
    permitted = {"a": frozenset({"eu-1"})}
    timed = build_time_problem(basis_of(graph, inventory, {}, "time", "money"), permitted)
    assert timed.problem.costs.unary.tolist() == [[0.1]]


def test_a_block_may_be_where_all_its_members_may() -> None:
    """The permitted sites of a block are its members' common ones; the others' figures are there all the same."""
    inventory = Inventory.of([make_site("ap-1"), make_site("eu-1"), make_site("us-1")])
    graph = make_graph().task("a").task("b").together("a", "b").obj()
    permitted = {"a": frozenset({"eu-1", "us-1"}), "b": frozenset({"ap-1", "us-1"})}
    problem = build_problem(basis_of(graph, inventory, {}, "bytes"), permitted)
    assert problem.allowed.tolist() == [[False, False, True]]


def test_data_without_any_copy_cost_nothing_and_break_nothing() -> None:
    """Governance refuses their readers everywhere; the arrays stay finite."""
    inventory = Inventory.of([make_site("eu-1")])
    dataset = make_dataset("claims").at("nowhere").obj()
    graph = make_graph().dataset(dataset.ref, 5.0).task("a", reads=["steward/claims"]).obj()
    permitted: dict[str, frozenset[str]] = {"a": frozenset()}
    for datasets in ({dataset.ref: dataset}, {}):
        problem = build_problem(basis_of(graph, inventory, datasets, "money"), permitted)
        assert problem.costs.fixed.tolist() == [[0.0]]
        assert not problem.allowed.any()


def test_time_has_no_linear_costs() -> None:
    """Whoever asks for them is told."""
    graph = make_graph().obj()
    with pytest.raises(ValueError, match="time is not one of bytes, money, carbon"):
        build_problem(basis_of(graph, Inventory.of([make_site("eu-1")]), {}, "money"), {}, [("time", 1.0)])
