"""Schedules of tasks: the one that a placement has by definition, and whether another one is valid."""

from collections.abc import Mapping
from heapq import heapreplace

import networkx as nx

from pipeline_splitter.checking.definition.costs import Placement, is_brought
from pipeline_splitter.checking.findings import TOLERANCE, Notes
from pipeline_splitter.graph import Graph

Times = Mapping[str, tuple[float, float]]


class Waits:
    """The dependencies of each task, and the order of scheduling: both hold for every placement."""

    def __init__(self, graph: Graph) -> None:
        self.before: dict[str, set[str]] = {name: set() for name in graph.tasks}
        for earlier, later in graph.edges():
            self.before[later].add(earlier)
        self.order = smallest_first(self.before)


def smallest_first(before: Mapping[str, set[str]]) -> list[str]:
    """Return names, repeatedly the smallest of those whose predecessors are all taken."""
    waits = nx.DiGraph((earlier, name) for name, those in before.items() for earlier in those)
    waits.add_nodes_from(before)
    return list(nx.lexicographical_topological_sort(waits))


def arrival(placement: Placement, waits: Waits, name: str, ends: Mapping[str, float]) -> float:
    """Return when all inputs of a task are at its site."""
    graph, site = placement.graph, placement.site_of[name]
    latest = max((ends[earlier] for earlier in waits.before[name]), default=0.0)
    for key in graph.tasks[name].reads:
        datum = graph.data[key]
        if is_brought(datum, name):
            origin = placement.origin(datum, site)
            begun = 0.0 if datum.producer is None else ends[datum.producer]
            latest = max(latest, begun + placement.tariff.moving("time", datum.size_bytes, origin, site))
    return latest


def by_definition(placement: Placement, waits: Waits) -> dict[str, tuple[float, float]]:
    """Schedule each task, in order, at the earliest time that its inputs and a slot allow; no backfilling."""
    sites = placement.tariff.inventory.sites
    count = max(len(waits.order), 1)
    free = {name: [0.0] * min(site.slots, count) for name, site in sites.items() if site.slots is not None}
    ends: dict[str, float] = {}
    times = {}
    for name in waits.order:
        site = placement.site_of[name]
        start = arrival(placement, waits, name, ends)
        duration = placement.tariff.duration(placement.graph.tasks[name], site)
        if site in free:
            start = max(start, free[site][0])
            heapreplace(free[site], start + duration)
        ends[name] = start + duration
        times[name] = (start, ends[name])
    return times


def check_as_defined(placement: Placement, waits: Waits, times: Times, notes: Notes) -> None:
    """Check that the plan's times are those of the schedule by definition."""
    expected = by_definition(placement, waits)
    scale = max((end for _, end in expected.values()), default=0.0)
    for name, (start, end) in sorted(times.items()):
        notes.near(f"tasks[{name}].start", start, expected[name][0], scale)
        notes.near(f"tasks[{name}].end", end, expected[name][1], scale)


def check_kept(placement: Placement, waits: Waits, times: Times, notes: Notes) -> None:
    """Check that the plan's times are valid: inputs are there, durations are right, no site exceeds its slots."""
    ends = {name: end for name, (_, end) in times.items()}
    scale = max(ends.values(), default=0.0)
    for name, (start, end) in sorted(times.items()):
        duration = placement.tariff.duration(placement.graph.tasks[name], placement.site_of[name])
        notes.near(f"tasks[{name}].end", end, start + duration, scale)
        needed = arrival(placement, waits, name, ends)
        if start < needed - TOLERANCE * max(scale, needed):
            notes.add(f"tasks[{name}].start", f"is {start!r}, but its inputs are there at {needed!r} only")
    for name, site in sorted(placement.tariff.inventory.sites.items()):
        if site.slots is not None:
            _check_slots(placement, name, site.slots, times, notes)


def _check_slots(placement: Placement, site: str, slots: int, times: Times, notes: Notes) -> None:
    here = {name: times[name] for name in times if placement.site_of[name] == site}
    slack = TOLERANCE * max((end for _, end in here.values()), default=0.0)
    # At equal times what ends goes before what begins.
    events = [(start, 1, name) for name, (start, end) in here.items() if end - slack > start]
    events += [(end - slack, 0, name) for name, (start, end) in here.items() if end - slack > start]
    running = 0
    for at, begins, name in sorted(events):
        running += 1 if begins else -1
        if running > slots:
            notes.add(f"tasks[{name}].start", f"is {at!r}, when site {site} runs {slots} other tasks, all that it can")
            return
