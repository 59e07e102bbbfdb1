"""The page's text: self-contained, the same each time, and nothing of the pipeline in it is markup."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.model import DatasetRef, Governance
from moorage.objectives import OBJECTIVES
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import ObjectiveResult, Plan
from pipeline_splitter.plan_json import write_governance_of_plan
from pipeline_splitter.report import Scenario, gather, read_facts, sentences, write_report
from pipeline_splitter.report.edges import DATA, ORDER, PARAMETER, connect
from pipeline_splitter.report.layout import Arrangement
from pipeline_splitter.report.page import script_json
from tests.plan_stories import hospitals, layered, rename

TIGHT = "\u00a0"


def embedded(page: str) -> dict[str, object]:
    """The facts in a page."""
    match = re.search(r'<script id="facts" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert match
    found: dict[str, object] = json.loads(match[1])
    return found


def test_the_same_plan_gives_the_same_page() -> None:
    """Byte for byte, and whatever order the pipeline's parts were in."""
    plan, graph, inventory = hospitals()
    shuffled = replace(
        graph,
        tasks=dict(reversed(list(graph.tasks.items()))),
        data=dict(reversed(list(graph.data.items()))),
        parameters=tuple(reversed(graph.parameters)),
    )
    reordered = replace(inventory, sites=dict(reversed(list(inventory.sites.items()))))
    assert write_report(plan, graph, inventory) == write_report(plan, shuffled, reordered)


def test_what_repeats_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places once a group and not once a task; rules once for all tasks that carry them."""
    plan, graph, inventory = layered(60, 3)
    rules = {DatasetRef("stewards", "claims"): Governance()}
    plan = replace(plan, tasks=tuple(replace(task, governance=rules) for task in plan.tasks))
    asked: list[str] = []
    places = Arrangement.places

    def count_places(self: Arrangement) -> list[tuple[int, int, int]]:
        asked.append("places")
        return places(self)

    def count_rules(rules: Mapping[DatasetRef, Governance]) -> dict[str, Any]:
        asked.append("rules")
        return write_governance_of_plan(rules)

    monkeypatch.setattr(Arrangement, "places", count_places)
    monkeypatch.setattr("pipeline_splitter.report.facts.write_governance_of_plan", count_rules)
    write_report(plan, graph, inventory)
    assert asked.count("places") == len(plan.groups) + 2 < len(plan.tasks)
    assert asked.count("rules") == 1


def test_the_page_needs_nothing_else() -> None:
    """No address but the SVG namespace, no element that loads; the policy names exactly our style and script."""
    page = write_report(*hospitals())
    assert set(re.findall(r"https?://[^\s\"'<>)]*", page)) == {"http://www.w3.org/2000/svg"}
    for element in ("<link", "<img", "<iframe", "@import", "url("):
        assert element not in page
    digests = [
        base64.b64encode(hashlib.sha256(re.findall(pattern, page, re.DOTALL)[0].encode()).digest()).decode()
        for pattern in (r"<style>(.*?)</style>", r"<script>(.*?)</script>")
    ]
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


class Elements(HTMLParser):
    """Counts elements and keeps the text of the headline's parts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Keep its name."""
        del attrs
        self.tags.append(tag)


@given(st.text(max_size=30) | st.sampled_from(["</script><b>", "<!--<script>", "{{FACTS}}", "\ud800", "\u2028", "]]>"]))
def test_no_name_becomes_markup(name: str) -> None:
    """Whatever a pipeline, its tasks and messages are called, the page has the same elements, and says the name."""
    plan, graph, inventory = hospitals()
    named = replace(rename(plan, lambda task: task + name), pipeline_name=name)
    named = replace(named, tasks=tuple(replace(task, reason=name) for task in named.tasks))
    page = write_report(named, graph, inventory, (Scenario(name, None, name),), (name,))
    found, usual = Elements(), Elements()
    found.feed(page)
    usual.feed(write_report(plan, graph, inventory))
    assert found.tags == usual.tags
    facts = embedded(page)
    assert facts["name"] == name
    assert facts["sayings"] == [name]
    page.encode()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_script_json_is_json_that_ends_nothing(value: object) -> None:
    """It reads back, and has no character that HTML would look at."""
    text = script_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_a_large_report_stays_small() -> None:
    """2,000 tasks at 20 sites: what repeats is written once."""
    assert len(write_report(*layered(2000, 20))) < 2_500_000


def test_edges_say_what_crosses() -> None:
    """Data before parameters before order; a transfer's bytes stand on one edge, however many read it."""
    plan, graph, _ = hospitals()
    edges, stocks = connect(plan, graph)
    by_pair = {(edge.origin, edge.target): edge for edge in edges}
    crossing = by_pair["pseudonymise-features-berlin", "train-europe"]
    assert (crossing.kind, crossing.size_bytes) == (DATA, 0.9e9)
    assert by_pair["clean-lyon", "features-lyon"].size_bytes == 0
    assert by_pair["summarise-boston", "compare-sites"].kind == PARAMETER
    assert by_pair["calibrate", "publish"].kind == ORDER
    assert sum(edge.size_bytes for edge in edges) == plan.costs["bytes"]
    assert [(stock.datum.key, stock.site) for stock in stocks] == [
        ("charite/admissions", "berlin"),
        ("codes-table", "lyon"),
        ("lyon-hcl/admissions", "lyon"),
        ("mass-general/admissions", "boston"),
        ("terminology/icd-codes", "lyon"),
    ]


def test_edges_of_many_readers_count_a_transfer_once() -> None:
    """In a plan of random layers, too."""
    plan, graph, _ = layered(300, 6)
    edges, _ = connect(plan, graph)
    assert sum(edge.size_bytes for edge in edges) == plan.costs["bytes"]
    assert any(edge.shared for edge in edges)


def test_a_pipeline_that_says_less_than_the_plan_is_no_error() -> None:
    """A task that the graph does not know has no edges."""
    plan, graph, inventory = hospitals()
    without: Graph = replace(graph, tasks={name: graph.tasks[name] for name in list(graph.tasks)[:3]})
    assert write_report(plan, without, inventory)


def result(objective: str = "money", *, gap: float = 0.0, bound: float = 1.0) -> ObjectiveResult:
    """How good a plan is."""
    return ObjectiveResult(objective, 1.0, bound, gap, optimal=gap <= 1e-6, certified=False, solver="any")


@pytest.mark.parametrize(
    ("given_result", "sentence"),
    [
        (result(), "No plan that keeps every rule is cheaper: that is proven."),
        (result("bytes"), "No plan that keeps every rule moves fewer bytes: that is proven."),
        (result("time"), "No plan that keeps every rule ends sooner: that is proven."),
        (
            result(gap=0.0081, bound=0.9919),
            (
                f"At most 0.81{TIGHT}% better is possible: it is proven that no plan that keeps every rule costs "
                "less than 0.992."
            ),
        ),
        (result(gap=1.0, bound=0.0), "How far this is from the best plan could not be proven in the time given."),
    ],
    ids=["money", "bytes", "time", "gap", "nothing"],
)
def test_a_gap_in_plain_words(given_result: ObjectiveResult, sentence: str) -> None:
    """What is proven, and nothing more."""
    assert sentences.proof(given_result) == sentence


def test_a_list_of_objectives_says_what_holds_for_the_second() -> None:
    """Only among the plans that are as good by the first."""
    plan = replace(hospitals()[0], cost=(result("carbon"), result("money")))
    assert sentences.proven(plan).startswith("Carbon: No plan that keeps every rule emits less: that is proven. Money:")
    assert "as good by the objectives before it" in sentences.proven(plan)
    assert sentences.headline(plan) == f"14 tasks at 3 sites; 1.58{TIGHT}GB move between sites; 102{TIGHT}g CO₂e"


@pytest.mark.parametrize(
    ("objective", "value", "text"),
    [
        ("bytes", 0, "0 B"),
        ("bytes", 999, "999 B"),
        ("bytes", 999_999, "1 MB"),
        ("bytes", 4.1e9, "4.1 GB"),
        ("bytes", 5e18, "5,000 PB"),
        ("money", 0.37, "0.37"),
        ("money", 1234.5, "1,234"),
        ("money", 0.00004, "0.00004"),
        ("money", 0.00001234, "0.000012"),
        ("money", 1.8e-7, "1.8e-07"),
        ("carbon", 1.22e-5, "12.2 µg"),
        ("carbon", 1500, "1.5 kg"),
        ("time", 2.5, "2.5 s"),
        ("time", 60, "1 min"),
        ("time", 250, "4 min 10 s"),
        ("time", 5274.96, "1 h 27 min"),
    ],
)
def test_amounts(objective: str, value: float, text: str) -> None:
    """Three digits and a unit."""
    assert sentences.amount(objective, value).replace(TIGHT, " ") == text


def test_nothing_to_run_is_said() -> None:
    """An empty plan."""
    empty = Plan("nothing", "0" * 64, (), dict.fromkeys(OBJECTIVES, 0.0), (), (), ())
    assert sentences.headline(empty) == "There is nothing to run, so it costs nothing."


def test_what_a_page_knows_can_be_read_again() -> None:
    """For whoever draws the plan elsewhere; names that look like the element's end are no end."""
    plan, graph, inventory = hospitals()
    evil = rename(plan, lambda name: f"{name}</script>")
    page = write_report(evil, graph, inventory)
    known = gather(evil, graph, inventory, (), evil.warnings)
    assert read_facts(page) == json.loads(json.dumps(known))


@pytest.mark.parametrize("text", ["", "<html></html>", '<script id="facts" type="application/json">[1]</script>'])
def test_what_is_no_page_is_told(text: str) -> None:
    """Cut off, or another file."""
    with pytest.raises(InputError, match=r"report\.html: facts"):
        read_facts(text)
