"""Why a task is where it is: every clause is true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.model import Dataset, DatasetRef
from moorage.objectives import OBJECTIVES
from moorage.sites import Inventory
from pipeline_splitter.costing import alternatives, reasons
from pipeline_splitter.plan import Denial
from tests.builders import make_dataset, make_site
from tests.pipeline_splitter.graphs import GraphBuilder, make_graph
from tests.pipeline_splitter.scenes import Scene, scenes

SITES = Inventory.of([make_site("eu-1", cpu_hour_price=0.1, speed=2.0), make_site("us-1", cpu_hour_price=0.1)])
CLAIMS: Dataset = make_dataset("claims").at("eu-1").obj()
REFUSED = Denial("ResidencyViolated", "must stay in DE")


def reasons_for(
    scene: Scene, objective: str, denied: dict[tuple[str, str], Denial] | None = None
) -> dict[str, str]:  # fmt: skip
    """The reasons, from the scene's own alternatives."""
    graph = scene.graph
    denials = {name: {site: (denied or {}).get((name, site)) for site in scene.inventory.sites} for name in graph.tasks}
    basis = scene.basis(objective)
    return reasons(basis, scene.site_of, alternatives(basis, scene.site_of, denials))


def told(builder: GraphBuilder, objective: str = "money", *, site: str = "eu-1", inventory: Inventory = SITES,
         **denied: Denial) -> str:  # fmt: skip
    """The reason of task `a`, everything at one site; `denied`: at us-1, by task."""
    graph = builder.obj()
    datasets: dict[DatasetRef, Dataset] = {CLAIMS.ref: CLAIMS}
    scene = Scene(graph, inventory, datasets, dict.fromkeys(graph.tasks, site))
    return reasons_for(scene, objective, {(name, "us-1"): denial for name, denial in denied.items()})["a"]


def test_a_pin_is_named() -> None:
    """By what said so."""
    assert told(make_graph().task("a", sites=["eu-1"]), a=REFUSED) == "pinned here by hint sites"


def test_a_pin_to_several_sites_is_no_reason() -> None:
    """It leaves a choice."""
    assert "pinned" not in told(make_graph().task("a", sites=["eu-1", "us-1"]))


def test_a_pinned_neighbour_is_named() -> None:
    """What must stay with a pinned task says with which."""
    tied = make_graph().task("a").task("b", sites=["eu-1"]).together("a", "b")
    assert told(tied, b=REFUSED) == "stays with b, which is pinned here by hint sites"


def test_denials_are_counted_by_rule() -> None:
    """Nothing else is permitted."""
    assert told(make_graph().task("a"), a=REFUSED) == "the only site that may run it (ResidencyViolated at 1 other)"


def test_a_neighbours_denial_counts_for_both() -> None:
    """What must stay together is denied together."""
    tied = make_graph().task("a").task("b").together("a", "b")
    expected = "the only site that may run it and what must stay with it (ResidencyViolated at 1 other)"
    assert told(tied, b=REFUSED) == expected


def test_a_full_quota_is_told_apart_from_a_rule() -> None:
    """The site would be permitted."""
    inventory = Inventory.of([make_site("eu-1"), make_site("us-1", quota_cpu_hours=0.0)])
    reason = told(make_graph().task("a"), inventory=inventory)
    assert reason == "no other site may run it and has quota left (QuotaExceeded at 1 other)"


def test_the_only_site() -> None:
    """There is no other."""
    assert told(make_graph().task("a"), inventory=Inventory.of([make_site("eu-1")])) == "the only site there is"


def test_cheapest_computing() -> None:
    """Half the hours at the same price."""
    reason = told(make_graph().task("a", seconds=3600))
    assert reason == "cheapest computing of the 2 permitted sites: us-1 would add 0.05 money"


def test_the_biggest_input_is_here() -> None:
    """A dataset's copy, and nothing to gain from computing elsewhere."""
    builder = make_graph().dataset(CLAIMS.ref, 5e10).task("a", reads=["steward/claims"], seconds=0)
    assert told(builder) == "its biggest input, steward/claims (50 GB), is here: us-1 would add 1 money"
    assert told(builder, "bytes") == "its biggest input, steward/claims (50 GB), is here: us-1 would add 50 GB"


def test_what_it_writes_keeps_data_from_moving() -> None:
    """Its reader is here."""
    builder = make_graph().task("a", writes={"out": 2e6}, seconds=0).task("b", reads=["a.out"])
    assert told(builder, "bytes") == "keeps data from moving: us-1 would add 2 MB"


def test_a_tie_is_called_a_tie() -> None:
    """Another site would do as well."""
    assert told(make_graph().task("a"), "bytes") == "no permitted site is better by itself: us-1 would cost the same"


def test_a_better_move_is_admitted() -> None:
    """A list of objectives, or a limit of time, may leave it so: nothing is made up."""
    reason = told(make_graph().task("a", seconds=3600), site="us-1")
    assert reason == "not the best by itself: moved alone to eu-1 it would save 0.05 money"


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("eu-1", "at us-1, the next best site, the run would end 30 s later"),
        ("us-1", "moved alone, the run would end 30 s earlier at eu-1"),
    ],
)
def test_time_is_told_in_seconds(site: str, expected: str) -> None:
    """By the run's end."""
    assert told(make_graph().task("a", seconds=60), "time", site=site) == expected


@given(scenes(), st.sampled_from(tuple(OBJECTIVES)))
def test_every_task_has_one_short_reason(scene: Scene, objective: str) -> None:
    """Whatever the scene is; the same in any order."""
    found = reasons_for(scene, objective)
    assert tuple(found) == tuple(sorted(scene.graph.tasks))
    assert all(text and len(text) < 160 and "\n" not in text for text in found.values())
    assert found == reasons_for(scene.upside_down(), objective)
