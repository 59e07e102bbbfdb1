"""List scheduling: when each task runs, by the one schedule that a placement has by definition.

Tasks are taken one after the other: always the smallest-named one whose predecessors are all taken. The order depends
on the graph alone, never on sites or times. A task that is taken starts as soon as its inputs are there and a slot of
its site is free, and stays there. *No backfilling*: a slot is free from the end of the last task that was put in it; a
gap before that is not used again. Of several slots the one that is free first is taken (among equals any: they
differ in nothing). Tasks taken later may still start earlier, in another slot or at another site.

An input of another task arrives at the producer's end, plus `latency + bytes / bandwidth` if it crosses; a dataset at
that from time 0, and at 0 where a copy is; order edges and parameters at the producer's end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace

import numpy as np

from moorage.objectives import TIME
from pipeline_splitter.costing.basis import Basis
from pipeline_splitter.costing.rates import Rates
from pipeline_splitter.costing.sources import Origins
from pipeline_splitter.costing.tables import Table, largest_reads, order_only
from pipeline_splitter.ordering import topological_order
from pipeline_splitter.problem import Floats

Input = tuple[int, float | None]
"""A producer, and the bytes that would cross; None: an order edge or a parameter, which never waits for a transfer."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The inputs of a schedule. Shapes: t tasks, s sites.

    Attributes:
        order: tasks as they are taken.
        inputs: of each task, one for each other task that it waits for.
        seconds: (t,) at speed 1.
        arrival_seconds: (t, s) when all its datasets would be at a site.
        slots: of each site; 0 where more tasks than there are could run at once.
        rates: of the sites.
    """

    order: tuple[int, ...]
    inputs: tuple[tuple[Input, ...], ...]
    seconds: Floats
    arrival_seconds: Floats
    slots: tuple[int, ...]
    rates: Rates


def make_workload(basis: Basis) -> Workload:
    """Make all that a schedule needs, whatever the placement."""
    table, rates = basis.table, basis.rates
    inputs: list[list[Input]] = [[] for _ in table.tasks]
    datum, reader = largest_reads(table)
    crossing = zip(reader.tolist(), table.producer[datum].tolist(), table.size_bytes[datum].tolist(), strict=True)
    for task, producer, size_bytes in crossing:
        inputs[task].append((producer, size_bytes))
    for producer, task in order_only(table).tolist():
        inputs[task].append((producer, None))
    count = len(table.tasks)
    return Workload(
        order=topological_order(count, table.edges.tolist()),
        inputs=tuple(tuple(entries) for entries in inputs),
        seconds=table.seconds,
        arrival_seconds=_arrivals(table, rates, basis.origins),
        slots=tuple(0 if slots >= count else slots for slots in rates.slots.tolist()),
        rates=rates,
    )


def schedule(workload: Workload, site_of: Sequence[int]) -> tuple[list[float], list[float]]:
    """Return the start and the end of each task, in seconds."""
    rates = workload.rates
    latency, bandwidth = rates.latency_seconds.tolist(), rates.bytes_per_second.tolist()
    arrivals = workload.arrival_seconds[np.arange(len(site_of)), np.array(site_of, dtype=np.int64)].tolist()
    durations = (workload.seconds / rates.speed[np.array(site_of, dtype=np.int64)]).tolist()
    slots = [[0.0] * count for count in workload.slots]
    starts, ends = [0.0] * len(site_of), [0.0] * len(site_of)
    for task in workload.order:
        site, start = site_of[task], arrivals[task]
        for producer, size_bytes in workload.inputs[task]:
            arrival = ends[producer]
            origin = site_of[producer]
            if size_bytes is not None and origin != site:
                arrival += latency[origin][site] + size_bytes / bandwidth[origin][site]
            start = max(start, arrival)
        free = slots[site]
        if free:
            start = max(start, free[0])
            heapreplace(free, start + durations[task])
        starts[task], ends[task] = start, start + durations[task]
    return starts, ends


def _arrivals(table: Table, rates: Rates, origins: Origins) -> Floats:
    """Return (t, s): when all datasets of a task are at a site."""
    arrivals = np.zeros((len(table.tasks), len(rates.sites)))
    row = np.full(len(table.data), -1, dtype=np.int64)
    row[origins.data] = np.arange(len(origins.data))
    entry = row[table.datum_of_entry]
    outside = np.flatnonzero(entry >= 0)
    if len(outside):
        outside = outside[np.argsort(table.readers[outside], kind="stable")]
        tasks, firsts = np.unique(table.readers[outside], return_index=True)
        delays = origins.costs(TIME, table, rates)[entry[outside]]
        arrivals[tasks] = np.maximum.reduceat(delays, firsts, axis=0)
    return arrivals
