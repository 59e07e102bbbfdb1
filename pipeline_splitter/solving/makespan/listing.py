"""List schedules: tasks by a priority, each to the site and the gap where it ends first."""

from collections.abc import Callable, Iterator

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.makespan import kernels
from pipeline_splitter.solving.makespan.bounds import Times
from pipeline_splitter.solving.makespan.network import Network
from pipeline_splitter.solving.makespan.schedules import Schedule, improved, is_large, places

_RESTARTS = 12
_NOISE = 0.2


def schedules(network: Network, known: Times, expired: Callable[[], bool]) -> Iterator[Schedule]:
    """Schedules by several rules, then by the same with noise; each is permitted, quotas kept, budgets not looked at.

    The rules: priority by mean upward rank (HEFT's) or by the shortest way to the end (the critical path's); sites by
    the end of the task alone, or with the shortest way after it from there.
    """
    least = np.where(network.allowed, known.tails + network.arrays.seconds, np.inf).min(axis=1)
    ranks = (least, _upward(network))
    rng = np.random.default_rng(1)
    for restart in range(_RESTARTS + 1):
        for rank in ranks:
            for weight in (1.0, 0.0):
                noise = 1.0 + _NOISE * rng.random(len(rank)) * (restart > 0)
                yield from _listed(network, known, rank * noise, weight)
                if expired():
                    return


def _listed(network: Network, known: Times, rank: Floats, weight: float) -> Iterator[Schedule]:
    """Yield one list schedule; none where a quota left a task without a site."""
    count = len(network.order)
    order = _by_rank(network, rank)
    sites = np.full(count, -1, dtype=np.int64)
    starts = np.zeros(count)
    # A tail is infinite where what must follow has no site.
    possible = network.allowed & np.isfinite(known.tails)
    ahead = np.where(possible, weight * np.where(possible, known.tails, 0.0), np.inf)
    made = kernels.fast(kernels.insert, is_large(network))(network.arrays, order, ahead, sites, starts)
    if np.isfinite(made):
        yield improved(network, Schedule(sites, starts, float(made)))


def _by_rank(network: Network, rank: Floats) -> Integers:
    """Order by rank, the highest first, but nothing before what it waits for."""
    arrays = network.arrays
    starts, task_of = arrays.out_starts.tolist(), arrays.out_task.tolist()
    raised = rank.tolist()
    for task in network.order[::-1].tolist():
        for later in task_of[starts[task] : starts[task + 1]]:
            raised[task] = max(raised[task], raised[later])
    return np.lexsort((places(network), -np.array(raised))).astype(np.int64)


def _upward(network: Network) -> Floats:
    """Return (t,): mean seconds, mean delays and the same of what follows, along the longest path."""
    arrays = network.arrays
    counts = np.maximum(network.allowed.sum(axis=1), 1)
    mean: Floats = np.where(network.allowed, arrays.seconds, 0.0).sum(axis=1) / counts
    delay = arrays.delay.mean(axis=(1, 2)) if len(arrays.delay) else np.zeros(0)
    delays = np.append(delay, 0.0)
    rank: Floats = mean.copy()
    starts, task_of, datum_of = arrays.out_starts.tolist(), arrays.out_task.tolist(), arrays.out_datum.tolist()
    for task in network.order[::-1].tolist():
        after = 0.0
        for wait in range(starts[task], starts[task + 1]):
            after = max(after, float(delays[datum_of[wait]] + rank[task_of[wait]]))
        rank[task] += after
    return rank
