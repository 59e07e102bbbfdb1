"""Recorded pipelines and workflows, other projects' too."""

from pathlib import Path

from pipeline_splitter.documents import parse
from pipeline_splitter.explaining import explain
from pipeline_splitter.flow import carry, permit, release_candidates
from pipeline_splitter.graph import Graph
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp import read_pipeline
from pipeline_splitter.plan import Infeasible
from pipeline_splitter.wfformat import read_workflow
from tests.pipeline_splitter.flow_stories import INVENTORY
from tests.pipeline_splitter.shared_data import content, each, pipelines, workflows


def flows_freely(graph: Graph) -> None:
    """Without datasets everything is permitted everywhere, but for pins."""
    flow = carry(graph, {})
    permits = permit(graph, flow, {}, INVENTORY)
    assert not any(any(by_site.values()) for by_site in permits.values())
    assert not any(flow.task.values())
    assert release_candidates(graph, flow, {}) == ()


@each(pipelines())
def test_every_pipeline_flows(path: Path) -> None:
    """Importers, loops, conditions and exit handlers: every step is reached."""
    graph, _ = read_pipeline(parse(path.read_bytes(), path.name), Hints(), {}, path.name)
    flows_freely(graph)
    assert explain(graph, {}, INVENTORY) == Infeasible((), ())


@each(workflows())
def test_every_workflow_flows(path: Path) -> None:
    """Up to thousands of tasks."""
    (document,) = parse(content(path), path.name)
    flows_freely(read_workflow(document, Hints(), {}, path.name))
