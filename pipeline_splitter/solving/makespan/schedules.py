"""Schedules counted exactly: from sites and an order to the seconds at which tasks start."""

from dataclasses import dataclass

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.makespan import kernels
from pipeline_splitter.solving.makespan.network import Network

_WORTH_COMPILING = 20_000
"""Waits times sites: above this, compiled loops pay for the seconds that compiling takes once."""
_MOST_PASSES = 10


@dataclass(frozen=True, slots=True)
class Schedule:
    """Attributes: sites and starts of the tasks (t,), and when the last one ends."""

    sites: Integers
    starts: Floats
    makespan: float


def is_large(network: Network) -> bool:
    """Return whether loops over this network should be compiled."""
    return bool((len(network.waits_of) + len(network.order)) * network.arrays.seconds.shape[1] > _WORTH_COMPILING)


def places(network: Network) -> Integers:
    """Return (t,): each task's place in the topological order."""
    place = np.empty(len(network.order), dtype=np.int64)
    place[network.order] = np.arange(len(network.order))
    return place


def ordered(network: Network, starts: Floats, ends: Floats) -> Integers:
    """Return all tasks by start; none may start before the end of one that it waits for.

    Of those that start together the one that ends first comes first: what takes no time must not wait for a slot that
    was free when it started.
    """
    return np.lexsort((places(network), ends, starts)).astype(np.int64)


def by_start(network: Network, schedule: Schedule) -> Integers:
    """Return all tasks of a schedule in order."""
    return ordered(network, schedule.starts, schedule.starts + _taken(network, schedule.sites))


def _taken(network: Network, sites: Integers) -> Floats:
    """Return the seconds of each task at its site, (t,)."""
    return network.arrays.seconds[np.arange(len(sites)), sites]


def in_order(network: Network, sites: Integers, order: Integers) -> Schedule:
    """Schedule each task in this order as early as can be."""
    starts = np.zeros(len(order))
    makespan = kernels.fast(kernels.forward, is_large(network))(network.arrays, order, sites, starts)
    return Schedule(sites, starts, float(makespan))


def improved(network: Network, schedule: Schedule) -> Schedule:
    """Return the schedule pushed to the left, then, while that helps, to the right and to the left again."""
    best = in_order(network, schedule.sites, by_start(network, schedule))
    place = places(network)
    taken = _taken(network, schedule.sites)
    now = best
    for _ in range(_MOST_PASSES):
        last_first = np.lexsort((place, now.starts + taken))[::-1].astype(np.int64)
        rests = np.zeros(len(place))
        kernels.fast(kernels.backward, is_large(network))(network.arrays, last_first, now.sites, rests)
        # By rests, not by starts counted from them: rounding would put a task before one that it waits for.
        now = in_order(network, now.sites, ordered(network, -(rests + taken), -rests))
        if now.makespan >= best.makespan:
            break
        best = now
    return best


def given(network: Network, sites: Integers, starts: Floats) -> Schedule:
    """Return a schedule from elsewhere, of which only sites and order are believed."""
    arrays = network.arrays
    safe = starts.copy()
    for task in network.order.tolist():
        for wait in range(int(arrays.in_starts[task]), int(arrays.in_starts[task + 1])):
            safe[task] = max(safe[task], safe[arrays.in_task[wait]])
    return in_order(network, sites, ordered(network, safe, safe))


def placement(network: Network, schedule: Schedule) -> Integers:
    """Return the site of each block; of one without tasks its cheapest."""
    problem = network.problem.problem
    chosen: Integers = np.where(problem.allowed, problem.costs.unary, np.inf).argmin(axis=1).astype(np.int64)
    chosen[network.arrays.block_of] = schedule.sites
    return chosen


def is_feasible(network: Network, schedule: Schedule) -> bool:
    """Return whether the placement keeps to permitted sites, quotas and budgets."""
    return evaluate.is_feasible(network.problem.problem, placement(network, schedule))
