"""Marginal makespans: what each block's move to each site would change in the time that the run takes.

After a move the run takes what the schedule says that a placement has by definition (see `schedule`): nobody would
search anew for each move. Before it, what the plan says, whose starts a solver may have chosen: so no move looks better
than what is proven possible. Many moves are computed at once, one
column each, from the first task that any of them concerns; the order in which tasks are taken is the same for all.
"""

from dataclasses import dataclass, field

import numpy as np

from pipeline_splitter.costing.schedule import Workload, schedule
from pipeline_splitter.problem import Flags, Floats, Integers

_CELLS_AT_ONCE = 8_000_000
_MOVES_AT_ONCE = 4096


def time_deltas(  # noqa: PLR0913 - the last two have defaults
    workload: Workload,
    block_of: Integers,
    site_of: Integers,
    wanted: Flags,
    *,
    makespan_seconds: float | None = None,
    moves_at_once: int | None = None,
) -> Floats:
    """(n, s): seconds by which the run ends later when block i alone moves to site b; 0 where it is not `wanted`.

    Args:
        workload: the scheduled workload.
        block_of: (t,) block of each task.
        site_of: (t,) site of each task.
        wanted: (n, s) which moves to compute.
        makespan_seconds: what the run takes before the move; None: by the schedule by definition.
        moves_at_once: how many share one pass; changes nothing but time and memory. None: as many as fit in 64 MB.
    """
    count = len(block_of)
    deltas = np.zeros(wanted.shape)
    if not count:
        return deltas
    order = np.array(workload.order, dtype=np.int64)
    position = np.empty(count, dtype=np.int64)
    position[order] = np.arange(count)
    first_position = np.full(len(wanted), count, dtype=np.int64)
    np.minimum.at(first_position, block_of, position)
    moving, target = np.nonzero(wanted)
    ranked = np.lexsort((target, moving, first_position[moving]))
    moving, target = moving[ranked], target[ranked]
    base = _Base(workload, block_of, site_of, position)
    before = base.makespan if makespan_seconds is None else makespan_seconds
    size = moves_at_once or int(min(_MOVES_AT_ONCE, max(64, _CELLS_AT_ONCE // count)))
    for begin in range(0, len(moving), size):
        part = slice(begin, begin + size)
        batch = _Batch(base, int(first_position[moving[begin]]), moving[part], target[part])
        deltas[moving[part], target[part]] = batch.run() - before
    return deltas


@dataclass
class _Base:
    """The schedule as it is, replayed up to some position."""

    workload: Workload
    block_of: Integers
    site_of: Integers
    position: Integers
    starts: list[float] = field(init=False)
    ends: list[float] = field(init=False)
    makespan: float = field(init=False)
    replayed: int = 0
    free: list[list[float]] = field(init=False)

    def __post_init__(self) -> None:
        self.starts, self.ends = schedule(self.workload, self.site_of.tolist())
        self.makespan = max(self.ends)
        self.free = [[0.0] * slots for slots in self.workload.slots]

    def free_at(self, position: int) -> list[list[float]]:
        """Return when each site's slots are free before the task at the position; positions only ascend."""
        for task in self.workload.order[self.replayed : position]:
            free = self.free[self.site_of[task]]
            if free:
                free[free.index(min(free))] = self.ends[task]
        self.replayed = position
        return self.free


class _Batch:
    """Some moves, one column each; columns of one block lie side by side."""

    def __init__(self, base: _Base, first: int, moving: Integers, target: Integers) -> None:
        self.base, self.first, self.target = base, first, target
        self.columns = len(moving)
        blocks, begins, counts = np.unique(moving, return_index=True, return_counts=True)
        ranges = zip(blocks.tolist(), begins.tolist(), counts.tolist(), strict=True)
        self.moved = {block: slice(begin, begin + count) for block, begin, count in ranges}
        self.ends = np.empty((len(base.workload.order) - first, self.columns))
        self.free = [np.repeat(np.array(free)[:, None], self.columns, axis=1) for free in base.free_at(first)]

    def run(self) -> Floats:
        """Return the makespan of each column."""
        base = self.base
        before = max((base.ends[task] for task in base.workload.order[: self.first]), default=0.0)
        makespan = np.full(self.columns, before)
        for row, task in enumerate(base.workload.order[self.first :]):
            ready = self._ready(task)
            self.ends[row] = self._run_task(task, ready)
            np.maximum(makespan, self.ends[row], out=makespan)
        return makespan

    def _ready(self, task: int) -> Floats:
        """Return when the inputs of a task are at its site."""
        base, rates = self.base, self.base.workload.rates
        site, block = int(base.site_of[task]), int(base.block_of[task])
        own = self.moved.get(block)
        arrivals = base.workload.arrival_seconds[task]
        ready = np.full(self.columns, arrivals[site])
        if own is not None:
            ready[own] = arrivals[self.target[own]]
        for producer, size_bytes in base.workload.inputs[task]:
            ended = self._ended(producer)
            if size_bytes is None:
                np.maximum(ready, ended, out=ready)
                continue
            origin, origin_block = int(base.site_of[producer]), int(base.block_of[producer])
            delay = rates.latency_seconds[origin, site] + size_bytes / rates.bytes_per_second[origin, site]
            arrived = ended + delay
            for columns, target_only in ((own, True), (self.moved.get(origin_block), False)):
                if columns is None:
                    continue
                there = self.target[columns]
                way = (origin, there) if target_only else (there, site)
                delays = rates.latency_seconds[way] + size_bytes / rates.bytes_per_second[way]
                arrived[columns] = ended[columns] + (0.0 if block == origin_block else delays)
            np.maximum(ready, arrived, out=ready)
        return ready

    def _ended(self, task: int) -> Floats:
        row = int(self.base.position[task]) - self.first
        return self.ends[row] if row >= 0 else np.full(self.columns, self.base.ends[task])

    def _run_task(self, task: int, ready: Floats) -> Floats:
        """Return the end of a task that could start when its inputs are ready; takes the slot."""
        base, rates = self.base, self.base.workload.rates
        site = int(base.site_of[task])
        own = self.moved.get(int(base.block_of[task]))
        seconds = base.workload.seconds[task]
        free = self.free[site]
        if not len(free):
            end: Floats = ready + seconds / rates.speed[site]
        else:
            kept = None if own is None else free[:, own].copy()
            slot, columns = free.argmin(axis=0), np.arange(self.columns)
            end = np.maximum(ready, free[slot, columns]) + seconds / rates.speed[site]
            free[slot, columns] = end
            if own is not None:
                free[:, own] = kept
        if own is not None:
            for column in range(own.start, own.stop):
                there = int(self.target[column])
                start, slots = ready[column], self.free[there]
                if len(slots):
                    slot_there = int(slots[:, column].argmin())
                    start = max(start, slots[slot_there, column])
                end[column] = start + seconds / rates.speed[there]
                if len(slots):
                    slots[slot_there, column] = end[column]
        return end
