"""Where nodes stand: in order, close, and the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_splitter.report.layout import arrange, order_lanes

EDGES = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40)


@given(EDGES)
def test_every_edge_of_an_acyclic_graph_points_forward(pairs: list[tuple[int, int]]) -> None:
    """A later node stands in a later column; no two nodes stand in one place."""
    edges = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    placed = arrange(15, edges)
    assert all(placed.column[one] < placed.column[other] for one, other in edges)
    assert len(set(zip(placed.column, placed.row, strict=True))) == 15


@given(EDGES, st.integers(1, 5))
def test_whatever_the_edges_everything_is_placed(pairs: list[tuple[int, int]], most_rows: int) -> None:
    """Cycles too; columns count from 0 without a hole, and none is higher than asked for."""
    placed = arrange(15, pairs, most_rows)
    assert set(placed.column) == set(range(max(placed.column) + 1))
    assert max(placed.row) < most_rows
    assert arrange(15, list(reversed(pairs)), most_rows) == placed


@pytest.mark.parametrize(
    ("count", "edges", "columns"),
    [
        (0, [], ()),
        (1, [], (0,)),
        (3, [(0, 1), (1, 2)], (0, 1, 2)),
        (4, [(0, 1), (1, 2), (3, 2)], (0, 1, 2, 1)),
        (3, [(0, 1), (1, 0), (2, 2)], (1, 1, 0)),
    ],
    ids=["nothing", "alone", "chain", "a source stands right before its reader", "a cycle stands last"],
)
def test_columns(count: int, edges: list[tuple[int, int]], columns: tuple[int, ...]) -> None:
    """By the longest path."""
    assert arrange(count, edges).column == columns


def test_rows_avoid_crossings() -> None:
    """Two chains that were named crosswise lie straight."""
    placed = arrange(4, [(0, 3), (1, 2)])
    assert placed.row[0] == placed.row[3]
    assert placed.row[1] == placed.row[2]


def test_a_wide_column_is_split_evenly() -> None:
    """A hundred nodes that nothing connects are about a square."""
    placed = arrange(100, [])
    assert max(placed.row) + 1 == 13
    assert max(placed.column) + 1 == 8
    assert placed.continues == (False,) * 13 + (True,) * 87


@pytest.mark.parametrize(
    ("weights", "order"),
    [
        ({}, (0, 1, 2)),
        ({(0, 2): 5.0, (2, 1): 5.0}, (0, 2, 1)),
        ({(1, 0): 1.0, (1, 2): 9.0}, (0, 1, 2)),
    ],
    ids=["by number", "through the middle", "as they are"],
)
def test_lanes_that_exchange_much_lie_together(weights: dict[tuple[int, int], float], order: tuple[int, ...]) -> None:
    """Fewer and lighter edges cross other lanes."""
    assert order_lanes(3, weights) == order


def test_lanes_take_each_place_once() -> None:
    """Whatever is exchanged."""
    weights = {(one, other): float(one * other % 7) for one in range(12) for other in range(12) if one != other}
    assert sorted(order_lanes(12, weights)) == list(range(12))
