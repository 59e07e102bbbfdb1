"""Simulated annealing over placements and orders of tasks, compiled: for problems too large for an exact solver.

A state is a site for each task and an order of all tasks; its schedule is that of `kernels.forward`. A move puts a
block at another site, or a task elsewhere in the order. Random numbers are a sequence of our own, so that the same seed
gives the same schedule everywhere. Imported only where it is used: it loads numba.
"""

import math

import numpy as np

from pipeline_splitter.problem import Flags, Floats, Integers
from pipeline_splitter.solving.makespan.network import Arrays
from pipeline_splitter.solving.makespan.state import MARKS, Spending, State, change, kernel, move_block, shift


@kernel
def run(  # noqa: C901, PLR0913, PLR0917  # one loop, compiled
    arrays: Arrays,
    tails: Floats,
    state: State,
    mark: int,
    keep: bool,  # noqa: FBT001
    most: float,
    starts: Floats,
    free: Floats,
    holder: Integers,
) -> tuple[float, float]:
    """Counts the schedule from a mark on.

    Args:
        arrays: the network.
        tails: (t, s): least time after a task's end.
        state: sites, order and marks.
        mark: from which mark.
        keep: whether to write marks and machine predecessors as well.
        most: give up where the makespan must exceed this.
        starts: (t,) filled in.
        free: (machines,) for scratch.
        holder: (machines,) for scratch.

    Returns:
        The makespan (infinite: given up), and the sum over tasks of end and least time after.
    """
    tasks = len(state.order)
    size = (tasks + MARKS - 1) // MARKS
    free[:] = state.mark_free[mark]
    holder[:] = state.mark_task[mark]
    last = state.mark_last[mark]
    total = state.mark_total[mark]
    for place in range(mark * size, tasks):
        if keep and place % size == 0:
            at_mark = place // size
            state.mark_free[at_mark] = free
            state.mark_task[at_mark] = holder
            state.mark_last[at_mark] = last
            state.mark_total[at_mark] = total
        task = state.order[place]
        site = state.sites[task]
        start = arrays.release[task, site]
        for wait in range(arrays.in_starts[task], arrays.in_starts[task + 1]):
            earlier = arrays.in_task[wait]
            from_site = state.sites[earlier]
            there = starts[earlier] + arrays.seconds[earlier, from_site]
            if arrays.in_datum[wait] >= 0:
                there += arrays.delay[arrays.in_datum[wait], from_site, site]
            start = max(start, there)
        first = arrays.machine_starts[site]
        count = arrays.machine_starts[site + 1] - first
        before = -1
        if count > 0:
            start = max(start, free[first])
            before = holder[first]
        end = start + arrays.seconds[task, site]
        if end + tails[task, site] > most:
            return math.inf, 0.0
        starts[task] = start
        last = max(last, end)
        total += end + tails[task, site]
        if keep:
            state.previous[task] = before
        at = 0
        while 2 * at + 1 < count:
            child = 2 * at + 1
            if child + 1 < count and free[first + child + 1] < free[first + child]:
                child += 1
            if free[first + child] >= end:
                break
            free[first + at] = free[first + child]
            holder[first + at] = holder[first + child]
            at = child
        if count > 0:
            free[first + at] = end
            holder[first + at] = task
    return last, total


@kernel
def critical(arrays: Arrays, state: State, path: Integers) -> int:
    """Fills in, from the last end backwards, tasks each of which begins when the next one lets it; returns how many."""
    task = 0
    last = -1.0
    for each in range(len(state.sites)):
        end = state.starts[each] + arrays.seconds[each, state.sites[each]]
        if end > last:
            last = end
            task = each
    count = 0
    while task >= 0:
        path[count] = task
        count += 1
        if count == len(path):
            break
        site = state.sites[task]
        start = state.starts[task]
        following = -1
        for wait in range(arrays.in_starts[task], arrays.in_starts[task + 1]):
            earlier = arrays.in_task[wait]
            there = state.starts[earlier] + arrays.seconds[earlier, state.sites[earlier]]
            if arrays.in_datum[wait] >= 0:
                there += arrays.delay[arrays.in_datum[wait], state.sites[earlier], site]
            if there >= start:
                following = earlier
        before = state.previous[task]
        if before >= 0 and state.starts[before] + arrays.seconds[before, state.sites[before]] >= start:
            following = before
        task = following
    return count


@kernel
def anneal(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917  # one loop, compiled
    arrays: Arrays,
    spending: Spending,
    allowed: Flags,
    tails: Floats,
    state: State,
    best_sites: Integers,
    best_order: Integers,
    best: float,
    seed: int,
    turns: int,
    hot: float,
    cold: float,
    smooth: float,
    horizon: float,
) -> tuple[float, int]:
    """Searches for so many turns.

    Args:
        arrays: the network.
        spending: costs; the first is what is minimised where there is a horizon.
        allowed: (t, s).
        tails: (t, s): least time after a task's end.
        state: where to begin; changed.
        best_sites: of the best found, filled in.
        best_order: likewise.
        best: its value.
        seed: of the random sequence.
        turns: how many moves are tried.
        hot: temperature at the beginning, in the unit of the value.
        cold: at the end.
        smooth: weight of the mean of ends, beside the makespan.
        horizon: infinite: the makespan is minimised; else the first cost, among schedules that end by then.

    Returns:
        The best value, and the random sequence's state.
    """
    tasks, sites = arrays.seconds.shape
    size = (tasks + MARKS - 1) // MARKS
    machines = state.mark_free.shape[1]
    free = np.zeros(machines)
    holder = np.zeros(machines, dtype=np.int64)
    path = np.zeros(tasks, dtype=np.int64)
    changes = np.zeros(len(spending.limit))
    by_cost = horizon < math.inf
    last, total = run(arrays, tails, state, 0, True, math.inf, state.starts, free, holder)  # noqa: FBT003
    present = last + smooth * total / tasks
    if by_cost:
        present = spending.spent[0] + smooth * last
    length = critical(arrays, state, path)
    trial = state.starts.copy()
    temperature = hot
    cooling = (cold / hot) ** (1.0 / max(turns, 1)) if hot > 0 else 1.0
    number = seed
    for _turn in range(turns):
        temperature *= cooling
        number = (number * 1103515245 + 12345) % 2147483648
        kind = (number >> 8) % 100
        number = (number * 1103515245 + 12345) % 2147483648
        task = (number >> 8) % tasks
        if kind < 60 and not by_cost:  # noqa: PLR2004  # most moves are of critical tasks
            task = path[task % length]
        number = (number * 1103515245 + 12345) % 2147483648
        draw = number >> 8
        number = (number * 1103515245 + 12345) % 2147483648
        chance = ((number >> 4) + 1) / 134217728.0
        slack = -temperature * math.log(chance)
        block = arrays.block_of[task]
        old = state.sites[task]
        moved = (kind % 2 == 0) and sites > 1
        begin = -1
        finish = -1
        if moved:
            new = (draw >> 3) % sites
            if draw % 8 < 4:  # noqa: PLR2004  # half of them to where a neighbour is
                ins = arrays.in_starts[task + 1] - arrays.in_starts[task]
                outs = arrays.out_starts[task + 1] - arrays.out_starts[task]
                if ins + outs > 0:
                    pick = (draw >> 3) % (ins + outs)
                    if pick < ins:
                        new = state.sites[arrays.in_task[arrays.in_starts[task] + pick]]
                    else:
                        new = state.sites[arrays.out_task[arrays.out_starts[task] + pick - ins]]
            if new == old or not allowed[task, new] or arrays.hours[block, new] > state.left_hours[new]:
                continue
            within = True
            for which in range(len(spending.limit)):
                changes[which] = change(spending, which, block, old, new)
                if spending.spent[which] + changes[which] > spending.limit[which]:
                    within = False
            if not within or (by_cost and changes[0] > slack):
                continue
            place = tasks
            for member in range(arrays.block_starts[block], arrays.block_starts[block + 1]):
                place = min(place, state.position[arrays.block_tasks[member]])
        else:
            begin = state.position[task]
            low = 0
            for wait in range(arrays.in_starts[task], arrays.in_starts[task + 1]):
                low = max(low, state.position[arrays.in_task[wait]] + 1)
            high = tasks - 1
            for wait in range(arrays.out_starts[task], arrays.out_starts[task + 1]):
                high = min(high, state.position[arrays.out_task[wait]] - 1)
            before = state.previous[task]
            if draw % 4 < 2 and before >= 0 and state.position[before] >= low:  # noqa: PLR2004
                finish = state.position[before]
            else:
                reach = max(2, tasks // 8)
                low = max(low, begin - reach)
                high = min(high, begin + reach)
                finish = low + (draw >> 2) % (high - low + 1)
            if finish == begin:
                continue
            place = min(begin, finish)
        if moved:
            move_block(arrays, spending, state, block, new)
        else:
            shift(state, begin, finish)
        mark = place // size
        most = horizon if by_cost else present + slack
        last, total = run(arrays, tails, state, mark, False, most, trial, free, holder)  # noqa: FBT003
        found = last + smooth * total / tasks
        if by_cost:
            found = spending.spent[0] + (changes[0] if moved else 0.0) + smooth * last
        if last == math.inf or found > present + slack:
            if moved:
                move_block(arrays, spending, state, block, old)
            else:
                shift(state, finish, begin)
            trial[:] = state.starts
            continue
        present = found
        if moved:
            for which in range(len(spending.limit)):
                spending.spent[which] += changes[which]
        run(arrays, tails, state, mark, True, math.inf, state.starts, free, holder)  # noqa: FBT003
        trial[:] = state.starts
        if not by_cost:
            length = critical(arrays, state, path)
        value = spending.spent[0] if by_cost else last
        if value < best:
            best = value
            best_sites[:] = state.sites
            best_order[:] = state.order
    return best, number
