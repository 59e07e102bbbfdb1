"""The context that all files of one plan are written from."""

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.model import Dataset, DatasetRef
from pipeline_splitter.graph import Graph, Step
from pipeline_splitter.groups.crossing import Crossing, Crossings, Members
from pipeline_splitter.groups.names import Names, task_name
from pipeline_splitter.groups.nodes import Node, entry_definition
from pipeline_splitter.kfp.pipeline import KfpPipeline, Raw


@dataclass(frozen=True, slots=True)
class Split:
    """A pipeline and how it falls apart.

    Attributes:
        spec: the pipeline's, in schema 2.1.
        nodes: all tasks to be, by path.
        names: path -> name of the task in its group's root.
        steps: the steps of the graph, by path.
        is_only_group: whether all of it stands in one file.
    """

    pipeline: KfpPipeline
    graph: Graph
    spec: Raw
    nodes: Mapping[str, Node]
    members: Members
    crossings: Crossings
    names: Mapping[str, str]
    steps: Mapping[str, Step]
    datasets: Mapping[DatasetRef, Dataset]
    is_only_group: bool

    def definition(self, crossing: Crossing) -> Raw:
        """Return the definition of an output that crosses."""
        return entry_definition(self.nodes[crossing.path], self.spec["components"], crossing.output, crossing.kind)

    def maker(self, crossing: Crossing) -> str:
        """Name the group that makes an output, for descriptions."""
        return f"{crossing.key}, which group {self.members.home[crossing.path]} makes"


def task_names(nodes: Mapping[str, Node]) -> dict[str, str]:
    """Unique names, the same in every group; those at the root of the pipeline stay as they are."""
    names = Names()
    ordered = sorted(nodes, key=lambda path: ("/" in path, path))
    return {path: names.take(task_name(path)) for path in ordered}
