"""Evaluation of placements, and whether they meet the constraints: exact sums, no solver's arithmetic."""

import math

import numpy as np

from pipeline_splitter.problem import Costs, Floats, Integers, Nets, Problem

TOLERANCE = 1e-9
"""Relative: a quota or a budget counts as met up to here, as checks of a plan have it."""


def reading_net(nets: Nets) -> Integers:
    """Return the net of each reader entry."""
    return np.repeat(np.arange(len(nets.size_bytes), dtype=np.int64), np.diff(nets.starts))


def crossings(nets: Nets, placement: Integers, sites: int) -> tuple[Integers, Integers]:
    """Return each (net, site) where a reader sits, once, including producers' own sites, which cost nothing."""
    pairs = np.unique(reading_net(nets) * sites + placement[nets.readers])
    return pairs // sites, pairs % sites


def cost(costs: Costs, nets: Nets, placement: Integers) -> float:
    """Return the cost of a placement under `costs`, rounded once."""
    net, site = crossings(nets, placement, costs.price.shape[0])
    producer = nets.producer[net]
    made = producer >= 0
    moved = nets.size_bytes[net[made]] * costs.price[placement[producer[made]], site[made]]
    fixed = costs.fixed[net[~made], site[~made]]
    at_home = costs.unary[np.arange(len(placement)), placement]
    return math.fsum(np.concatenate([at_home, moved, fixed]).tolist())


def used_cpu_hours(problem: Problem, placement: Integers) -> Floats:
    """Return a placement's use of each site's quota."""
    hours = problem.cpu_hours[np.arange(len(placement)), placement]
    return np.array([math.fsum(hours[placement == site].tolist()) for site in range(len(problem.sites))])


def is_feasible(problem: Problem, placement: Integers) -> bool:
    """Return whether a placement is allowed everywhere and meets quotas and budgets (up to `TOLERANCE`)."""
    if not problem.allowed[np.arange(len(placement)), placement].all():
        return False
    if np.isfinite(problem.quota_cpu_hours).any() and not bool(
        (used_cpu_hours(problem, placement) <= problem.quota_cpu_hours * (1 + TOLERANCE)).all()
    ):
        return False
    return all(
        cost(budget.costs, problem.nets, placement) <= budget.limit + abs(budget.limit) * TOLERANCE
        for budget in problem.budgets
    )
