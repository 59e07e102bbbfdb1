"""The planner's order is the one that networkx calls lexicographic."""

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from pipeline_splitter.ordering import topological_order

PAIRS = st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1]))


@given(st.permutations(range(12)), PAIRS)
def test_it_is_the_lexicographic_order(ranks: list[int], pairs: set[tuple[int, int]]) -> None:
    """Of any acyclic graph: edges lead from a lower rank to a higher one."""
    edges = {(one, other) if ranks[one] < ranks[other] else (other, one) for one, other in pairs}
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(12))
    assert topological_order(12, edges) == tuple(nx.lexicographical_topological_sort(graph))


@given(PAIRS)
def test_circles_and_what_is_behind_them_are_left_out(pairs: set[tuple[int, int]]) -> None:
    """So that whoever reads a pipeline can name them."""
    graph = nx.DiGraph(pairs)
    graph.add_nodes_from(range(12))
    stuck = {node for circle in nx.strongly_connected_components(graph) if len(circle) > 1 for node in circle}
    stuck |= {later for node in stuck for later in nx.descendants(graph, node)}
    assert set(topological_order(12, pairs)) == set(range(12)) - stuck
