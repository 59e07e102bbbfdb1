"""Incremental costs of a placement, as the annealing counts them move by move."""

from collections.abc import Sequence

import numpy as np

from pipeline_splitter.problem import Costs, Integers
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.makespan.network import Network
from pipeline_splitter.solving.makespan.state import Spending

_ROUNDING = 1e-10
"""Relative: sums of changes may exceed a limit by this; the exact sum is checked at the end, with more tolerance."""


def spending(network: Network, chosen: Integers, costs: Sequence[tuple[Costs, float]]) -> Spending:
    """Counts for a placement of blocks, with each cost's limit."""
    problem = network.problem.problem
    nets = problem.nets
    blocks, sites = problem.allowed.shape
    count = len(nets.size_bytes)
    net_of = evaluate.reading_net(nets)
    readers = np.zeros((count, sites + 1), dtype=np.int64)
    np.add.at(readers, (net_of, chosen[nets.readers]), 1)
    made = nets.producer >= 0
    readers[made, sites] = chosen[nets.producer[made]]
    by_reader = np.argsort(nets.readers, kind="stable")
    by_producer = np.argsort(nets.producer, kind="stable")
    by_producer = by_producer[nets.producer[by_producer] >= 0]
    every = np.arange(blocks + 1)
    return Spending(
        unary=np.array([each.unary for each, _ in costs], dtype=np.float64).reshape(-1, blocks, sites),
        price=np.array([each.price for each, _ in costs], dtype=np.float64).reshape(-1, sites, sites),
        fixed=np.array([each.fixed for each, _ in costs], dtype=np.float64).reshape(-1, count, sites),
        limit=np.array([limit + abs(limit) * _ROUNDING for _, limit in costs], dtype=np.float64),
        size_bytes=np.ascontiguousarray(nets.size_bytes, dtype=np.float64),
        producer=np.ascontiguousarray(nets.producer, dtype=np.int64),
        readers=readers,
        read_starts=np.searchsorted(nets.readers[by_reader], every).astype(np.int64),
        read=net_of[by_reader].astype(np.int64),
        write_starts=np.searchsorted(nets.producer[by_producer], every).astype(np.int64),
        write=by_producer.astype(np.int64),
        spent=np.array([evaluate.cost(each, nets, chosen) for each, _ in costs], dtype=np.float64),
    )
