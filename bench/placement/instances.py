"""Problems made of a workload and a world, as the semantics of a plan define the costs."""

import numpy as np

from bench.placement.workloads import Workload
from bench.placement.worlds import GB, KWH_PER_GB, WATTS, World
from pipeline_splitter.problem import Costs, Nets, Problem

OBJECTIVES = ("bytes", "money", "carbon")


def problem(workload: Workload, world: World, objective: str, quota_share: float | None = None) -> Problem:
    """Make one placement problem.

    Args:
        workload: the placed workload.
        world: where.
        objective: `bytes`, `money` or `carbon`.
        quota_share: each site but the haven may take so much of all CPU-hours (None: no quotas).
    """
    tasks, sites = len(workload.seconds), len(world.speed)
    hours = (workload.seconds * workload.cores)[:, None] / 3600 / world.speed
    grams = (world.grams_per_kwh[:, None] + world.grams_per_kwh[None, :]) / 2
    away = 1 - np.eye(sites)
    unary, price = {
        "bytes": (np.zeros((tasks, sites)), away),
        "money": (hours * world.cpu_hour_price, world.price_per_gb / GB),
        "carbon": (hours * WATTS / 1000 * world.grams_per_kwh, away * KWH_PER_GB * grams / GB),
    }[objective]
    sizes = workload.size_bytes * world.size_factor
    cheapest = np.where(world.copies[:, :, None], price[None, :, :], np.inf).min(axis=1)
    fixed = np.where((workload.producer < 0)[:, None], sizes[:, None] * cheapest, 0.0)
    quota = np.full(sites, np.inf)
    if quota_share is not None:
        quota[:] = quota_share * float(hours.mean(axis=1).sum())
        quota[world.haven] = np.inf
    pairs = np.stack([np.repeat(workload.producer, np.diff(workload.starts)), workload.readers], axis=1)
    edges = np.unique(np.concatenate([pairs[pairs[:, 0] >= 0], workload.order]), axis=0)
    return Problem(
        blocks=tuple(f"t{task:06d}" for task in range(tasks)),
        sites=tuple(f"s{site:03d}" for site in range(sites)),
        allowed=world.allowed,
        costs=Costs(unary, price, fixed),
        nets=Nets(workload.producer, sizes, workload.starts, workload.readers),
        cpu_hours=hours,
        quota_cpu_hours=quota,
        edges=edges[edges[:, 0] != edges[:, 1]],
    )
