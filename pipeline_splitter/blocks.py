"""Co-location: the partition of tasks that must share one site and one group, closed under paths between them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline_splitter.graph import Graph


@dataclass(frozen=True, slots=True)
class Blocks:
    """A partition of the tasks whose quotient graph is acyclic.

    Attributes:
        members: tasks of each block, by name; blocks in order of their first member, which is the block's name.
        of: the index in `members` of each task's block.
    """

    members: tuple[tuple[str, ...], ...]
    of: Mapping[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each block: its first member's; sorted."""
        return tuple(members[0] for members in self.members)


def make_blocks(graph: Graph) -> Blocks:
    """Make the finest partition that keeps `graph.together` and whose quotient graph is acyclic.

    Tied sets that share a task are merged. Then whatever lies on a path from a block back to itself belongs to it: in
    the quotient graph these are the strongly connected components, and contracting them all at once is the fixpoint
    (what is left is acyclic, and any partition that keeps the ties and is acyclic must merge each of them). Names in
    `together` that are no tasks count for none.
    """
    tied = [sorted(each & graph.tasks.keys()) for each in graph.together]
    tied = [names for names in tied if len(names) > 1]
    leader = _contracted(graph, tied) if tied else {}
    members: dict[str, list[str]] = {}
    for name in sorted(graph.tasks):
        members.setdefault(leader.get(name, name), []).append(name)
    blocks = tuple(tuple(names) for names in members.values())
    return Blocks(blocks, {name: index for index, names in enumerate(blocks) for name in names})


def _contracted(graph: Graph, tied: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return a representative of each task: the same for all tasks of one block."""
    import networkx as nx  # noqa: PLC0415 - a slow import, and few pipelines tie anything

    ties = nx.Graph()
    ties.add_nodes_from(graph.tasks)
    for names in tied:
        nx.add_path(ties, names)
    first = {name: min(merged) for merged in nx.connected_components(ties) for name in merged}
    quotient = nx.DiGraph((first[earlier], first[later]) for earlier, later in graph.edges())
    quotient.add_nodes_from(first.values())
    block = {name: min(circle) for circle in nx.strongly_connected_components(quotient) for name in circle}
    return {name: block[merged] for name, merged in first.items()}
