"""Layered graph drawing: columns by longest path, rows so that edges cross little.

Pure, and the same for the same input. Numbers stand for nodes; whoever draws multiplies by sizes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_SWEEPS = 4
_FEWEST_ROWS = 14
_SHAPE = 1.4
"""Rows for each column of a large group: boxes become wider than high, since nodes are."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A column and a row for each node; in each column the rows count from 0.

    `continues`: the node's column is the rest of the one before, which was too high: nothing leads from that to it.
    """

    column: tuple[int, ...]
    row: tuple[int, ...]
    continues: tuple[bool, ...]

    def places(self) -> list[tuple[int, int, int]]:
        """Return all three for each node, as numbers; a new list, so ask once."""
        return list(zip(self.column, self.row, map(int, self.continues), strict=True))


def arrange(count: int, edges: Iterable[tuple[int, int]], most_rows: int | None = None) -> Arrangement:
    """Place nodes 0 to `count - 1`.

    Args:
        count: how many nodes there are.
        edges: (earlier, later). Where they form a cycle, its nodes stand last.
        most_rows: a column that has more is split; by default, so that the whole is about square.
    """
    pairs = sorted({(one, other) for one, other in edges if one != other})
    after: list[list[int]] = [[] for _ in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for one, other in pairs:
        after[one].append(other)
        before[other].append(one)
    columns = _in_order(_columns(count, after, before), after, before)
    limit = most_rows or max(_FEWEST_ROWS, round((count / _SHAPE) ** 0.5))
    column, row, continues = [0] * count, [0] * count, [False] * count
    place = 0
    for nodes in columns:
        # Rows are as even as can be: 9 nodes in rows of 8 become 5 and 4.
        parts = -(-len(nodes) // limit)
        height = -(-len(nodes) // parts)
        for index, node in enumerate(nodes):
            column[node] = place + index // height
            row[node] = index % height
            continues[node] = index >= height
        place += parts
    return Arrangement(tuple(column), tuple(row), tuple(continues))


def order_lanes(count: int, weights: Mapping[tuple[int, int], float]) -> tuple[int, ...]:
    """Lanes 0 to `count - 1` in an order in which those that exchange much lie near each other.

    Args:
        count: how many lanes there are.
        weights: how much goes from one lane to another.
    """
    order: list[int] = []
    between = {(one, other): weights.get((one, other), 0.0) + weights.get((other, one), 0.0) for one, other in weights}
    between.update({(other, one): weight for (one, other), weight in list(between.items())})
    for lane in range(count):
        tries = [[*order[:place], lane, *order[place:]] for place in range(len(order) + 1)]
        # The last place first, so that lanes that exchange nothing keep their order.
        order = min(reversed(tries), key=lambda lanes: _reach(lanes, between))
    return tuple(order)


def _reach(lanes: Sequence[int], between: Mapping[tuple[int, int], float]) -> float:
    place = {lane: index for index, lane in enumerate(lanes)}
    return sum(
        weight * abs(place[one] - place[other])
        for (one, other), weight in between.items()
        if one in place and other in place
    )


def _columns(count: int, after: Sequence[Sequence[int]], before: Sequence[Sequence[int]]) -> list[list[int]]:
    """Put each node as early as its predecessors allow; those without any, right before their first successor."""
    waiting = [len(nodes) for nodes in before]
    column = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:
        for other in after[node]:
            column[other] = max(column[other], column[node] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    last = max((column[node] for node in ready), default=-1) + 1
    for node in range(count):
        if waiting[node] > 0:
            column[node] = last
        elif not before[node] and after[node]:
            column[node] = max(0, min(column[other] for other in after[node]) - 1)
    columns: list[list[int]] = [[] for _ in range(max(column, default=-1) + 1)]
    for node in range(count):
        columns[column[node]].append(node)
    return [nodes for nodes in columns if nodes]


def _in_order(
    columns: list[list[int]], after: Sequence[Sequence[int]], before: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Sweep to and fro: each node goes to the mean height of its neighbours on the side that stands already."""
    height: dict[int, float] = {}
    for nodes in columns:
        _stand(nodes, height)
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 else before
        for nodes in reversed(columns) if sweep % 2 else columns:
            wanted = {
                node: sum(height[other] for other in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else height[node]
                for node in nodes
            }
            nodes.sort(key=lambda node: (wanted[node], node))
            _stand(nodes, height)
    return columns


def _stand(nodes: Sequence[int], height: dict[int, float]) -> None:
    for index, node in enumerate(nodes):
        height[node] = (index + 0.5) / len(nodes)
