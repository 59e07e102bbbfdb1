"""Presolve for budgets of zero: settles what may cost nothing at all before the search.

A list like `bytes,money` often begins with a best of 0: then no datum may cross, and whoever reads it sits where its
writer sits. Such blocks are made one, sites that would cost something are closed, and the budget is gone. Numerically
that is the only safe way: a row with a limit of 0 has no scale.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline_splitter.problem import Budget, Costs, Flags, Floats, Integers, Nets, Problem
from pipeline_splitter.solving.evaluate import reading_net


@dataclass(frozen=True, slots=True)
class Contracted:
    """A problem without budgets of nothing, and the way back.

    Attributes:
        group: (n,) of each block of the original: its block in `problem`.
    """

    problem: Problem
    group: Integers


def contract(problem: Problem) -> Contracted | None:
    """Return the problem with its budgets of nothing settled; None where it has none, or one that can't be settled so.

    It can't where some way between two sites is free and another is not: then a datum may cross here and not there.
    """
    settled = [budget for budget in problem.budgets if budget.limit == 0]
    if not settled:
        return None
    nets = problem.nets
    net_of = reading_net(nets)
    allowed = problem.allowed.copy()
    tied = np.zeros(len(nets.size_bytes), dtype=bool)
    for budget in settled:
        costs = budget.costs
        allowed &= costs.unary <= 0
        closed = np.zeros(allowed.shape)
        np.add.at(closed, nets.readers, costs.fixed[net_of])
        allowed &= closed <= 0
        elsewhere = costs.price[~np.eye(len(problem.sites), dtype=bool)]
        if (elsewhere <= 0).all():
            continue
        if not (elsewhere > 0).all():
            return None
        tied |= (nets.producer >= 0) & (nets.size_bytes > 0)
    if (tied != ((nets.producer >= 0) & (nets.size_bytes > 0))).any():
        return None
    group = _groups(len(problem.blocks), nets.producer[net_of][tied[net_of]], nets.readers[tied[net_of]])
    return Contracted(_merged(problem, allowed, group), group)


def _groups(count: int, one: Integers, other: Integers) -> Integers:
    """Blocks that are tied, directly or over others, have one number; numbers follow the first block of each."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - slow to load, seldom needed
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    ties = csr_array((np.ones(len(one)), (one, other)), shape=(count, count))
    _, labels = connected_components(ties, directed=False)
    _, first = np.unique(labels, return_index=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    group: Integers = rank[labels]
    return group


def _merged(problem: Problem, allowed: Flags, group: Integers) -> Problem:
    count = int(group.max(initial=-1)) + 1
    nets, kept = _given(problem.nets, group)
    together: Flags = np.ones((count, len(problem.sites)), dtype=bool)
    np.logical_and.at(together, group, allowed)
    first = np.unique(group, return_index=True)[1]
    budgets = tuple(
        Budget(_summed(budget.costs, group, count, kept), budget.limit) for budget in problem.budgets if budget.limit
    )
    return replace(
        problem,
        blocks=tuple(problem.blocks[index] for index in first.tolist()),
        allowed=together,
        costs=_summed(problem.costs, group, count, kept),
        nets=nets,
        cpu_hours=_sum(problem.cpu_hours, group, count),
        edges=np.zeros((0, 2), dtype=np.int64),
        budgets=budgets,
    )


def _given(nets: Nets, group: Integers) -> tuple[Nets, Integers]:
    """Return the nets that nobody writes, read by groups; what is written stays where it is or weighs nothing."""
    kept = np.flatnonzero(nets.producer < 0)
    net_of = reading_net(nets)
    pairs = np.unique(np.stack([net_of, group[nets.readers]], axis=1), axis=0)
    pairs = pairs[nets.producer[pairs[:, 0]] < 0]
    starts = np.searchsorted(pairs[:, 0], np.append(kept, len(nets.producer)))
    keys = tuple(nets.keys[index] for index in kept.tolist()) if nets.keys else ()
    return Nets(nets.producer[kept], nets.size_bytes[kept], starts, pairs[:, 1], keys), kept


def _summed(costs: Costs, group: Integers, count: int, kept: Integers) -> Costs:
    return Costs(_sum(costs.unary, group, count), costs.price, costs.fixed[kept])


def _sum(values: Floats, group: Integers, count: int) -> Floats:
    summed = np.zeros((count, values.shape[1]))
    np.add.at(summed, group, values)
    return summed
