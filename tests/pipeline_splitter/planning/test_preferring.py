"""Of plans that are equal in all that was asked for: fewer bytes, then less money."""

import time
from dataclasses import replace
from typing import Any

import pytest

from moorage.model import DatasetRef, Link
from moorage.sites import Inventory
from pipeline_splitter.costing import charge, gather
from pipeline_splitter.hints import Hints, InputHint
from pipeline_splitter.planning import Request
from pipeline_splitter.planning.making import read_graph
from pipeline_splitter.planning.placing import Placed
from pipeline_splitter.planning.preferring import prefer
from pipeline_splitter.planning.stages import settle
from pipeline_splitter.problem import Limits
from tests.builders import make_dataset, make_site
from tests.pipeline_splitter.checking.plans import make, workflow

LAKE = DatasetRef("default", "lake")
TASKS: dict[str, Any] = {
    "slow": ([], ["s"], 3600.0),
    "read": (["raw"], ["r"], 10.0),
    "look": (["r"], ["l"], 10.0),
}


def request(*objectives: str, **eu: Any) -> Request:  # noqa: ANN401 - passed on
    """A long task, and a short chain that reads 105 MB, which lie at eu-1; `eu`: how eu-1 differs from us-1."""
    inventory = Inventory.of([make_site("eu-1", cpu_hour_price=0.1, **eu), make_site("us-1", cpu_hour_price=0.1)])
    return Request(
        [workflow(TASKS, {"raw": 105e6, "s": 1.0, "r": 5e6, "l": 1.0})],
        "workflow.json",
        inventory,
        {LAKE: make_dataset("lake", "default").at("eu-1").obj()},
        Hints(inputs={"raw": InputHint(LAKE, 105e6)}),
        objectives=objectives,
    )


def preferred(asked: Request, **site_of: str) -> tuple[Placed, dict[str, float], dict[str, float]]:
    """The search's answer from that placement; what it cost before, and what it costs now."""
    graph, _ = read_graph(asked)
    limits = Limits(1e-6, time.monotonic() + 60, time.monotonic)
    settled = settle(graph, (), asked, limits)
    assert settled.placed is not None
    prepared = settled.placed.prepared
    basis = gather(prepared.graph, prepared.blocks, asked.terms())
    starts = dict(charge(basis, site_of).schedule) if "time" in asked.objectives else None
    begun = None if starts is None else {name: start for name, (start, _) in starts.items()}
    placed = replace(settled.placed, site_of=site_of, starts=begun)
    found = prefer(placed, basis, limits)
    assert found.site_of is not None
    return found, dict(charge(basis, site_of, begun).costs), dict(charge(basis, found.site_of, found.starts).costs)


def test_time_moves_nothing_for_nothing() -> None:
    """The run ends with the long task wherever the others are: so they go where their data are."""
    found, before, after = preferred(request("time"), slow="us-1", read="us-1", look="us-1")
    assert found.site_of == {"slow": "us-1", "read": "eu-1", "look": "eu-1"}
    assert before["bytes"] == 105e6
    assert after["bytes"] == 0
    assert after["time"] == before["time"]


def test_a_makespan_is_kept() -> None:
    """At half the speed the long task stays, though nothing keeps the others."""
    found, before, after = preferred(request("time", speed=0.5), slow="us-1", read="us-1", look="us-1")
    assert found.site_of == {"slow": "us-1", "read": "eu-1", "look": "eu-1"}
    assert after["time"] <= before["time"]


def test_slots_are_kept() -> None:
    """The long task has the only one where the data are."""
    found, before, after = preferred(request("time", slots=1), slow="eu-1", read="us-1", look="us-1")
    assert found.site_of == {"slow": "eu-1", "read": "us-1", "look": "us-1"}
    assert after == before


def test_money_prefers_fewer_bytes() -> None:
    """Links for nothing: all placements cost the same."""
    free = request("money")
    inventory = Inventory.of(
        replace(site, default_link=replace(site.default_link, price_per_gb=0.0))
        for site in free.inventory.sites.values()
    )
    found, before, after = preferred(replace(free, inventory=inventory), slow="us-1", read="us-1", look="us-1")
    assert (before["bytes"], after["bytes"]) == (105e6, 0)
    assert after["money"] == pytest.approx(before["money"], rel=1e-9)
    assert found.site_of is not None


def test_bytes_prefer_less_money() -> None:
    """No bytes in either: eu-1 is dearer."""
    dear, before, after = preferred(
        replace(
            request("bytes"),
            inventory=Inventory.of([make_site("eu-1", cpu_hour_price=0.2), make_site("us-1", cpu_hour_price=0.1)]),
        ),
        slow="eu-1",
        read="eu-1",
        look="eu-1",
    )
    assert dear.site_of == {"slow": "us-1", "read": "eu-1", "look": "eu-1"}
    assert after["money"] < before["money"]
    assert after["bytes"] == before["bytes"] == 0


def test_a_quota_is_kept() -> None:
    """There is room for one of the two short tasks only."""
    found, _, _ = preferred(request("time", quota_cpu_hours=11 / 3600), slow="us-1", read="us-1", look="us-1")
    assert found.site_of is not None
    assert list(found.site_of.values()).count("eu-1") == 1


def test_nothing_that_was_asked_for_gets_worse() -> None:
    """Dearer at eu-1: money was asked for, and bytes are not money."""
    asked = request("money")
    dearer = Inventory.of([make_site("eu-1", cpu_hour_price=90.0), make_site("us-1", cpu_hour_price=0.1)])
    found, before, after = preferred(replace(asked, inventory=dearer), slow="us-1", read="us-1", look="us-1")
    assert found.site_of == {"slow": "us-1", "read": "us-1", "look": "us-1"}
    assert after == before


@pytest.mark.parametrize("objectives", [("time",), ("time", "money"), ("money", "time"), ("bytes",)])
def test_the_plan_that_is_written_holds_and_moves_nothing(objectives: tuple[str, ...]) -> None:
    """From the pipeline to the files."""
    made = make(request(*objectives))
    assert made.findings() == ()
    assert '"bytes": 0' in made.files["plan.json"]


@pytest.mark.parametrize("objective", ["money", "time"])
@pytest.mark.parametrize("home", ["a-site", "z-site"])
def test_whichever_site_comes_first_the_data_stay_at_home(objective: str, home: str) -> None:
    """Sites that differ in their names only, links for nothing: the planner has no reason to move anything."""
    inventory = Inventory.of(
        make_site(name, cpu_hour_price=0.1, default_link=Link(price_per_gb=0.0)) for name in ("a-site", "z-site")
    )
    long: dict[str, Any] = {"slow": ([], ["s"], 3600.0)}
    short = {f"read-{number}": (["raw"], [f"r{number}"], 10.0) for number in range(6)}
    made = make(
        Request(
            [workflow({**long, **short}, {"raw": 105e6, "s": 1.0, **{f"r{number}": 1.0 for number in range(6)}})],
            "workflow.json",
            inventory,
            {LAKE: make_dataset("lake", "default").at(home).obj()},
            Hints(inputs={"raw": InputHint(LAKE, 105e6)}),
            objectives=(objective,),
        )
    )
    assert made.findings() == ()
    assert '"bytes": 0' in made.files["plan.json"]
