"""Loops over flat arrays that make schedules.

Plain functions, which run as they are on small problems and compiled on large ones, with the same result.

None calls another one, so that each can be compiled alone.
"""

import math
from collections.abc import Callable
from typing import TypeVar

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.makespan.network import Arrays

Kernel = TypeVar("Kernel", bound=Callable[..., object])

_compiled: dict[str, Callable[..., object]] = {}


def fast(kernel: Kernel, compile_it: bool) -> Kernel:  # noqa: FBT001  # reads as `fast(place, large)`
    """Return the kernel, compiled where that is worth its seconds."""
    if not compile_it:
        return kernel
    name = kernel.__name__
    if name not in _compiled:
        from numba import njit  # noqa: PLC0415  # slow to load, needed for large problems only

        try:
            _compiled[name] = njit(cache=True)(kernel)
        except RuntimeError:  # nowhere to keep compiled code
            _compiled[name] = njit(kernel)
    return _compiled[name]  # type: ignore[return-value]


def forward(arrays: Arrays, order: Integers, sites: Integers, starts: Floats) -> float:
    """Starts each task, in this order, as early as its inputs and a slot allow; no backfilling.

    Args:
        arrays: the network.
        order: all tasks, each after what it waits for.
        sites: (t,) of each task.
        starts: (t,) filled in.

    Returns:
        When the last task ends.
    """
    free = [0.0] * (arrays.machine_starts[-1] + 1)
    last = 0.0
    for task in order:
        site = sites[task]
        start = arrays.release[task, site]
        for wait in range(arrays.in_starts[task], arrays.in_starts[task + 1]):
            earlier = arrays.in_task[wait]
            there = starts[earlier] + arrays.seconds[earlier, sites[earlier]]
            if arrays.in_datum[wait] >= 0:
                there += arrays.delay[arrays.in_datum[wait], sites[earlier], site]
            start = max(start, there)
        first = arrays.machine_starts[site]
        count = arrays.machine_starts[site + 1] - first
        if count > 0:
            start = max(start, free[first])
        end = start + arrays.seconds[task, site]
        starts[task] = start
        last = max(last, end)
        # The machines of a site are a heap by when they are free.
        at = 0
        while 2 * at + 1 < count:
            child = 2 * at + 1
            if child + 1 < count and free[first + child + 1] < free[first + child]:
                child += 1
            if free[first + child] >= end:
                break
            free[first + at] = free[first + child]
            at = child
        if count > 0:
            free[first + at] = end
    return last


def backward(arrays: Arrays, order: Integers, sites: Integers, rests: Floats) -> float:
    """Schedule as `forward` does, from the end: `rests[i]` lies between the end of task i and the last moment."""
    free = [0.0] * (arrays.machine_starts[-1] + 1)
    last = 0.0
    for task in order:
        site = sites[task]
        rest = 0.0
        for wait in range(arrays.out_starts[task], arrays.out_starts[task + 1]):
            later = arrays.out_task[wait]
            needed = rests[later] + arrays.seconds[later, sites[later]]
            if arrays.out_datum[wait] >= 0:
                needed += arrays.delay[arrays.out_datum[wait], site, sites[later]]
            rest = max(rest, needed)
        first = arrays.machine_starts[site]
        count = arrays.machine_starts[site + 1] - first
        if count > 0:
            rest = max(rest, free[first])
        end = rest + arrays.seconds[task, site]
        rests[task] = rest
        last = max(last, end)
        at = 0
        while 2 * at + 1 < count:
            child = 2 * at + 1
            if child + 1 < count and free[first + child + 1] < free[first + child]:
                child += 1
            if free[first + child] >= end:
                break
            free[first + at] = free[first + child]
            at = child
        if count > 0:
            free[first + at] = end
    return last


def insert(  # noqa: C901, PLR0912, PLR0915  # one loop, compiled as a whole
    arrays: Arrays, order: Integers, ahead: Floats, sites: Integers, starts: Floats
) -> float:
    """Takes each task in this order to the site, and into the gap there, where its end and what is ahead come first.

    Args:
        arrays: the network.
        order: all tasks, each after what it waits for.
        ahead: (t, s): seconds added to the end at a site when sites are compared; infinite: not there.
        sites: (t,) filled in; what is not -1 already is kept.
        starts: (t,) filled in.

    Returns:
        When the last task ends; infinite where a quota left no site for a task.
    """
    tasks, count = arrays.seconds.shape
    machines = arrays.machine_starts[-1]
    first_on = [-1] * (machines + 1)
    next_on = [-1] * (tasks + 1)
    left = arrays.quota_hours.copy()
    # A task that is placed from the outset has its share.
    for block in range(len(arrays.block_starts) - 1):
        if arrays.block_starts[block + 1] > arrays.block_starts[block]:
            member = arrays.block_tasks[arrays.block_starts[block]]
            if sites[member] >= 0:
                left[sites[member]] -= arrays.hours[block, sites[member]]
    last = 0.0
    for task in order:
        block = arrays.block_of[task]
        best = math.inf
        best_site = -1
        best_start = 0.0
        best_machine = -1
        best_before = -1
        decided = sites[task]
        for site in range(count):
            if decided >= 0:
                if site != decided:
                    continue
            elif ahead[task, site] == math.inf or arrays.hours[block, site] > left[site]:
                continue
            ready = arrays.release[task, site]
            for wait in range(arrays.in_starts[task], arrays.in_starts[task + 1]):
                earlier = arrays.in_task[wait]
                there = starts[earlier] + arrays.seconds[earlier, sites[earlier]]
                if arrays.in_datum[wait] >= 0:
                    there += arrays.delay[arrays.in_datum[wait], sites[earlier], site]
                ready = max(ready, there)
            length = arrays.seconds[task, site]
            after = 0.0 if decided >= 0 else ahead[task, site]
            if ready + length + after >= best:
                continue
            start = ready
            machine = -1
            before = -1
            if arrays.slots[site] > 0:
                start = math.inf
                for candidate in range(arrays.machine_starts[site], arrays.machine_starts[site + 1]):
                    open_from = 0.0
                    previous = -1
                    following = first_on[candidate]
                    while following >= 0:
                        begin = max(ready, open_from)
                        if begin >= start or begin + length <= starts[following]:
                            break
                        open_from = starts[following] + arrays.seconds[following, site]
                        previous = following
                        following = next_on[following]
                    begin = max(ready, open_from)
                    if begin < start:
                        start = begin
                        machine = candidate
                        before = previous
                    if start <= ready:
                        break
            if start + length + after < best:
                best = start + length + after
                best_site = site
                best_start = start
                best_machine = machine
                best_before = before
        if best_site < 0:
            return math.inf
        if decided < 0:
            left[best_site] -= arrays.hours[block, best_site]
            for member in range(arrays.block_starts[block], arrays.block_starts[block + 1]):
                sites[arrays.block_tasks[member]] = best_site
        starts[task] = best_start
        last = max(last, best_start + arrays.seconds[task, best_site])
        if best_machine >= 0:
            if best_before < 0:
                next_on[task] = first_on[best_machine]
                first_on[best_machine] = task
            else:
                next_on[task] = next_on[best_before]
                next_on[best_before] = task
    return last
