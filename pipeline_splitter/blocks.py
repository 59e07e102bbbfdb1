"""Which tasks share one site and one group: what the pipeline ties together, with all tasks on paths between them."""

from collections.abc import Mapping, Sequence
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
    """The finest partition that keeps `graph.together` and whose quotient graph is acyclic.

    Tied sets that share a task are merged. Then whatever lies on a path from a block back to itself belongs to it: in
    the quotient graph these are the strongly connected components, and contracting them all at once is the fixpoint
    (what is left is acyclic, and any partition that keeps the ties and is acyclic must merge each of them).
    """
    leader = _tied(graph)
    if any(name != root for name, root in leader.items()):
        leader = _closed(graph, leader)
    members: dict[str, list[str]] = {}
    for name in sorted(graph.tasks):
        members.setdefault(leader[name], []).append(name)
    blocks = tuple(tuple(names) for names in members.values())
    return Blocks(blocks, {name: index for index, names in enumerate(blocks) for name in names})


def _tied(graph: Graph) -> dict[str, str]:
    """Each task's representative after merging the tied sets; names of `together` that are no tasks count for none."""
    parent = {name: name for name in graph.tasks}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for tied in graph.together:
        first, *others = sorted(tied & parent.keys()) or [""]
        for other in others:
            parent[root(other)] = root(first)
    return {name: root(name) for name in parent}


def _closed(graph: Graph, leader: Mapping[str, str]) -> dict[str, str]:
    """The representatives after contracting every strongly connected component of the quotient graph."""
    nodes = sorted(set(leader.values()))
    number = {name: index for index, name in enumerate(nodes)}
    successors: list[list[int]] = [[] for _ in nodes]
    for earlier, later in sorted({(number[leader[one]], number[leader[other]]) for one, other in graph.edges()}):
        if earlier != later:
            successors[earlier].append(later)
    component = _components(successors)
    return {name: nodes[component[number[leader[name]]]] for name in graph.tasks}


def _components(successors: Sequence[Sequence[int]]) -> list[int]:
    """For each node one node of its strongly connected component, the same for all of them (Kosaraju's)."""
    predecessors: list[list[int]] = [[] for _ in successors]
    for node, targets in enumerate(successors):
        for target in targets:
            predecessors[target].append(node)
    component = [-1] * len(successors)
    for start in reversed(_finishing_order(successors)):
        if component[start] != -1:
            continue
        component[start] = start
        stack = [start]
        while stack:
            for node in predecessors[stack.pop()]:
                if component[node] == -1:
                    component[node] = start
                    stack.append(node)
    return component


def _finishing_order(successors: Sequence[Sequence[int]]) -> list[int]:
    """The nodes in the order in which a depth-first walk leaves them."""
    seen = [False] * len(successors)
    finished: list[int] = []
    for start in range(len(successors)):
        if seen[start]:
            continue
        seen[start] = True
        walk = [(start, iter(successors[start]))]
        while walk:
            node, targets = walk[-1]
            target = next((target for target in targets if not seen[target]), None)
            if target is None:
                finished.append(node)
                walk.pop()
            else:
                seen[target] = True
                walk.append((target, iter(successors[target])))
    return finished
