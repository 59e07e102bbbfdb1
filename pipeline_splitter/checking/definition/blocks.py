"""Blocks of tasks that stay together: tied sets that share a task, and all on paths between two of one set."""

import networkx as nx

from pipeline_splitter.graph import Graph


def blocks_of(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the members of each task's block, by task; most blocks are the task alone."""
    found: dict[str, tuple[str, ...]] = {name: (name,) for name in graph.tasks}
    tied = [set(each) & set(graph.tasks) for each in graph.together]
    ties = nx.Graph()
    for each in tied:
        if len(each) > 1:
            nx.add_path(ties, each)
    while True:
        sets = [set(merged) for merged in nx.connected_components(ties)]
        for merged in sets:
            found.update(dict.fromkeys(merged, tuple(sorted(merged))))
        # A path may lead through another set: what is tied is one node.
        between = nx.DiGraph((found[one], found[other]) for one, other in graph.edges() if found[one] != found[other])
        between.add_nodes_from(tuple(sorted(merged)) for merged in sets)
        grown = False
        for merged in sets:
            block = tuple(sorted(merged))
            for inside in nx.descendants(between, block) & nx.ancestors(between, block):
                ties.add_edge(block[0], inside[0])
                grown = True
        if not grown:
            return found
