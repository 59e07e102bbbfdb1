"""Why not elsewhere: a move's delta is the difference of two charges; a denial is passed on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.objectives import OBJECTIVES
from moorage.sites import Inventory
from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.costing import alternatives, charge
from pipeline_splitter.costing.rescheduling import time_deltas
from pipeline_splitter.costing.schedule import make_workload
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Alternative, Denial
from tests.builders import make_site
from tests.pipeline_splitter.graphs import make_graph
from tests.pipeline_splitter.scenes import Scene, scenes

NO_QUOTA = {"quota_cpu_hours": None}


def without_quotas(inventory: Inventory) -> Inventory:
    """The same sites, any number of CPU-hours."""
    return Inventory.of(replace(site, quota_cpu_hours=None) for site in inventory.sites.values())


def found_for(scene: Scene, *objectives: str, denied: dict[str, dict[str, Denial]] | None = None) -> dict[
    str, tuple[Alternative, ...]
]:  # fmt: skip
    """The scene's alternatives; what is not `denied` is permitted."""
    denials = {
        name: {site: (denied or {}).get(name, {}).get(site) for site in scene.inventory.sites}
        for name in scene.graph.tasks
    }
    return alternatives(scene.basis(*objectives), scene.site_of, denials)


@given(scenes(), st.sampled_from(tuple(OBJECTIVES)), st.lists(st.sampled_from(tuple(OBJECTIVES)), max_size=1))
def test_a_delta_is_the_difference_of_two_charges(scene: Scene, objective: str, further: list[str]) -> None:
    """For every task and site and objective; `time` by the schedule that a placement has by definition."""
    scene = replace(scene, inventory=without_quotas(scene.inventory))
    objectives = [objective, *further]
    blocks = make_blocks(scene.graph)

    def cost(moved: dict[str, str]) -> float:
        site_of = {**scene.site_of, **moved}
        made = charge(scene.basis(*objectives), site_of)
        return made.costs[objective]

    here = cost({})
    found = found_for(scene, *objectives)
    assert tuple(found) == tuple(sorted(scene.graph.tasks))
    for name, entries in found.items():
        assert [entry.site for entry in entries] == sorted(set(scene.inventory.sites) - {scene.site_of[name]})
        for entry in entries:
            there = cost(dict.fromkeys(blocks.members[blocks.of[name]], entry.site))
            assert entry.denied is None
            assert entry.cost_delta == pytest.approx(there - here, rel=1e-9, abs=1e-9 * max(here, there, 1e-9))


@given(scenes())
def test_a_move_that_breaks_a_quota_is_denied(scene: Scene) -> None:
    """Exactly where what is there and what would come exceed it."""
    blocks = make_blocks(scene.graph)
    for name, entries in found_for(scene, "money").items():
        coming = blocks.members[blocks.of[name]]
        for entry in entries:
            site = scene.inventory.sites[entry.site]
            there = [other for other, placed in scene.site_of.items() if placed == entry.site or other in coming]
            hours = sum(scene.graph.tasks[other].cpu_seconds for other in there) / site.speed / 3600
            breaks = site.quota_cpu_hours is not None and hours > site.quota_cpu_hours * (1 + 1e-9)
            assert (entry.denied is not None and entry.denied.rule == "QuotaExceeded") == breaks
            assert (entry.cost_delta is None) == breaks


@given(scenes(), st.sampled_from(["money", "time"]))
def test_order_of_the_input_changes_nothing(scene: Scene, objective: str) -> None:
    """The same figures to the last bit."""
    assert found_for(scene, objective) == found_for(scene.upside_down(), objective)


@given(scenes(), st.integers(1, 5))
def test_moves_computed_apart_or_at_once_are_the_same(scene: Scene, moves_at_once: int) -> None:
    """However many share a pass over the schedule."""
    blocks = make_blocks(scene.graph)
    made = scene.basis("time")
    workload = make_workload(made)
    site_of = np.array([made.rates.sites.index(scene.site_of[name]) for name in made.table.tasks], dtype=np.int64)
    wanted = np.ones((len(blocks.members), len(made.rates.sites)), dtype=np.bool_)
    apart = time_deltas(workload, made.block_of, site_of, wanted, moves_at_once=moves_at_once)
    assert apart.tolist() == time_deltas(workload, made.block_of, site_of, wanted).tolist()


def two_tied() -> Graph:
    """Two tasks that share a claim."""
    return make_graph().task("a").task("b").together("a", "b").obj()


def test_the_first_denied_member_gives_the_denial() -> None:
    """By name; for every task of the block; before the quota is asked."""
    inventory = Inventory.of([make_site("eu-1"), make_site("us-1", quota_cpu_hours=0.0)])
    scene = Scene(two_tied(), inventory, {}, {"a": "eu-1", "b": "eu-1"})
    denial = Denial("Pinned", "pinned to eu-1")
    found = found_for(scene, "money", denied={"b": {"us-1": denial}})
    assert found == dict.fromkeys(("a", "b"), (Alternative("us-1", denied=denial),))


def test_a_quota_is_named_with_what_is_used() -> None:
    """Granted, used, needed, and what to do."""
    inventory = Inventory.of([make_site("eu-1"), make_site("us-1", quota_cpu_hours=1.0)])
    scene = Scene(make_graph().task("a", seconds=3600, cpu=2).obj(), inventory, {}, {"a": "eu-1"})
    denied = found_for(scene, "money")["a"][0].denied
    assert denied is not None
    assert denied.message == (
        "site us-1 grants 1 CPU-hours, of which this plan uses 0, and this would take 2 more: raise "
        "spec.quotaCpuHours of the site"
    )
