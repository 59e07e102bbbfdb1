"""A choice that is half made, against everything that it may become, at real costs."""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.model import Classification, Governance, Link
from moorage.sites import Inventory
from pipeline_splitter import solving
from pipeline_splitter.costing import build_problem, charge
from pipeline_splitter.flow import (
    Candidate,
    Choice,
    best_over_choices,
    carry,
    choose,
    permit,
    release_candidates,
)
from pipeline_splitter.problem import Limits, Solution
from tests.builders import make_site
from tests.pipeline_splitter.flow_stories import GENTLE, Story, governed, known, make_release, mounting, stories
from tests.pipeline_splitter.graphs import make_graph
from tests.pipeline_splitter.scenes import basis_of

CHEAP_RELAY = Inventory.of(
    [
        make_site(
            "eu-1",
            "DE",
            clearance=Classification.RESTRICTED,
            confidential_compute=True,
            cpu_hour_price=0.5,
            carbon_grams_per_kwh=300.0,
            links={"us-1": Link(price_per_gb=0.9), "eu-2": Link(price_per_gb=0.01)},
        ),
        make_site("eu-2", "FR", clearance=Classification.CONFIDENTIAL, cpu_hour_price=0.1, carbon_grams_per_kwh=50.0),
        make_site("us-1", "US-CA", carbon_grams_per_kwh=400.0, default_link=Link(price_per_gb=0.2)),
    ]
)


def cheapest(story: Story, choice: Choice) -> dict[str, float]:
    """By objective, the least cost of any placement; infinite where none is permitted."""
    permits = permit(choice.graph, choice.flow, story.datasets, CHEAP_RELAY)
    names = sorted(choice.graph.tasks)
    best = dict.fromkeys(("bytes", "money", "carbon"), math.inf)
    permitted = [[site for site, no in permits[name].items() if no is None] for name in names]
    for sites in itertools.product(*permitted):
        for objective in best:
            basis = basis_of(choice.graph, CHEAP_RELAY, story.datasets, objective)
            charged = charge(basis, dict(zip(names, sites, strict=True)))
            best[objective] = min(best[objective], charged.costs[objective])
    return best


def completions(choice: Choice) -> Iterator[tuple[Candidate, ...]]:
    """Each way to decide what is free."""
    slots: dict[object, list[Candidate]] = {}
    for each in choice.free:
        slots.setdefault(each.slot, []).append(each)
    for picked in itertools.product(*([None, *options] for options in slots.values())):
        yield (*choice.taken, *(each for each in picked if each is not None))


@settings(max_examples=25, deadline=None)
@given(stories(GENTLE, tasks=3), st.data())
def test_a_relaxation_costs_no_more_than_what_it_becomes(story: Story, data: st.DataObject) -> None:
    """By bytes, money and carbon, where links are no metric and computing has a price."""
    candidates = release_candidates(story.graph, carry(story.graph, story.datasets), story.datasets)[:3]
    slots = {each.slot: each for each in candidates}
    decided = data.draw(st.frozensets(st.sampled_from(sorted(slots)))) if slots else frozenset()
    taken = [slots[slot] for slot in sorted(decided) if data.draw(st.booleans())]
    half = choose(
        story.graph, candidates, story.datasets, taken, [each for each in candidates if each.slot not in decided]
    )
    relaxed = cheapest(story, half)
    for completion in completions(half):
        whole = cheapest(story, choose(story.graph, candidates, story.datasets, completion))
        for objective, bound in relaxed.items():
            assert bound <= whole[objective] * (1 + 1e-9)


@settings(max_examples=20, deadline=None)
@given(stories(GENTLE, tasks=3), st.sampled_from(["bytes", "money", "carbon"]))
def test_the_search_finds_the_cheapest_plan_with_a_real_solver(story: Story, objective: str) -> None:
    """Against every placement of every choice."""
    candidates = release_candidates(story.graph, carry(story.graph, story.datasets), story.datasets)[:4]

    def solve(choice: Choice) -> Solution:
        permits = permit(choice.graph, choice.flow, story.datasets, CHEAP_RELAY)
        permitted = {
            task: frozenset(site for site, no in by_site.items() if no is None) for task, by_site in permits.items()
        }
        problem = build_problem(basis_of(choice.graph, CHEAP_RELAY, story.datasets, objective), permitted)
        return solving.solve(problem, Limits(gap=1e-6, deadline=60.0, clock=lambda: 0.0))

    found = best_over_choices(story.graph, candidates, story.datasets, solve)
    free = choose(story.graph, candidates, story.datasets, (), candidates)
    values = {
        taken: cheapest(story, choose(story.graph, candidates, story.datasets, taken))[objective]
        for taken in completions(free)
    }
    best = min(values.values())
    if math.isinf(best):
        assert found.best is None
        assert math.isinf(found.lower_bound)
        return
    assert found.best is not None
    assert found.best.value == pytest.approx(best, rel=1e-6, abs=1e-9)
    assert found.lower_bound <= best * (1 + 1e-9)
    assert found.lower_bound >= best * (1 - 3e-6) - 1e-9


def test_a_slot_is_free_or_taken() -> None:
    """A reader whose form is chosen has nothing left to decide there."""
    claims = governed("claims", Governance(), make_release("a"), make_release("b"))
    graph = (
        make_graph()
        .task("clean", uses=mounting(claims.ref), writes={"out": 1.0})
        .task("train", reads=["clean.out"], accepts=[(claims.ref, "a"), (claims.ref, "b")])
        .obj()
    )
    found = release_candidates(graph, carry(graph, known(claims)), known(claims))
    with pytest.raises(ValueError, match="in a slot of which another is taken"):
        choose(graph, found, known(claims), found[:1], found[1:])
    free = choose(graph, found, known(claims), (), found)
    assert (free.taken, free.left, free.free, free.decided) == ((), (), found, False)
    assert free.graph.tasks["train"].reads == ()
    assert ("clean", "train") in free.graph.order
    taken = choose(graph, found, known(claims), found[:1])
    assert (taken.left, taken.decided) == (found[1:], True)
