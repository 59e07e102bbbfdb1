"""Depths of tasks from the start of a pipeline: an explanation names the first task with a problem."""

from pipeline_splitter.graph import Graph


def depths(graph: Graph) -> dict[str, int]:
    """Return each task's depth: the most dependencies on a way to it from the start."""
    import networkx as nx  # noqa: PLC0415 - a slow import, and most pipelines have a plan

    edges = nx.DiGraph(graph.edges())
    edges.add_nodes_from(graph.tasks)
    return {name: depth for depth, names in enumerate(nx.topological_generations(edges)) for name in names}
