"""Random graphs, solved and written down, hold: ties, order, parameters, quotas and slots; governance and releases."""

import time
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.model import Dataset, DatasetRef, Governance
from moorage.sites import Inventory
from pipeline_splitter.checking import CheckInputs, Finding, check
from pipeline_splitter.costing import gather
from pipeline_splitter.explaining import explain
from pipeline_splitter.flow import carry, release_candidates
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan_json import write_infeasible, write_plan
from pipeline_splitter.planning import Request
from pipeline_splitter.planning.assembling import assemble
from pipeline_splitter.planning.bounds import write_bound
from pipeline_splitter.planning.stages import settle
from pipeline_splitter.problem import Limits
from tests.pipeline_splitter.flow_stories import Story, stories
from tests.pipeline_splitter.scenes import Scene, scenes

OBJECTIVES = st.sampled_from([("money",), ("bytes",), ("carbon",), ("time",), ("carbon", "money"), ("bytes", "time")])


def findings(
    graph: Graph, inventory: Inventory, datasets: Mapping[DatasetRef, Dataset], objectives: Sequence[str]
) -> tuple[Finding, ...]:
    """What does not hold of the plan of a graph, or of the explanation why there is none."""
    request = Request([], "drawn", inventory, datasets, objectives=tuple(objectives))
    limits = Limits(request.gap, time.monotonic() + 60, time.monotonic)
    settled = settle(graph, release_candidates(graph, carry(graph, datasets), datasets), request, limits)
    inputs = CheckInputs(graph, None, inventory, datasets)
    if settled.placed is None:
        assert settled.infeasible
        return check({"infeasible.json": write_infeasible(explain(graph, datasets, inventory))}, inputs)
    prepared = settled.placed.prepared
    basis = gather(prepared.graph, prepared.blocks, request.terms())
    plan = assemble(settled.placed, basis, settled.results, request)
    proof = write_bound(plan.pipeline_name, plan.pipeline_digest, settled.proofs)
    return check({"plan.json": write_plan(plan), "bound.json": proof}, inputs)


@given(scenes(), OBJECTIVES)
@settings(max_examples=30)
def test_random_graphs_hold(scene: Scene, objectives: tuple[str, ...]) -> None:
    """What stays together, waits, fills quotas and slots."""
    # Nobody but the owner's namespace may read: the builders' reader is in it.
    assert findings(scene.graph, scene.inventory, scene.datasets, objectives) == ()


@given(stories(), OBJECTIVES)
@settings(max_examples=30)
def test_random_rules_hold(story: Story, objectives: tuple[str, ...]) -> None:
    """Rules of every kind, mounts, releases that some accept; most can't be planned, and the explanation holds."""
    assert findings(story.graph, story.inventory, story.datasets, objectives) == ()


LENIENT = st.builds(
    Governance,
    residency=st.none() | st.just(frozenset({"DE"})),
    sites_deny=st.frozensets(st.sampled_from(["eu-1", "eu-2", "us-1"]), max_size=1),
    consumers=st.just(frozenset({"steward", "lab"})),
)


@given(stories(LENIENT, tasks=6), OBJECTIVES)
@settings(max_examples=30)
def test_random_releases_hold(story: Story, objectives: tuple[str, ...]) -> None:
    """Rules that most tasks can keep: the search over releases, relaxations included, is proven."""
    assert findings(story.graph, story.inventory, story.datasets, objectives) == ()
