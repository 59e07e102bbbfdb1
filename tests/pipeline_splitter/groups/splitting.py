"""Plans made by hand: a placement, its groups, and nothing that the writer does not ask of a plan."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from moorage.model import Dataset, DatasetRef
from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.documents import parse
from pipeline_splitter.graph import Graph
from pipeline_splitter.groups import write_groups
from pipeline_splitter.groups.grouping import group
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp import read_pipeline
from pipeline_splitter.kfp.pipeline import KfpPipeline
from pipeline_splitter.plan import Group, Plan

NOTHING: Mapping[DatasetRef, Dataset] = {}


def read(
    text: str, hints: Hints | None = None, datasets: Mapping[DatasetRef, Dataset] = NOTHING
) -> tuple[Graph, KfpPipeline]:
    """A pipeline's text, read."""
    return read_pipeline(parse(text, "pipeline.yaml"), hints or Hints(), datasets, "pipeline.yaml")


def read_file(path: Path) -> tuple[Graph, KfpPipeline]:
    """A pipeline's file, read."""
    return read(path.read_text())


def one_site(_: int, __: str) -> str:
    """Everything at one place."""
    return "eu-1"


def alternating(index: int, _: str) -> str:
    """Blocks in turn at two sites."""
    return ("eu-1", "us-1")[index % 2]


def plan_of(graph: Graph, site: Callable[[int, str], str]) -> Plan:
    """A plan that puts each block where `site` says, given its number and its first task's name."""
    blocks = make_blocks(graph)
    site_of = {task: site(blocks.of[task], blocks.members[blocks.of[task]][0]) for task in graph.tasks}
    return Plan(
        pipeline_name=graph.name,
        pipeline_digest=graph.digest,
        cost=(),
        costs={},
        tasks=(),
        transfers=(),
        groups=group(graph, blocks, site_of),
    )


def split(
    graph: Graph,
    pipeline: KfpPipeline,
    site: Callable[[int, str], str] = alternating,
    datasets: Mapping[DatasetRef, Dataset] = NOTHING,
) -> tuple[dict[str, str], tuple[Group, ...]]:
    """The files and groups of such a plan."""
    return write_groups(pipeline, graph, plan_of(graph, site), datasets)


def documents(text: str) -> list[Any]:
    """A file's documents."""
    return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
