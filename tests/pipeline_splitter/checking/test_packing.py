"""Whether work fits, against trying every way to place it."""

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_splitter.checking.impossible.effort import Effort, UndecidedError
from pipeline_splitter.checking.impossible.packing import Load, fits

SITES = ("a", "b", "c")
SOME = st.frozensets(st.sampled_from(SITES), min_size=1)
LOADS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0]), SOME), max_size=6)
LIMITS = st.dictionaries(st.sampled_from(SITES), st.sampled_from([0.0, 1.0, 3.0, 4.0, 6.0]))


def by_trying(loads: list[Load], limits: Mapping[str, float]) -> bool:
    """Every site of every load."""
    for sites in itertools.product(*(sorted(allowed) for _, allowed in loads)):
        taken = {site: sum(size for (size, _), at in zip(loads, sites, strict=True) if at == site) for site in limits}
        if all(taken[site] <= limits[site] for site in limits):
            return True
    return False


@given(LOADS, LIMITS)
def test_what_fits(loads: list[Load], limits: Mapping[str, float]) -> None:
    """Equal loads, equal sites, sites without a limit, loads of nothing."""
    assert fits(loads, limits, Effort(10_000)) == by_trying(loads, limits)


def test_thousands_of_loads_fit_without_a_search() -> None:
    """Each is put once."""
    loads = [(1.0, frozenset(SITES))] * 3000
    assert fits(loads, dict.fromkeys(SITES, 1000.0), Effort(3000))


def test_sums_rule_out_without_a_search() -> None:
    """More than the sites take together; more than the only site of some."""
    assert not fits([(1.0, frozenset(SITES))] * 31, dict.fromkeys(SITES, 10.0), Effort(0))
    assert not fits([(1.0, frozenset("a"))] * 11, dict.fromkeys(SITES, 10.0), Effort(0))


def test_a_search_gives_up() -> None:
    """Odd sums into even halves."""
    loads = [(3.0 + number / 1000, frozenset("ab")) for number in range(21)]
    with pytest.raises(UndecidedError):
        fits(loads, {"a": 31.6, "b": 31.61}, Effort(1000))
