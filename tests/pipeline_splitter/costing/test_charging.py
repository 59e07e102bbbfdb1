"""What a placement costs: by the definition, whatever order anything came in."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.model import Link, Site
from moorage.objectives import OBJECTIVES
from moorage.sites import Inventory
from pipeline_splitter.costing import Charged, charge
from tests.builders import make_dataset, make_site
from tests.pipeline_splitter.graphs import make_graph
from tests.pipeline_splitter.naive_costs import brought, linear_costs, schedule
from tests.pipeline_splitter.scenes import Scene, basis_of, scenes

LISTS = st.lists(st.sampled_from(tuple(OBJECTIVES)), min_size=1, max_size=3, unique=True)


def charged(scene: Scene, *objectives: str) -> Charged:
    """The scene's charge."""
    return charge(scene.basis(*objectives), scene.site_of)


@given(scenes(), LISTS)
def test_costs_are_those_of_the_definition(scene: Scene, objectives: list[str]) -> None:
    """All four, and every transfer once, with all its readers."""
    made = charged(scene, *objectives)
    timetable = schedule(scene, objectives)
    expected = {**linear_costs(scene, objectives), "time": max((end for _, end in timetable.values()), default=0.0)}
    assert tuple(made.costs) == tuple(OBJECTIVES)
    assert made.costs == pytest.approx(expected, rel=1e-12)
    assert set(made.schedule) == set(timetable)
    for name, times in made.schedule.items():
        assert times == pytest.approx(timetable[name], rel=1e-12)
    found = [(move.key, move.origin, move.target, move.size_bytes) for move in made.transfers]
    assert len(found) == len(set(found))
    assert set(found) == brought(scene, objectives)
    for move in made.transfers:
        reading = [
            name
            for name, task in scene.graph.tasks.items()
            if move.key in task.reads and scene.site_of[name] == move.target
        ]
        assert move.readers == tuple(sorted(reading))


@given(scenes(), LISTS)
def test_order_of_the_input_changes_nothing(scene: Scene, objectives: list[str]) -> None:
    """The same figures to the last bit, in the same order."""
    assert charged(scene, *objectives) == charged(scene.upside_down(), *objectives)


def world(*sites: Site) -> Inventory:
    """Sites without links of their own."""
    return Inventory.of(sites)


def test_a_gap_before_a_slots_last_task_is_not_used_again() -> None:
    """One slot: `b` waits for its input and is taken before `c`, which would have fitted in front of it."""
    graph = (
        make_graph().task("a", writes={"out": 125e6}, seconds=10).task("b", reads=["a.out"], seconds=5)
        .task("c", seconds=1).obj()
    )  # fmt: skip
    inventory = world(make_site("eu-1", slots=1), make_site("us-1"))
    made = charge(basis_of(graph, inventory, {}, "money"), {"a": "us-1", "b": "eu-1", "c": "eu-1"})
    assert made.schedule == {"a": (0, 10), "b": (11.05, 16.05), "c": (16.05, 17.05)}


def test_a_later_taken_task_may_start_earlier_in_another_slot() -> None:
    """Two slots: `c` is taken after `b` and starts before it."""
    graph = (
        make_graph().task("a", writes={"out": 125e6}, seconds=10).task("b", reads=["a.out"], seconds=5)
        .task("c", seconds=1).obj()
    )  # fmt: skip
    inventory = world(make_site("eu-1", slots=2), make_site("us-1"))
    made = charge(basis_of(graph, inventory, {}, "money"), {"a": "us-1", "b": "eu-1", "c": "eu-1"})
    assert made.schedule["c"] == (0, 1)


def test_starts_that_a_solver_chose_are_kept() -> None:
    """They are given in; ends and the makespan follow from the sites' speeds."""
    graph = make_graph().task("a", seconds=10).obj()
    inventory = world(make_site("eu-1", speed=2.0))
    made = charge(basis_of(graph, inventory, {}, "time"), {"a": "eu-1"}, starts={"a": 3.0})
    assert made.schedule == {"a": (3.0, 8.0)}
    assert made.costs["time"] == 8.0


@pytest.mark.parametrize(
    ("objectives", "origin"),
    [
        (["bytes"], "ap-1"),
        (["money"], "eu-1"),
        (["carbon"], "ap-1"),
        (["time"], "us-1"),
        (["bytes", "money"], "eu-1"),
        (["bytes", "time"], "us-1"),
        (["carbon", "time", "money"], "us-1"),
    ],
)
def test_the_source_is_the_cheapest_by_the_list_then_by_name(objectives: list[str], origin: str) -> None:
    """Ties go to the next objective of the list, at last to the site's name."""
    sites = [
        make_site("ap-1", default_link=Link(price_per_gb=0.09, bytes_per_second=1e6)),
        make_site("eu-1", default_link=Link(price_per_gb=0.01, bytes_per_second=1e6)),
        make_site("us-1", default_link=Link(price_per_gb=0.05, bytes_per_second=1e9)),
        make_site("reader"),
    ]
    dataset = make_dataset("claims").at("us-1", "eu-1", "ap-1").obj()
    graph = make_graph().dataset(dataset.ref, 1e9).task("a", reads=["steward/claims"]).obj()
    made = charge(basis_of(graph, world(*sites), {dataset.ref: dataset}, *objectives), {"a": "reader"})
    assert [move.origin for move in made.transfers] == [origin]


def test_a_dataset_without_a_copy_is_named() -> None:
    """Nothing can be charged where nothing can be brought."""
    dataset = make_dataset("claims").at("nowhere").obj()
    graph = make_graph().dataset(dataset.ref, 1e9).task("a", reads=["steward/claims"]).obj()
    with pytest.raises(InputError, match=r"steward/claims.*no copy.*task a"):
        charge(basis_of(graph, world(make_site("eu-1")), {dataset.ref: dataset}, "money"), {"a": "eu-1"})


def test_a_site_without_a_slot_is_refused() -> None:
    """Zero slots would read as any number."""
    with pytest.raises(InputError, match=r"Site eu-1: spec\.slots"):
        charge(basis_of(make_graph().obj(), world(make_site("eu-1", slots=0)), {}, "money"), {})


def test_no_tasks_cost_nothing() -> None:
    """An empty plan."""
    made = charge(basis_of(make_graph().obj(), world(make_site("eu-1")), {}, "money"), {})
    assert made == replace(made, transfers=(), costs=dict.fromkeys(OBJECTIVES, 0.0), schedule={})
