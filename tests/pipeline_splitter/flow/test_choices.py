"""The search over choices of releases, against all of them one by one."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.model import Classification, Governance
from pipeline_splitter.flow import (
    Candidate,
    Choice,
    Searched,
    best_over_choices,
    carry,
    choose,
    permit,
    release_candidates,
)
from pipeline_splitter.graph import Graph
from tests.pipeline_splitter.flow_stories import GENTLE, Story, governed, known, make_release, mounting, stories
from tests.pipeline_splitter.graphs import make_graph


@dataclass(frozen=True)
class Found:
    """An exact answer."""

    value: float

    @property
    def lower_bound(self) -> float:
        """It is exact."""
        return self.value

    @property
    def infeasible(self) -> bool:
        """Nothing costs infinitely much."""
        return math.isinf(self.value)


def bytes_moved(graph: Graph, permitted: dict[str, list[str]]) -> float:
    """The least bytes of all placements, by trying them: a datum crosses once to each site that reads it."""
    names = list(graph.tasks)
    best = math.inf
    for sites in itertools.product(*(permitted[name] for name in names)):
        at = dict(zip(names, sites, strict=True))
        crossings = {
            (key, at[name])
            for name in names
            for key in graph.tasks[name].reads
            if (producer := graph.data[key].producer) is not None and at[producer] != at[name]
        }
        cost = sum(graph.data[key].size_bytes for key, _ in crossings)
        # A task costs a little, so that choices differ in more than bytes.
        best = min(best, cost + sum(1e6 * len(site) * graph.tasks[name].seconds for name, site in at.items()))
    return best


def solver(story: Story) -> Callable[[Choice], Found]:
    """Solves by trying all placements."""

    def solve(choice: Choice) -> Found:
        permits = permit(choice.graph, choice.flow, story.datasets, story.inventory)
        permitted = {name: [at for at, no in by_site.items() if no is None] for name, by_site in permits.items()}
        return Found(bytes_moved(choice.graph, permitted))

    return solve


def every_choice(candidates: Iterable[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    """All of them: of each slot none or one."""
    slots: dict[object, list[Candidate]] = {}
    for each in candidates:
        slots.setdefault(each.slot, []).append(each)
    for picked in itertools.product(*([None, *options] for options in slots.values())):
        yield tuple(sorted(each for each in picked if each is not None))


def covers(found: Searched[Found], candidates: tuple[Candidate, ...]) -> bool:
    """Whether each choice lies in exactly one leaf."""
    return all(
        sum(set(leaf.taken) <= set(taken) and not set(leaf.left) & set(taken) for leaf in found.leaves) == 1
        for taken in every_choice(candidates)
    )


def search(story: Story, expired: Callable[[], bool] = lambda: False) -> tuple[tuple[Candidate, ...], Searched[Found]]:
    """The candidates and the outcome."""
    candidates = release_candidates(story.graph, carry(story.graph, story.datasets), story.datasets)
    found = best_over_choices(story.graph, candidates, story.datasets, solver(story), expired=expired)
    return candidates, found


@settings(max_examples=40, deadline=None)
@given(stories(GENTLE, tasks=3))
def test_the_best_of_all_choices_is_found(story: Story) -> None:
    """As enumeration says, with a bound that equals it, and leaves that cover every choice once."""
    candidates, found = search(story)
    solve = solver(story)
    values = {
        taken: solve(choose(story.graph, candidates, story.datasets, taken)).value for taken in every_choice(candidates)
    }
    best = min(values.values())
    assert found.lower_bound <= best
    assert covers(found, candidates)
    if math.isinf(best):
        assert found.best is None
        assert math.isinf(found.lower_bound)
        return
    assert found.best is not None
    assert found.best.value == pytest.approx(best, rel=1e-9)
    assert found.lower_bound >= best * (1 - 1e-6)
    assert values[found.choice.taken] == pytest.approx(best, rel=1e-9)
    as_good = [taken for taken, value in values.items() if value <= best * (1 + 1e-9)]

    def preference(taken: tuple[Candidate, ...]) -> tuple[int, int, tuple[Candidate, ...]]:
        return len({(each.artifact, each.dataset, each.release) for each in taken}), len(taken), taken

    assert found.choice.taken == min(as_good, key=preference)


@settings(max_examples=25, deadline=None)
@given(stories(GENTLE, tasks=3), st.integers(0, 6))
def test_a_search_that_is_stopped_is_honest(story: Story, calls: int) -> None:
    """Whenever it stops: a bound that holds, leaves that cover every choice, the best so far."""
    left = iter(range(calls))
    candidates, found = search(story, lambda: next(left, None) is None)
    whole = search(story)[1]
    assert covers(found, candidates)
    best = math.inf if whole.best is None else whole.best.value
    assert found.lower_bound <= best
    assert found.best is None or found.best.value >= best


def row(readers: int) -> Story:
    """Many readers at another site that all take a smaller form."""
    claims = governed(
        "claims",
        Governance(Classification.CONFIDENTIAL, consumers=frozenset({"steward"})),
        make_release("sample", Governance(consumers=frozenset({"steward"})), ratio=0.1),
    )
    builder = make_graph().task("clean", uses=mounting(claims.ref), writes={"out": 1e9})
    for index in range(readers):
        builder = builder.task(f"r{index:02}", reads=["clean.out"], accepts=[(claims.ref, "sample")])
    return Story(builder.obj(), known(claims))


def test_relaxations_prune() -> None:
    """Where nothing is gained by a release, few of the 4,096 choices are looked at."""
    story = row(12)
    solved = []

    def solve(choice: Choice) -> Found:
        solved.append(choice)
        return Found(60.0 * len(choice.graph.tasks))

    candidates = release_candidates(story.graph, carry(story.graph, story.datasets), story.datasets)
    found = best_over_choices(story.graph, candidates, story.datasets, solve)
    assert found.choice.taken == ()
    assert found.lower_bound == found.best.value  # type: ignore[union-attr]
    assert len(solved) < 5
    assert covers(found, candidates)


def test_without_candidates_there_is_one_leaf() -> None:
    """Choosing nothing is a choice."""
    story = row(1)
    found = best_over_choices(story.graph, (), story.datasets, lambda _choice: Found(3.0))
    assert [(leaf.taken, leaf.left, leaf.lower_bound) for leaf in found.leaves] == [((), (), 3.0)]
    assert found.best == Found(3.0)


def test_progress_is_told() -> None:
    """The best value, and a bound that holds over all choices."""
    story = row(4)
    told: list[tuple[float | None, float]] = []
    candidates = release_candidates(story.graph, carry(story.graph, story.datasets), story.datasets)
    solve = solver(story)
    found = best_over_choices(
        story.graph, candidates, story.datasets, solve, progress=lambda value, bound: told.append((value, bound))
    )
    assert found.best is not None
    assert told
    assert all(bound <= found.best.value + 1e-6 for _, bound in told)
