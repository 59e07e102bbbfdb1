"""Annealing from a schedule, in slices between which the clock is asked."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from pipeline_splitter.problem import Costs, Floats
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.makespan import schedules
from pipeline_splitter.solving.makespan.network import Network
from pipeline_splitter.solving.makespan.schedules import Schedule

_SLICE_WORK = 4_000_000
"""Tasks times turns in one slice: a fraction of a second."""
_HOT = 0.002
"""The first temperature, as a share of the makespan of large problems; on small ones one task counts for more."""
_HOT_COST = 0.1
"""Of the cost, where there is a horizon, but no more than what so many blocks cost:"""
_HOT_BLOCKS = 30.0
_COOLING = 0.01
"""The last temperature over the first."""
_SMOOTH = 0.05
_SEED = 12345


def anneal(  # noqa: PLR0913  # all of them named where it is called
    network: Network,
    tails: Floats,
    begin: Schedule,
    *,
    costs: Sequence[tuple[Costs, float]],
    horizon: float,
    turns: int,
    round_number: int,
    done: Callable[[float], bool],
) -> Schedule:
    """Return the best schedule found.

    Args:
        network: the problem as a network.
        tails: (t, s): least seconds after a task's end.
        begin: where to begin; permitted.
        costs: limited ones, each with its limit; with a horizon the first is what is minimised.
        horizon: seconds; infinite: the makespan is minimised.
        turns: how many moves are tried.
        round_number: another one gives another random sequence, less hot than the one before.
        done: told the best value after each slice; whether to stop.
    """
    from pipeline_splitter.solving.makespan.annealing import anneal  # noqa: PLC0415  # loads numba
    from pipeline_splitter.solving.makespan.spending import spending  # noqa: PLC0415  # loads numba
    from pipeline_splitter.solving.makespan.state import State, blank  # noqa: PLC0415  # loads numba

    chosen = schedules.placement(network, begin)
    order = schedules.by_start(network, begin)
    counted = spending(network, chosen, costs)
    problem = network.problem.problem
    state = State(
        sites=begin.sites.copy(),
        order=order.copy(),
        position=np.argsort(order).astype(np.int64),
        starts=begin.starts.copy(),
        previous=np.full(len(order), -1, dtype=np.int64),
        left_hours=network.arrays.quota_hours - evaluate.used_cpu_hours(problem, chosen),
        **blank(network.arrays),
    )
    by_cost = math.isfinite(horizon)
    best = float(counted.spent[0]) if by_cost else begin.makespan
    share = min(_HOT_COST, _HOT_BLOCKS / len(problem.blocks)) if by_cost else max(_HOT, 0.1 / len(order))
    first = best * share / (1 + round_number)
    best_sites, best_order = begin.sites.copy(), order.copy()
    slices = max(1, math.ceil(turns * len(order) / _SLICE_WORK))
    seed = _SEED + round_number
    for part in range(slices):
        hot, cold = (first * _COOLING ** (at / slices) for at in (part, part + 1))
        best, seed = anneal(
            network.arrays,
            counted,
            network.allowed,
            tails,
            state,
            best_sites,
            best_order,
            best,
            seed,
            turns // slices + 1,
            hot,
            cold,
            0.0 if by_cost else _SMOOTH,
            horizon,
        )
        if done(float(best)):
            break
    return schedules.in_order(network, best_sites, best_order)
