"""A time problem as flat arrays that a schedule can be counted over: who waits for whom, and how long."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline_splitter.problem import Flags, Floats, Integers, TimeProblem


class Arrays(NamedTuple):
    """The arrays of a schedule: t tasks, s sites, n blocks, e waits (a reader for a producer).

    Attributes:
        seconds: (t, s).
        release: (t, s): when the data that nobody writes are there.
        delay: (k, s, s): of a datum from site to site.
        in_starts: (t + 1,): waits of task i are `in_starts[i]:in_starts[i + 1]`.
        in_task: (e,): whom it waits for.
        in_datum: (e,): what it waits for; -1: only for the end.
        out_starts, out_task, out_datum: the same, from the producers' side.
        slots: (s,): 0: unlimited.
        machine_starts: (s + 1,): the machines (one for each slot) of site x are `machine_starts[x]:machine_starts[x +
            1]`; none where slots are unlimited.
        block_of: (t,).
        block_starts: (n + 1,): tasks of block b are `block_tasks[block_starts[b]:block_starts[b + 1]]`.
        block_tasks: (t,).
        hours: (n, s): CPU-hours.
        quota_hours: (s,): with the tolerance that checks of a plan allow.
    """

    seconds: Floats
    release: Floats
    delay: Floats
    in_starts: Integers
    in_task: Integers
    in_datum: Integers
    out_starts: Integers
    out_task: Integers
    out_datum: Integers
    slots: Integers
    machine_starts: Integers
    block_of: Integers
    block_starts: Integers
    block_tasks: Integers
    hours: Floats
    quota_hours: Floats


@dataclass(frozen=True, slots=True)
class Network:
    """A time problem, prepared.

    Attributes:
        problem: as it was asked.
        arrays: see there.
        allowed: (t, s): where a task's block may be.
        order: (t,): all tasks, each after all it waits for; smallest index first among equals.
        waits_of: (e,): the task that waits, for each wait.
    """

    problem: TimeProblem
    arrays: Arrays
    allowed: Flags
    order: Integers
    waits_of: Integers


QUOTA_TOLERANCE = 1e-9
"""Relative; what checks of a plan allow."""


def prepare(problem: TimeProblem) -> Network:
    """Return the network of a problem.

    Raises:
        ValueError: the dependencies have a cycle.
    """
    tasks, sites = problem.seconds.shape
    release = np.zeros((tasks, sites))
    datum_of = np.repeat(np.arange(len(problem.producer), dtype=np.int64), np.diff(problem.starts))
    given = problem.producer[datum_of] < 0
    np.maximum.at(release, problem.readers[given], problem.fixed_delay[datum_of[given]])
    waits = _waits(problem, datum_of)
    in_starts = np.searchsorted(waits[:, 1], np.arange(tasks + 1))
    by_producer = waits[np.lexsort((waits[:, 2], waits[:, 1], waits[:, 0]))]
    out_starts = np.searchsorted(by_producer[:, 0], np.arange(tasks + 1))
    slots = np.minimum(problem.slots, max(tasks, 1)).astype(np.int64)
    blocks = problem.problem
    arranged = np.argsort(problem.block_of, kind="stable").astype(np.int64)
    arrays = Arrays(
        seconds=np.ascontiguousarray(problem.seconds, dtype=np.float64),
        release=release,
        delay=np.ascontiguousarray(problem.delay, dtype=np.float64),
        in_starts=in_starts.astype(np.int64),
        in_task=np.ascontiguousarray(waits[:, 0]),
        in_datum=np.ascontiguousarray(waits[:, 2]),
        out_starts=out_starts.astype(np.int64),
        out_task=np.ascontiguousarray(by_producer[:, 1]),
        out_datum=np.ascontiguousarray(by_producer[:, 2]),
        slots=slots,
        machine_starts=np.concatenate([[0], np.cumsum(slots)]).astype(np.int64),
        block_of=np.ascontiguousarray(problem.block_of, dtype=np.int64),
        block_starts=np.searchsorted(problem.block_of[arranged], np.arange(len(blocks.blocks) + 1)).astype(np.int64),
        block_tasks=arranged,
        hours=np.ascontiguousarray(blocks.cpu_hours, dtype=np.float64),
        quota_hours=blocks.quota_cpu_hours * (1 + QUOTA_TOLERANCE),
    )
    return Network(problem, arrays, blocks.allowed[problem.block_of], _order(arrays), waits[:, 1].copy())


def _waits(problem: TimeProblem, datum_of: Integers) -> Integers:
    """(e, 3): producer, reader, datum (-1: only the end); sorted by reader; what another wait implies is left out."""
    producer = problem.producer[datum_of]
    made = (producer >= 0) & (producer != problem.readers)
    data = np.stack([producer[made], problem.readers[made], datum_of[made]], axis=1).astype(np.int64)
    order = problem.order.reshape(-1, 2).astype(np.int64)
    order = order[order[:, 0] != order[:, 1]]
    every = np.concatenate([data, np.column_stack([order, np.full(len(order), -1, dtype=np.int64)])])
    # The longest delay first within a pair, so that the rest is compared with it only.
    weight = problem.delay.sum(axis=(1, 2)) if len(problem.delay) else np.zeros(0)
    weights = np.append(weight, -1.0)[every[:, 2]]
    every = every[np.lexsort((every[:, 2], -weights, every[:, 0], every[:, 1]))]
    keep = np.ones(len(every), dtype=bool)
    longest = 0
    for entry in range(1, len(every)):
        if (every[entry, :2] != every[longest, :2]).any():
            longest = entry
            continue
        datum, most = every[entry, 2], every[longest, 2]
        keep[entry] = datum >= 0 and bool((problem.delay[datum] > problem.delay[most]).any())
    return every[keep]


def _order(arrays: Arrays) -> Integers:
    """Return all tasks, topologically."""
    waiting = np.diff(arrays.in_starts).tolist()
    out_starts, out_task = arrays.out_starts.tolist(), arrays.out_task.tolist()
    ready = [task for task, count in enumerate(waiting) if count == 0]
    order: list[int] = []
    while ready:
        later: list[int] = []
        for task in ready:
            order.append(task)
            for reader in out_task[out_starts[task] : out_starts[task + 1]]:
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    later.append(reader)
        ready = sorted(later)
    if len(order) < len(waiting):
        raise ValueError("the dependencies between tasks have a cycle")
    return np.array(order, dtype=np.int64)
