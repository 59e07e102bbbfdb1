"""Weak duality: the lower bound that a certificate proves, rounding against itself."""

import math

import numpy as np

from pipeline_splitter.problem import Certificate, Costs, Floats, Integers, Problem
from pipeline_splitter.solving import evaluate

_EPSILON = float(np.finfo(np.float64).eps)
_CHUNK_ENTRIES = 2048
_CAUTION = 4
"""Whoever recomputes the bound with a coarser idea of rounding must not get less than what was stated."""


def with_multipliers(problem: Problem, quota_prices: Floats, budget_prices: tuple[float, ...]) -> tuple[Costs, float]:
    """Return the costs with quotas and budgets priced in, and what to subtract at the end: sum of price times limit."""
    unary, price, fixed = problem.costs.unary, problem.costs.price, problem.costs.fixed
    constants: list[float] = []
    for nu, budget in zip(budget_prices, problem.budgets, strict=True):
        if nu > 0:
            unary = unary + nu * budget.costs.unary
            price = price + nu * budget.costs.price
            fixed = fixed + nu * budget.costs.fixed
            constants.append(nu * budget.limit)
    priced = np.isfinite(problem.quota_cpu_hours) & (quota_prices > 0)
    if priced.any():
        unary = unary + np.where(priced, quota_prices, 0.0) * problem.cpu_hours
        constants.extend((quota_prices[priced] * problem.quota_cpu_hours[priced]).tolist())
    return Costs(unary, price, fixed), math.fsum(constants)


def certified_bound(problem: Problem, certificate: Certificate) -> float:
    """Return the lower bound that the multipliers prove; never above the optimum: every rounding is counted against it.

    Each term carries a bound on its own error (units in the last place times the magnitudes that went into it); the
    block's minimum is taken after that error is subtracted.
    """
    if not problem.allowed.any(axis=1).all():
        return math.inf
    sites = len(problem.sites)
    nets = problem.nets
    quota_prices = np.maximum(certificate.quota_prices, 0.0)
    budget_prices = tuple(max(nu, 0.0) for nu in certificate.budget_prices)
    costs, constant = with_multipliers(problem, quota_prices, budget_prices)
    shares = _scaled(np.maximum(certificate.shares, 0.0), nets.starts)
    net = evaluate.reading_net(nets)
    producer = nets.producer[net]
    made = producer >= 0
    # A reader's own part: psi, or its share of what fetching costs.
    mine = np.where(made[:, None], certificate.messages, shares * costs.fixed[net])
    total, weight = costs.unary.copy(), np.abs(costs.unary)
    np.add.at(total, nets.readers, mine)
    np.add.at(weight, nets.readers, np.abs(mine))
    terms = np.bincount(nets.readers, minlength=len(problem.blocks)) + np.bincount(
        producer[made], minlength=len(problem.blocks)
    )
    entries = np.flatnonzero(made)
    for begin in range(0, len(entries), _CHUNK_ENTRIES):
        chunk = entries[begin : begin + _CHUNK_ENTRIES]
        size = nets.size_bytes[net[chunk]]
        answered = np.full((len(chunk), sites), np.inf)
        magnitude = np.zeros((len(chunk), sites))
        reachable = problem.allowed[nets.readers[chunk]]
        for site in range(sites):
            rows = np.flatnonzero(reachable[:, site])
            carried = (shares[chunk[rows], site] * size[rows])[:, None] * costs.price[:, site]
            psi = certificate.messages[chunk[rows], site][:, None]
            answered[rows] = np.minimum(answered[rows], carried - psi)
            magnitude[rows] = np.maximum(magnitude[rows], carried + np.abs(psi))
        np.add.at(total, producer[chunk], answered)
        np.add.at(weight, producer[chunk], magnitude)
    steps = 8 + 2 * (len(budget_prices) + 1)
    least = total - _CAUTION * (terms[:, None] + steps) * _EPSILON * weight
    parts = np.where(problem.allowed, least, np.inf).min(axis=1)
    bound = math.fsum([*parts.tolist(), -constant])
    return bound - 4 * _EPSILON * (abs(bound) + constant)


def _scaled(shares: Floats, starts: Integers) -> Floats:
    """Shares whose sums per net and site are at most 1, after rounding too."""
    if len(shares) == 0:
        return shares
    sums = np.add.reduceat(shares, starts[:-1], axis=0)
    count = np.diff(starts)
    ceiling = sums * (1 + (count[:, None] + 2) * _EPSILON)
    scaled: Floats = shares / np.repeat(np.where(ceiling > 1, ceiling, 1.0), count, axis=0)
    return scaled
