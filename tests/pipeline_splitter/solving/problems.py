"""Small random problems, and the answer that trying everything gives."""

import itertools
import math

import numpy as np
from hypothesis import strategies

from pipeline_splitter.problem import Budget, Costs, Limits, Nets, Problem
from pipeline_splitter.solving import evaluate

LIMITS = Limits(gap=1e-6, deadline=math.inf, clock=lambda: 0.0)


def drawn(seed: int, *, quota: bool = False, budget: bool = False) -> Problem:
    """A problem of up to six blocks and four sites; some prices are 0, some alike, some sites forbidden."""
    rng = np.random.default_rng(seed)
    blocks, sites, nets = int(rng.integers(2, 7)), int(rng.integers(1, 5)), int(rng.integers(1, 10))
    producer = rng.integers(-1, blocks - 1, nets)
    readers = [
        np.sort(rng.choice(np.arange(writer + 1, blocks), int(rng.integers(1, blocks - writer)), replace=False))
        for writer in producer.tolist()
    ]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in readers])]).astype(np.int64)
    size_bytes = rng.random(nets) * 3 * (rng.random(nets) < 0.9)
    flat = Nets(producer, size_bytes, starts, np.concatenate(readers).astype(np.int64))
    allowed = rng.random((blocks, sites)) < 0.8
    allowed[np.arange(blocks), rng.integers(0, sites, blocks)] = True
    hours = rng.random((blocks, sites))
    quotas = np.full(sites, np.inf)
    if quota:
        quotas[rng.integers(0, sites)] = blocks / 2 * rng.random()
    budgets: tuple[Budget, ...] = ()
    if budget:
        other = _costs(rng, blocks, sites, producer)
        anywhere = np.array([rng.choice(np.flatnonzero(row)) for row in allowed])
        budgets = (Budget(other, evaluate.cost(other, flat, anywhere)),)
    pairs = [(w, r) for w, each in zip(producer.tolist(), readers, strict=True) for r in each.tolist() if w >= 0]
    return Problem(
        blocks=tuple(f"b{block}" for block in range(blocks)),
        sites=tuple(f"s{site}" for site in range(sites)),
        allowed=allowed,
        costs=_costs(rng, blocks, sites, producer),
        nets=flat,
        cpu_hours=hours,
        quota_cpu_hours=quotas,
        edges=np.array(pairs, dtype=np.int64).reshape(-1, 2),
        budgets=budgets,
    )


def _costs(rng: np.random.Generator, blocks: int, sites: int, producer: np.ndarray) -> Costs:
    price = (
        np.ones((sites, sites))
        if rng.random() < 0.3
        else rng.random((sites, sites)) * rng.integers(0, 2, (sites, sites))
    )
    np.fill_diagonal(price, 0)
    fixed = np.where((producer < 0)[:, None], rng.random((len(producer), sites)) * 3, 0.0)
    return Costs(rng.random((blocks, sites)) * rng.integers(0, 2), price, fixed)


def optimum(problem: Problem) -> float:
    """The least cost of all placements that meet the constraints; infinite where none does."""
    best = math.inf
    for sites in itertools.product(*[np.flatnonzero(row).tolist() for row in problem.allowed]):
        placement = np.array(sites, dtype=np.int64)
        if evaluate.is_feasible(problem, placement):
            best = min(best, evaluate.cost(problem.costs, problem.nets, placement))
    return best


SEEDS = strategies.integers(0, 2**32 - 1)
