"""Which objective of a list decided: the first by which no other site is as good."""

import json
import re

import pytest

from moorage.objectives import OBJECTIVES
from moorage.sites import Inventory
from pipeline_splitter.planning import Request
from tests.builders import make_site
from tests.pipeline_splitter.checking.plans import make, workflow

GREEN = make_site("green", cpu_hour_price=0.1004, carbon_grams_per_kwh=10.0)
CHEAP = make_site("cheap", cpu_hour_price=0.1, carbon_grams_per_kwh=500.0)
DEAR = make_site("dear", cpu_hour_price=5.0, carbon_grams_per_kwh=0.0)


def reason(*objectives: str, sites: tuple[object, ...] = (GREEN, CHEAP, DEAR), seconds: float = 36_000.0) -> str:
    """Why the only task is where it is."""
    request = Request(
        [workflow({"a": ([], [], seconds)}, {})],
        "workflow.json",
        Inventory.of(sites),  # type: ignore[arg-type]
        {},
        objectives=objectives,
    )
    (task,) = json.loads(make(request).files["plan.json"])["tasks"]
    text: str = task["reason"]
    return text


def test_the_later_objective_decides_within_the_tolerance_of_the_earlier() -> None:
    """0.4 % dearer is as good by money: so the plan must not say that it would save money elsewhere."""
    told = reason("money", "carbon")
    assert told == (
        "carbon decides, of 2 sites that are as good in money: least carbon for computing of the 2 permitted sites: "
        "cheap would add 58.8 g CO₂e"
    )


def test_the_first_objective_decides_where_no_site_is_as_good() -> None:
    """Far cheaper than any other."""
    told = reason("carbon", "money")
    assert told.startswith("carbon decides: ")
    assert "green would add 1.2 g CO₂e" in told


def test_one_objective_needs_no_name() -> None:
    """Its figure says which it is."""
    assert reason("money") == "cheapest computing of the 3 permitted sites: green would add 0.004 money"


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("value", [0.0, 1e-7, 0.004, 59.99, 1630.0, 4140.0, 4.14e6, 1.5e12, 3e15])
def test_no_figure_for_people_has_an_exponent(objective: str, value: float) -> None:
    """`4.14e+03 s` is one hour and nine minutes."""
    assert not re.search(r"e\+", OBJECTIVES[objective].said(value))


def test_hours_are_hours_in_reasons_too() -> None:
    """The same piece writes all figures."""
    assert OBJECTIVES["time"].said(4140).replace("\u00a0", " ") == "1 h 9 min"
    assert OBJECTIVES["time"].said(59.7).replace("\u00a0", " ") == "1 min"
    fast = make_site("fast", speed=2.0)
    assert reason("time", sites=(fast, CHEAP), seconds=8280.0) == (
        "at cheap, the next best site, the run would end 1 h 9 min later"
    )
