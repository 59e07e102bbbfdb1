"""The annealing's state, and the moves that change it in place: a block to another site, a task to another place.

What a move costs is counted net by net. Imported only where it is used: it loads numba.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.makespan.network import Arrays

Kernel = TypeVar("Kernel", bound=Callable[..., object])

MARKS = 24
"""The number of places in the order whose machines are kept, so that a move recounts only what comes after."""


class Spending(NamedTuple):
    """Costs of a placement that are limited or minimised: q of them, over n blocks, m nets, s sites.

    Attributes:
        unary: (q, n, s).
        price: (q, s, s).
        fixed: (q, m, s).
        limit: (q,): infinite where there is none.
        size_bytes: (m,).
        producer: (m,): block or -1.
        readers: (m, s): how many readers of the net sit at the site.
        read_starts, read: nets that block b reads: `read[read_starts[b]:read_starts[b + 1]]`.
        write_starts, write: nets that it writes.
        spent: (q,): by the present placement.
    """

    unary: Floats
    price: Floats
    fixed: Floats
    limit: Floats
    size_bytes: Floats
    producer: Integers
    readers: Integers
    read_starts: Integers
    read: Integers
    write_starts: Integers
    write: Integers
    spent: Floats


class State(NamedTuple):
    """The state of the annealing; every array is changed in place.

    Attributes:
        sites, order, position, starts: of the present schedule; `position` is the inverse of `order`.
        previous: (t,): the task before on the same machine; -1: none.
        left_hours: (s,): of quotas.
        mark_free, mark_task: (marks, machines): the machines' heaps at each mark.
        mark_last, mark_total: (marks,): the last end, and the sum of what `run` sums, up to there.
    """

    sites: Integers
    order: Integers
    position: Integers
    starts: Floats
    previous: Integers
    left_hours: Floats
    mark_free: Floats
    mark_task: Integers
    mark_last: Floats
    mark_total: Floats


def kernel(function: Kernel) -> Kernel:
    """Return the function, compiled."""
    try:
        return cast("Kernel", njit(cache=True)(function))
    except RuntimeError:  # nowhere to keep compiled code
        return cast("Kernel", njit(function))


@kernel
def change(spending: Spending, which: int, block: int, old: int, new: int) -> float:
    """Return the change of a cost when a block moves."""
    price = spending.price[which]
    more: float = spending.unary[which, block, new] - spending.unary[which, block, old]
    for entry in range(spending.read_starts[block], spending.read_starts[block + 1]):
        net = spending.read[entry]
        writer = spending.producer[net]
        # The producer's site is found by `home`, kept in the last column of readers.
        home = spending.readers[net, -1]
        if spending.readers[net, old] == 1:
            more -= spending.fixed[which, net, old] if writer < 0 else spending.size_bytes[net] * price[home, old]
        if spending.readers[net, new] == 0:
            more += spending.fixed[which, net, new] if writer < 0 else spending.size_bytes[net] * price[home, new]
    for entry in range(spending.write_starts[block], spending.write_starts[block + 1]):
        net = spending.write[entry]
        for site in range(price.shape[0]):
            if spending.readers[net, site] > 0:
                more += spending.size_bytes[net] * (price[new, site] - price[old, site])
    return more


@kernel
def move_block(arrays: Arrays, spending: Spending, state: State, block: int, new: int) -> None:
    """Puts a block at a site, in all that counts it."""
    old = state.sites[arrays.block_tasks[arrays.block_starts[block]]]
    for member in range(arrays.block_starts[block], arrays.block_starts[block + 1]):
        state.sites[arrays.block_tasks[member]] = new
    state.left_hours[old] += arrays.hours[block, old]
    state.left_hours[new] -= arrays.hours[block, new]
    if len(spending.limit) == 0:
        return
    for entry in range(spending.read_starts[block], spending.read_starts[block + 1]):
        spending.readers[spending.read[entry], old] -= 1
        spending.readers[spending.read[entry], new] += 1
    for entry in range(spending.write_starts[block], spending.write_starts[block + 1]):
        spending.readers[spending.write[entry], -1] = new


@kernel
def shift(state: State, start: int, stop: int) -> None:
    """Moves the task at one place of the order to another."""
    task = state.order[start]
    step = 1 if stop > start else -1
    for place in range(start, stop, step):
        state.order[place] = state.order[place + step]
        state.position[state.order[place]] = place
    state.order[stop] = task
    state.position[task] = stop


def blank(arrays: Arrays) -> dict[str, Any]:
    """Return the marks of an empty schedule, as fields of a state."""
    machines = int(arrays.machine_starts[-1])
    return {
        "mark_free": np.zeros((MARKS + 1, machines)),
        "mark_task": np.full((MARKS + 1, machines), -1, dtype=np.int64),
        "mark_last": np.zeros(MARKS + 1),
        "mark_total": np.zeros(MARKS + 1),
    }
