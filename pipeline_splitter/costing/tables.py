"""A graph as flat arrays: tasks and data by number, in order of their names."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline_splitter.graph import Datum, Graph
from pipeline_splitter.problem import Floats, Integers


@dataclass(frozen=True, slots=True)
class Table:
    """The graph's figures. Shapes: t tasks, k data that some task reads, r reader entries, e edges.

    Attributes:
        tasks: names, sorted.
        number: the index of each task.
        seconds: (t,) at speed 1.
        cpu_seconds: (t,) core-seconds at speed 1.
        data: by key; only what a task reads and what must be brought (data present everywhere are left out).
        producer: (k,) task, or -1.
        size_bytes: (k,).
        starts: (k + 1,): readers of datum d are `readers[starts[d]:starts[d + 1]]`.
        readers: (r,) tasks, ascending within a datum; never the datum's producer.
        edges: (e, 2) every dependency (earlier, later); sorted, without repetition.
    """

    tasks: tuple[str, ...]
    number: Mapping[str, int]
    seconds: Floats
    cpu_seconds: Floats
    data: tuple[Datum, ...]
    producer: Integers
    size_bytes: Floats
    starts: Integers
    readers: Integers
    edges: Integers

    @property
    def datum_of_entry(self) -> Integers:
        """(r,) the datum that each reader entry belongs to."""
        return np.repeat(np.arange(len(self.data), dtype=np.int64), np.diff(self.starts))


def tabulate(graph: Graph) -> Table:
    """Return the arrays of a graph."""
    tasks = tuple(sorted(graph.tasks))
    number = {name: index for index, name in enumerate(tasks)}
    readers_of: dict[str, list[int]] = {}
    for index, name in enumerate(tasks):
        for key in graph.tasks[name].reads:
            datum = graph.data[key]
            if datum.producer != name and (datum.producer is not None or datum.dataset is not None):
                readers_of.setdefault(key, []).append(index)
    data = tuple(graph.data[key] for key in sorted(readers_of))
    producer = _integers([-1 if datum.producer is None else number[datum.producer] for datum in data])
    counts = _integers([len(readers_of[datum.key]) for datum in data])
    readers = _integers([index for datum in data for index in readers_of[datum.key]])
    written = np.repeat(producer, counts)
    ordered = [(number[edge.producer], number[edge.consumer]) for edge in graph.parameters]
    ordered += [(number[earlier], number[later]) for earlier, later in graph.order]
    by_data = np.column_stack((written, readers))[written >= 0]
    return Table(
        tasks,
        number,
        np.array([graph.tasks[name].seconds for name in tasks], dtype=np.float64),
        np.array([graph.tasks[name].cpu_seconds for name in tasks], dtype=np.float64),
        data,
        producer,
        np.array([datum.size_bytes for datum in data], dtype=np.float64),
        np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts))),
        readers,
        distinct_pairs(np.concatenate((by_data, _integers(ordered).reshape(-1, 2))), len(tasks)),
    )


def distinct_pairs(pairs: Integers, count: int) -> Integers:
    """Pairs of two different numbers below `count`, sorted, without repetition."""
    codes = np.unique(pairs[:, 0] * count + pairs[:, 1])
    earlier, later = codes // max(count, 1), codes % max(count, 1)
    different = earlier != later
    return np.column_stack((earlier[different], later[different]))


def largest_reads(table: Table) -> tuple[Integers, Integers]:
    """Return the largest datum that a task reads of another, as (datum, reader), in order of datum, then reader.

    The others arrive no later whatever the sites are, so nothing else matters to when a task can start.
    """
    datum = table.datum_of_entry
    written = np.flatnonzero(table.producer[datum] >= 0)
    datum, reader = datum[written], table.readers[written]
    producer = table.producer[datum]
    by_size = np.lexsort((datum, -table.size_bytes[datum], reader, producer))
    pair = producer[by_size] * len(table.tasks) + reader[by_size]
    first = np.ones(len(pair), dtype=np.bool_)
    first[1:] = pair[1:] != pair[:-1]
    kept = np.sort(by_size[first])
    return datum[kept], reader[kept]


def order_only(table: Table) -> Integers:
    """Return (e, 2): (earlier, later) tasks that no datum joins."""
    datum, reader = largest_reads(table)
    joined = table.producer[datum] * len(table.tasks) + reader
    return table.edges[~np.isin(table.edges[:, 0] * len(table.tasks) + table.edges[:, 1], joined)]


def _integers(values: object) -> Integers:
    return np.array(values, dtype=np.int64)
