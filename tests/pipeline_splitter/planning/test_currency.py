"""One currency for all prices, told wherever money is; two are an error."""

import json

import pytest

from moorage.errors import InputError
from moorage.sites import Inventory
from moorage.wire import read_site
from moorage_cli.plan.table import print_plan
from pipeline_splitter.hints import Defaults, Hints
from pipeline_splitter.plan import Plan
from pipeline_splitter.plan_json import read_plan
from pipeline_splitter.planning import Request
from pipeline_splitter.reading_hints import read_hints
from tests.builders import make_site
from tests.pipeline_splitter.checking.plans import Made, make, workflow


def request(first: str | None, second: str | None, hinted: str = "") -> Request:
    """Two sites that name these currencies, and a hint."""
    sites = [
        make_site("eu-1", cpu_hour_price=0.1, currency=first),
        make_site("us-1", cpu_hour_price=0.2, currency=second),
    ]
    hints = Hints(defaults=Defaults(currency=hinted))
    return Request([workflow({"a": ([], [], 36_000.0)}, {})], "workflow.json", Inventory.of(sites), {}, hints)


def plan_of(made: Made) -> Plan:
    """What was written."""
    return read_plan(made.files["plan.json"])


@pytest.mark.parametrize(("first", "second", "hinted"), [("EUR", "EUR", ""), ("EUR", None, ""), (None, None, "EUR")])
def test_it_is_told_everywhere(
    first: str | None, second: str | None, hinted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """plan.json, reasons, the table, the page."""
    made = make(request(first, second, hinted))
    plan = plan_of(made)
    assert plan.currency == "EUR"
    assert plan.tasks[0].reason == "cheapest computing of the 2 permitted sites: us-1 would add 1 EUR"
    print_plan(plan, ())
    assert "money: 1 EUR, proven best" in capsys.readouterr().out
    page = made.files["report.html"]
    assert "it costs 1\u00a0EUR" in page
    assert '"currency":"EUR"' in page


def test_without_a_name_money_is_unnamed() -> None:
    """And plan.json has no field for it."""
    made = make(request(None, None))
    assert plan_of(made).currency == ""
    assert "currency" not in json.loads(made.files["plan.json"])
    assert made.findings() == ()


@pytest.mark.parametrize(
    ("first", "second", "hinted", "place"),
    [("EUR", "USD", "", "Site us-1.*spec.currency"), ("EUR", None, "USD", "hints.*defaults.currency")],
)
def test_two_names_are_an_error(first: str | None, second: str | None, hinted: str, place: str) -> None:
    """That says which, and where."""
    with pytest.raises(InputError, match=f"{place}.*is USD, and Site eu-1 says EUR"):
        request(first, second, hinted)


@pytest.mark.parametrize("text", ["eur", "EURO", "€", "E1R", "EUR\n"])
def test_only_codes_of_iso_4217_are_read(text: str) -> None:
    """On a Site and in a hint."""
    with pytest.raises(InputError, match=r"currency"):
        read_site({"kind": "Site", "metadata": {"name": "eu-1"}, "spec": {"currency": text}})
    with pytest.raises(InputError, match=r"defaults\.currency"):
        read_hints([("hints.yaml", [{"defaults": {"currency": text}}])])
    assert read_hints([("hints.yaml", [{"defaults": {"currency": "EUR"}}])]).defaults.currency == "EUR"


def test_the_check_recomputes_it() -> None:
    """A plan that names another does not hold."""
    made = make(request("EUR", "EUR"))
    assert made.findings() == ()
    raw = json.loads(made.files["plan.json"])
    for changed in ({**raw, "currency": "USD"}, {key: value for key, value in raw.items() if key != "currency"}):
        assert [each.where for each in made.findings(plan=json.dumps(changed))] == ["currency"]
