"""Clustering: which tasks of one site are submitted as one pipeline, so that groups make no cycle.

Blocks (a task with what shares its group) are taken in topological order of the graph of blocks, the one whose first
member has the smallest name first: a block can be taken when every task outside it that one of its tasks waits for has
been taken. Each joins the lowest-numbered group of its site that makes no cycle of groups, every dependency edge
counted, else it opens one.

A block that is taken has no followers in any group yet, so joining group g makes a cycle exactly when g is an ancestor
of a group that the block waits for (other than g itself). Ancestors are kept as bit sets, one bit for each group in
order of opening: the lowest number free of them at a site is the lowest bit of one expression.

A run that is planned anew keeps the groups that have run or run already: the blocks of such a settled group are taken
as one, make that group and no other, and nothing joins them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pipeline_splitter.blocks import Blocks
from pipeline_splitter.graph import Graph
from pipeline_splitter.ordering import topological_order
from pipeline_splitter.plan import Group


def group(
    graph: Graph,
    blocks: Blocks,
    site_of: Mapping[str, str],
    settled: Mapping[str, str] | None = None,
    taken: Collection[str] = (),
) -> tuple[Group, ...]:
    """Return the groups of a placement, sorted by site, then number.

    Args:
        graph: the pipeline. Importers are no tasks and count for nothing.
        blocks: what shares one group; the tasks of a block must be at one site.
        site_of: the site of each task.
        settled: by task, the id of the group of an earlier plan that it stays in; one at another site than its task's
            counts for nothing.
        taken: ids that no new group gets.

    Returns:
        Groups without files. `tasks` is in topological order of the tasks, smallest name first; `after` names all
        direct predecessor groups, sorted.
    """
    edges = graph.edges()
    staying = _staying(blocks, site_of, settled or {})
    first_of: dict[str, int] = {}
    node_of = [first_of.setdefault(staying[index], index) if staying[index] else index for index in range(len(staying))]
    between = {(node_of[blocks.of[earlier]], node_of[blocks.of[later]]) for earlier, later in edges}
    between -= {(index, index) for index in range(len(blocks.members))}
    waits_for: list[list[int]] = [[] for _ in blocks.members]
    for earlier, later in between:
        waits_for[later].append(earlier)
    forming = _Forming({*taken, *first_of})
    group_of: dict[int, int] = {}
    order = topological_order(len(blocks.members), between)
    if len(order) < len(blocks.members):  # an earlier plan had other edges: with these its groups would make a cycle
        return group(graph, blocks, site_of, taken={*taken, *first_of})
    for block in order:
        if node_of[block] == block:
            before = {group_of[index] for index in waits_for[block]}
            group_of[block] = forming.join(site_of[blocks.members[block][0]], before, staying[block])
    group_of = {block: group_of[node] for block, node in enumerate(node_of)}
    names = sorted(graph.tasks)
    number = {name: index for index, name in enumerate(names)}
    tasks: list[list[str]] = [[] for _ in forming.names]
    for index in topological_order(len(names), [(number[one], number[other]) for one, other in edges]):
        tasks[group_of[blocks.of[names[index]]]].append(names[index])
    ids = [f"{site}-{count}" for site, count in forming.names]
    groups = [
        Group(ids[index], forming.names[index][0], tuple(tasks[index]), tuple(sorted(ids[other] for other in before)))
        for index, before in enumerate(forming.before)
    ]
    ranks = {ids[index]: name for index, name in enumerate(forming.names)}
    return tuple(sorted(groups, key=lambda made: ranks[made.id]))


def _staying(blocks: Blocks, site_of: Mapping[str, str], settled: Mapping[str, str]) -> list[str]:
    """Return the settled group of each block; "" for those that have none. What shares a block shares a group."""
    found = []
    for members in blocks.members:
        groups = {settled[task] for task in members if task in settled}
        site = site_of[members[0]]
        found.append(min((each for each in groups if each.rpartition("-")[0] == site), default=""))
    return found


@dataclass
class _Forming:
    """The groups so far, numbered as they were opened.

    Attributes:
        taken: ids that no group that is opened here gets.
        names: site and number at that site of each.
        before: direct predecessors of each.
        after: direct successors of each.
        ancestors: bit set of each.
        at: bit set of each site's groups that may be joined.
    """

    taken: set[str] = field(default_factory=set)
    names: list[tuple[str, int]] = field(default_factory=list)
    before: list[set[int]] = field(default_factory=list)
    after: list[set[int]] = field(default_factory=list)
    ancestors: list[int] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)

    def join(self, site: str, before: set[int], settled: str = "") -> int:
        """Puts a block that waits for the groups `before` into a group of the site; the group's number.

        `settled`: the id of the group that it makes, which nothing joins.
        """
        forbidden = 0
        for index in before:
            forbidden |= self.ancestors[index]
        free = 0 if settled else self.at.get(site, 0) & ~forbidden
        chosen = (free & -free).bit_length() - 1 if free else self._open(site, settled)
        for index in before - self.before[chosen] - {chosen}:
            self.before[chosen].add(index)
            self.after[index].add(chosen)
            self._inherit(chosen, self.ancestors[index] | 1 << index)
        return chosen

    def _open(self, site: str, settled: str) -> int:
        index = len(self.names)
        if settled:
            number = int(settled.rpartition("-")[2])
        else:
            number = self.at.get(site, 0).bit_count() + 1
            while f"{site}-{number}" in self.taken:
                number += 1
            # Those that were opened here are taken, too, once one had to be passed over.
            self.taken.add(f"{site}-{number}")
            self.at[site] = self.at.get(site, 0) | 1 << index
        self.names.append((site, number))
        self.before.append(set())
        self.after.append(set())
        self.ancestors.append(0)
        return index

    def _inherit(self, index: int, ancestors: int) -> None:
        """Adds ancestors to a group and to all that come after it."""
        stack = [index]
        while stack:
            current = stack.pop()
            if ancestors & ~self.ancestors[current]:
                self.ancestors[current] |= ancestors
                stack.extend(self.after[current])
