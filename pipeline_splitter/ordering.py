"""The one topological order that schedules, groups and readers go by: lexicographic, on small integers.

By hand, though networkx has the same: every plan needs it, importing networkx takes as long as a small plan, and on
10,000 tasks it takes ten times as long. What runs seldom uses networkx (`blocks`, `explaining`, `checking`).
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush


def topological_order(count: int, edges: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Numbers below `count`, always the smallest whose predecessors are all taken.

    `edges` are distinct. What is on a circle, or behind one, is left out.
    """
    successors: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for earlier, later in edges:
        successors[earlier].append(later)
        waiting[later] += 1
    ready = [number for number in range(count) if not waiting[number]]
    heapify(ready)
    order = []
    while ready:
        number = heappop(ready)
        order.append(number)
        for later in successors[number]:
            waiting[later] -= 1
            if not waiting[later]:
                heappush(ready, later)
    return tuple(order)
