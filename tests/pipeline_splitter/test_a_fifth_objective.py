"""A further objective is one record: nothing else in the planner, the plan's files, the page or the table names any."""

import itertools
import re
import time

import pytest

from moorage import objectives
from moorage.objectives import Figure, Objective, Place, Way
from moorage.objectives.units import Unit
from moorage.sites import Inventory
from moorage_cli.plan.table import print_plan
from pipeline_splitter.plan import Plan
from pipeline_splitter.plan_json import read_plan
from pipeline_splitter.planning import Outcome, Request, make_plan, read_objectives
from tests.builders import make_site
from tests.pipeline_splitter.checking.plans import workflow

SITES = Inventory.of(
    [
        make_site("eu-1", speed=1.0, cpu_hour_price=0.01),
        make_site("us-1", speed=2.0, cpu_hour_price=0.05),
    ]
)


class _Hours(Objective):
    """CPU-hours, and a tenth of one for each gigabyte that crosses."""

    name = "hours"
    unit = Unit(steps=("core hours",))
    title = "Core time"
    explained = "of all cores"
    told = "it takes {} of cores"
    better = "computes less"
    less = "computes less than"
    computes_best = "least computing"

    def computing(self, cpu_hours: Figure, place: Place) -> Figure:  # noqa: ARG002 - the speed is counted already
        """The hours themselves."""
        return cpu_hours

    def moving(self, size_bytes: Figure, way: Way) -> Figure:
        """By size."""
        return size_bytes / 1e10 * way.crosses


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Two tasks, planned by the new objective; money would have them elsewhere."""
    monkeypatch.setitem(objectives.OBJECTIVES, "hours", _Hours())
    document = workflow({"a": ([], ["out"], 7200.0), "b": (["out"], [], 3600.0)}, {"out": 1e9})
    request = Request([document], "workflow.json", SITES, {}, objectives=read_objectives("hours,money"))
    return make_plan(request, time.monotonic() + 60, time.monotonic, lambda *_: None)


def plan_of(outcome: Outcome) -> Plan:
    """The plan, read back from its file."""
    return read_plan(outcome.files["plan.json"])


def test_it_is_minimised_and_proven(outcome: Outcome) -> None:
    """The fast site is the best of all four placements by it, and its bound is certified."""
    plan = plan_of(outcome)
    hours = {"eu-1": (2.0, 1.0), "us-1": (1.0, 0.5)}
    best = min(hours[a][0] + hours[b][1] + 0.1 * (a != b) for a, b in itertools.product(hours, repeat=2))
    (first, second) = plan.cost
    assert (first.objective, first.value, first.optimal, first.certified) == ("hours", best, True, True)
    assert second.objective == "money"
    assert {task.site for task in plan.tasks} == {"us-1"}


def test_plan_json_holds_it(outcome: Outcome) -> None:
    """In the plan's costs, and of each transfer where tasks are apart."""
    assert plan_of(outcome).costs["hours"] == pytest.approx(1.5)
    assert "would add" in plan_of(outcome).tasks[0].reason
    assert "core hours" in plan_of(outcome).tasks[0].reason


def test_the_page_and_the_table_say_it(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    """With its own words and unit, and as a comparison of its own."""
    assert isinstance(outcome.answer, Plan)
    page = outcome.files["report.html"]
    assert "it takes 1.5\u00a0core hours of cores" in page
    assert re.search(r'"name": ?"hours", ?"title": ?"Core time"', page)
    print_plan(outcome.answer, outcome.comparison)
    shown = capsys.readouterr().out
    assert "HOURS" in shown
    assert "only hours counts" in shown
    assert "hours: 1.5 core hours, proven best" in shown
