"""How far from the start of a pipeline a task is: what is wrong is best told where it shows first."""

from graphlib import TopologicalSorter

from pipeline_splitter.graph import Graph


def depths(graph: Graph) -> dict[str, int]:
    """How far each task is from the start: the most dependencies on a way to it."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(graph.tasks, ()))
    before: dict[str, list[str]] = {}
    for earlier, later in graph.edges():
        sorter.add(later, earlier)
        before.setdefault(later, []).append(earlier)
    found: dict[str, int] = {}
    for name in sorter.static_order():
        found[name] = max((found[earlier] + 1 for earlier in before.get(name, ())), default=0)
    return found
