"""Passes with soft minima against trying everything, HiGHS being kept out of it."""

import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_splitter.problem import Limits, Problem
from pipeline_splitter.solving import bound, evaluate, highs
from pipeline_splitter.solving.search import Search
from pipeline_splitter.solving.smoothing import cooling, kernels, moving
from pipeline_splitter.solving.smoothing.layout import begin, lay_out
from tests.pipeline_splitter.solving.problems import SEEDS, drawn, optimum

_TICKS = 400
pytestmark = pytest.mark.xdist_group("compiling")
"""One worker compiles the kernels, and the others find them compiled."""


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """HiGHS is not asked: what is proven is proven by passes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooling, "_DECIDED_FLOWS_PER_SECOND", -1)
        patch.setattr(cooling, "SMALL_FLOWS", -1)
        patch.setattr(cooling, "_try_likely", lambda *_: None)
        yield


def _limits() -> Limits:
    """So many looks at the clock."""
    ticks = itertools.count()
    return Limits(gap=1e-9, deadline=float(_TICKS), clock=lambda: float(next(ticks)))


def _priced(problem: Problem, kind: str) -> Problem:
    """The problem with prices that are all alike, fall apart into both ends, or are as they were."""
    sites = len(problem.sites)
    rng = np.random.default_rng(sites)
    price = {
        "any": problem.costs.price,
        "alike": 1.0 - np.eye(sites),
        "apart": (rng.random(sites)[:, None] + rng.random(sites)) * (1 - np.eye(sites)),
    }[kind]
    return dataclasses.replace(problem, costs=dataclasses.replace(problem.costs, price=price))


KINDS = st.sampled_from(["any", "alike", "apart"])


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, kind=KINDS, narrow=st.booleans())
def test_bounds_hold(seed: int, kind: str, *, narrow: bool) -> None:
    """No bound is above the optimum, also where sites were left out on the way, and no placement is below it."""
    problem = _priced(drawn(seed), kind)
    best = optimum(problem)
    search = Search(problem)
    with pytest.MonkeyPatch.context() as patch:
        if narrow:
            patch.setattr(cooling, "_NARROW_FROM", -1)
            patch.setattr(cooling, "_NARROW_AT", 1.0)
        if not search.finished(_limits()):
            cooling.cool(search, _limits())
    found = search.solution(_limits(), "passes")
    assert found.placement is not None
    assert evaluate.is_feasible(problem, found.placement)
    assert found.lower_bound <= best <= found.value
    if found.certificate is not None:
        assert min(bound.certified_bound(problem, found.certificate), found.value) == found.lower_bound


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, kind=KINDS)
def test_they_prove_what_the_relaxation_proves(seed: int, kind: str) -> None:
    """Passes come within a hundredth of the linear relaxation's bound, as HiGHS finds it."""
    problem = _priced(drawn(seed), kind)
    search = Search(problem)
    if search.finished(_limits()):
        return
    relaxed = highs.relax(search.core, Limits(gap=0.0, deadline=math.inf, clock=lambda: 0.0))
    assert relaxed is not None
    by_highs, _ = search._bound(relaxed[0])  # noqa: SLF001  # what these multipliers prove
    cooling.cool(search, _limits())
    assert search.solution(_limits(), "passes").lower_bound >= by_highs * 0.99 - 1e-9


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, kind=st.sampled_from(["alike", "apart"]), hard=st.booleans())
def test_short_cuts_tell_the_same(seed: int, kind: str, *, hard: bool) -> None:
    """Where prices fall apart, the short way through a pass gives the messages that the long one gives.

    With soft minima nearly: the stand-in for exp takes products of powers for sums of exponents.
    """
    problem = _priced(drawn(seed), kind)
    search = Search(problem)
    if len(search.core.blocks) == 0:
        return
    layout, places = lay_out(search.core, search.core.costs[0], search.record.pieces)
    states = []
    for plain in (layout.plain, np.zeros_like(layout.plain)):
        x = layout._replace(plain=plain)
        y = begin(x, places, search.best())
        todo = np.arange(len(x.pieces))
        heat = np.full(search.record.piece_count, 0.3)
        pool, given_pool = np.zeros(len(x.caps)), np.zeros(len(x.given_caps))
        for number in range(3):
            if hard:
                moving.backward(x, y, todo, pool, given_pool, number == 1)
                moving.forward(x, y, todo, pool)
            else:
                kernels.backward(x, y, todo, heat)
            kernels.forward(x, y, todo, heat, hard)
        states.append(y)
    short, long = states
    for one, other in zip((short.psi, short.phi, short.loads), (long.psi, long.phi, long.loads), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9 if hard else 0.02)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, kind=KINDS)
def test_readers_carry_a_crossing_together(seed: int, kind: str) -> None:
    """After each step what the readers of a net carry at a site adds up to the crossing, whatever moved before."""
    search = Search(_priced(drawn(seed), kind))
    if len(search.core.blocks) == 0:
        return
    smoother = cooling.smoothing(search)
    for softness in (1.0, 1e-2, 1e-4):
        smoother.move()
        smoother.sweep(search.record.heat(softness), 100.0)
        x, core = smoother.layout, search.core
        carried = np.zeros_like(core.carried_bytes)
        places = smoother._places  # noqa: SLF001  # where values stand
        np.add.at(carried, (x.net_of[places.read_rows], places.read_sites), smoother.state.loads)
        reachable = np.zeros_like(core.carried_bytes, dtype=bool)
        reachable[x.net_of[places.read_rows], places.read_sites] = True
        np.testing.assert_allclose(carried[reachable], core.carried_bytes[reachable], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("sweeps", "planned"), [(24, 150), (100, 150), (150, 150)])
def test_a_short_round_cools_slowly_and_ends_cold(sweeps: int, planned: int) -> None:
    """At first as a whole round does, never warmer again, and nearly cold with its last sweep."""
    cooled = [cooling._cooled(number, sweeps, planned) for number in range(sweeps)]  # noqa: SLF001  # a pure part
    assert cooled[: sweeps // 2] == [number / planned for number in range(sweeps // 2)]
    assert cooled == sorted(cooled)
    assert 1 - 5 / sweeps < cooled[-1] < 1
