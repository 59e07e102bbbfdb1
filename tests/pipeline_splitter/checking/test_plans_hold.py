"""What the planner makes holds, recomputed: the example, recorded files, random workflows, by every objective."""

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.model import Classification, Component, Dataset, DatasetRef, Governance, Link, Release
from moorage.sites import Inventory
from pipeline_splitter.checking import CheckInputs, check, examine
from pipeline_splitter.hints import Hints, InputHint, TaskHint
from pipeline_splitter.planning import Request
from pipeline_splitter.planning.making import read_graph
from tests.builders import make_dataset, make_site
from tests.pipeline_splitter.checking.plans import (
    example,
    example_request,
    make,
    request_of,
    without_releases,
    workflow,
)
from tests.pipeline_splitter.shared_data import each, pipelines, workflows

SITES = Inventory.of(
    [
        make_site("eu-1", "DE", clearance=Classification.RESTRICTED, cpu_hour_price=0.05, carbon_grams_per_kwh=340.0),
        make_site("us-1", "US", cpu_hour_price=0.03, carbon_grams_per_kwh=390.0, speed=1.5),
        make_site("ch-1", "CH", cpu_hour_price=0.06, carbon_grams_per_kwh=28.0, slots=3),
    ]
)
LISTS = [
    ("money",),
    ("bytes",),
    ("carbon",),
    ("time",),
    ("money", "carbon"),
    ("bytes", "money", "carbon"),
    ("money", "time"),
    ("time", "money"),
]
SMALL_PIPELINES = 9
SMALL_WORKFLOWS = 4
OLDER = {"lightweight_python_functions_v2_pipeline.json", "v2-hello-world.json", "hello_world_schema_2_0_0.yaml"}
"""Of schema 2.0."""


@pytest.mark.parametrize("objectives", LISTS, ids=",".join)
def test_the_example_holds(objectives: tuple[str, ...]) -> None:
    """By every list of objectives; what is certified is confirmed."""
    made = example(*objectives)
    verdict = examine(made.files, made.inputs)
    assert verdict.findings == ()
    assert any("groups" in sentence for sentence in verdict.checked)


@each(sorted({*pipelines()[::SMALL_PIPELINES], *(path for path in pipelines() if path.name in OLDER)}))
def test_compiled_pipelines_hold(path: Path) -> None:
    """Also where their tasks are told to be at different sites, so that many groups are written."""
    request = request_of(path, SITES, ("carbon",))
    graph, _ = read_graph(request)
    drawn = random.Random(path.name)  # noqa: S311 - the same sites each time
    tied = frozenset[str]().union(*graph.together)
    sites = {name: drawn.choice(sorted(SITES.sites)) for name in graph.tasks if name not in tied}
    pinned = Hints(tasks={name: TaskHint(sites=frozenset({site})) for name, site in sites.items()})
    for hints in (Hints(), pinned):
        made = make(replace(request, hints=hints))
        assert check(made.files, made.inputs) == ()


@each(sorted(workflows(), key=lambda path: path.stat().st_size)[:SMALL_WORKFLOWS])
@pytest.mark.parametrize("objectives", [("money",), ("carbon", "bytes"), ("time",)], ids=",".join)
def test_recorded_workflows_hold(path: Path, objectives: tuple[str, ...]) -> None:
    """They have no group files."""
    made = make(request_of(path, SITES, objectives))
    assert check(made.files, made.inputs) == ()


DATA = DatasetRef("steward", "claims")


def governed(residency: frozenset[str] | None, *, released: bool) -> Dataset:
    """A dataset with copies at two sites, that declares a release."""
    yields = Governance(consumers=frozenset({"default"}))
    release = Release("sample", Component("registry/sample", digest="d"), yields, 30.0, 2.0, 0.25)
    governance = Governance(
        Classification.INTERNAL,
        residency=residency,
        consumers=frozenset({"default"}),
        releases=(release,) if released else (),
    )
    return replace(make_dataset("claims").at("eu-1", "us-1").sized(3 * 10**9).obj(), governance=governance)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Up to seven tasks in a random order, one governed input, readers that may accept its released form."""
    names = draw(st.permutations([f"t{index}" for index in range(7)]))[: draw(st.integers(1, 7))]
    files: list[str] = ["claims-file", "table"]
    tasks: dict[str, tuple[list[str], list[str], float]] = {}
    for name in names:
        read = draw(st.lists(st.sampled_from(files), min_size=1, max_size=3, unique=True))
        written = [f"{name}.{index}" for index in range(draw(st.integers(0, 2)))]
        files.extend(written)
        tasks[name] = (read, written, draw(st.sampled_from([0.0, 7.0, 3600.0])))
    sizes = {file: draw(st.sampled_from([0, 10**6, 7 * 10**9])) for file in files}
    released = draw(st.booleans())
    accepting = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if released else []
    hints = Hints(
        inputs={"claims-file": InputHint(DATA, draw(st.sampled_from([None, 1e9])))}
        if any("claims-file" in read for read, _, _ in tasks.values())
        else {},
        tasks={name: TaskHint(accepts=frozenset({(DATA, "sample")})) for name in accepting},
    )
    dataset = governed(draw(st.sampled_from([None, frozenset({"EU"}), frozenset({"DE", "CH"})])), released=released)
    site = st.fixed_dictionaries(
        {
            "cpu_hour_price": st.sampled_from([0.0, 0.05, 0.1]),
            "carbon_grams_per_kwh": st.sampled_from([0.0, 100.0, 410.0]),
            "speed": st.sampled_from([0.5, 1.0, 3.0]),
            "slots": st.sampled_from([None, 1, 2]),
            "quota_cpu_hours": st.sampled_from([None, None, 2.5]),
        }
    )
    inventory = Inventory.of(
        make_site(name, place, **draw(site)) for name, place in (("eu-1", "DE"), ("us-1", "US"), ("ch-1", "CH"))
    )
    return Request([workflow(tasks, sizes)], "drawn", inventory, {DATA: dataset}, hints, draw(st.sampled_from(LISTS)))


@given(requests())
@settings(max_examples=40)
def test_random_workflows_hold(request_: Request) -> None:
    """Releases, quotas and slots included; where nothing can be planned, the explanation holds."""
    made = make(request_)
    assert check(made.files, made.inputs) == ()


@pytest.mark.parametrize("objectives", [("money",), ("carbon",), ("time",)], ids=",".join)
@pytest.mark.parametrize(
    "extreme",
    [
        {"slots": 10**15},
        {"cpu_hour_price": 1e24, "cpu_watts": 1e24, "quota_cpu_hours": 1e24},
        {"speed": 1e-12, "carbon_grams_per_kwh": 1e24},
        {"default_link": Link(1e-12, 1e24, 1e-300), "carbon_grams_per_kwh": 1e-300},
    ],
    ids=",".join,
)
def test_extreme_sites_hold(extreme: Mapping[str, Any], objectives: tuple[str, ...]) -> None:
    """The largest and the least that files may say, without a warning of arithmetic or a list as long."""
    tasks = {"a": ((), ("x",), 1e3), "b": (("x",), (), 0.0), "c": (("x",), (), 7.0)}
    inventory = Inventory.of([make_site("eu-1", "DE", **extreme), make_site("us-1", "US", slots=1)])
    made = make(Request([workflow(tasks, {"x": 1e24})], "drawn", inventory, {}, objectives=objectives))
    assert "plan.json" in made.files
    assert check(made.files, made.inputs) == ()


def test_an_explanation_holds() -> None:
    """Why the example can't be planned where no release is declared."""
    made = without_releases()
    assert set(made.files) == {"infeasible.json"}
    verdict = examine(made.files, made.inputs)
    assert verdict.findings == ()
    assert any("facts" in sentence for sentence in verdict.checked)
    assert any("remedies" in sentence for sentence in verdict.checked)
    assert verdict.unchecked == ()


def test_an_explanation_of_what_can_be_planned_does_not_hold() -> None:
    """With the release its facts leave a plan."""
    request = example_request()
    graph, pipeline = read_graph(request)
    inputs = CheckInputs(graph, pipeline, request.inventory, request.datasets)
    assert {finding.where for finding in check(without_releases().files, inputs)} == {"facts"}


def test_an_untrue_fact_is_found() -> None:
    """A rule that refuses nobody."""
    made = without_releases()
    text = made.files["infeasible.json"].replace('"ResidencyViolated"', '"SiteDenied"')
    assert {finding.where for finding in check({"infeasible.json": text}, made.inputs)} >= {"facts[0]", "facts"}
