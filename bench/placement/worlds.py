"""Sites, links, prices, carbon, and where input data lie: a world, drawn by seed.

What is drawn (s sites):

- **Jurisdictions**: three regions; each site lies in one, at random.
- **Sites**: CPU-hour 0.02 to 0.10; 20 to 700 g/kWh; speed 0.7 to 1.5; 12 W per core.
- **Links**: within a region 0 to 0.02 per GB, to another 0.02 to 0.12, each direction for itself.
- **Input files**: each is a dataset with a copy at one site, one in four with another copy elsewhere.
- **Rules**: one dataset in five is governed, by one of three rules of this world: residency in the region of the
  *haven* (a site that may have everything), clearance (haven and, at even odds, each other site), or a list of sites
  (haven and a third of the others). Rules flow along files to all that is made of them; a task that reads a governed
  file releases it, with odds of a fifth (a declared transform): its outputs are free of it.
- **Hardware**: one task in twenty needs an accelerator, which two sites in five (and the haven) have; one in fifty is
  pinned to a site that the rules permit.
- **Scale**: sizes are multiplied so that moving every file once costs `traffic` times what all computing does, at mean
  prices; `traffic` is 0.3, 1 or 3, by seed. (Recorded files are small beside recorded seconds at cloud prices: without
  that, every task would just go to the cheapest site.)
"""

# ruff: noqa: PLR2004
# The docstring of the function or module that draws says what is drawn, and with which odds.

from dataclasses import dataclass

import numpy as np

from bench.placement.workloads import Workload
from pipeline_splitter.problem import Flags, Floats, Integers

KWH_PER_GB = 0.03
GB = 1e9
WATTS = 12.0


@dataclass(frozen=True)
class World:
    """A drawn world for one workload; shapes as in `problem`."""

    region: Integers
    cpu_hour_price: Floats
    grams_per_kwh: Floats
    speed: Floats
    price_per_gb: Floats
    copies: Flags
    """(m, s): where an input file has a copy; no row matters for files that a task writes."""
    allowed: Flags
    size_factor: float
    haven: int


def draw(workload: Workload, sites: int, seed: int) -> World:
    """Return the world of a seed for a workload."""
    rng = np.random.default_rng([seed, sites, len(workload.seconds), len(workload.readers)])
    tasks = len(workload.seconds)
    files = len(workload.size_bytes)
    region = rng.integers(0, 3, sites)
    cpu_hour_price = rng.uniform(0.02, 0.10, sites)
    grams_per_kwh = rng.uniform(20, 700, sites)
    speed = rng.uniform(0.7, 1.5, sites)
    near = region[:, None] == region[None, :]
    price_per_gb = np.where(near, rng.uniform(0, 0.02, (sites, sites)), rng.uniform(0.02, 0.12, (sites, sites)))
    np.fill_diagonal(price_per_gb, 0.0)
    copies = np.zeros((files, sites), dtype=bool)
    copies[np.arange(files), rng.integers(0, sites, files)] = True
    second = rng.random(files) < 0.25
    copies[np.flatnonzero(second), rng.integers(0, sites, int(second.sum()))] = True

    haven = int(rng.integers(0, sites))
    rules = np.stack([region == region[haven], rng.random(sites) < 0.5, rng.random(sites) < 1 / 3])
    rules[:, haven] = True
    allowed = _carried(workload, rules, rng)
    equipped = rng.random(sites) < 0.4
    equipped[haven] = True
    allowed[rng.random(tasks) < 0.05] &= equipped
    for task in np.flatnonzero(rng.random(tasks) < 0.02).tolist():
        pinned = int(rng.choice(np.flatnonzero(allowed[task])))
        allowed[task] = False
        allowed[task, pinned] = True

    traffic = float((0.3, 1.0, 3.0)[seed % 3])
    computing = float((workload.seconds * workload.cores).sum()) / 3600 * float((cpu_hour_price / speed).mean())
    moving = float(workload.size_bytes.sum()) / GB * float(price_per_gb.mean())
    return World(
        region=region,
        cpu_hour_price=cpu_hour_price,
        grams_per_kwh=grams_per_kwh,
        speed=speed,
        price_per_gb=price_per_gb,
        copies=copies,
        allowed=allowed,
        size_factor=traffic * computing / moving if moving > 0 and computing > 0 else 1.0,
        haven=haven,
    )


def _carried(workload: Workload, rules: Flags, rng: np.random.Generator) -> Flags:
    """Compute where each task may run, with rules carried along files and dropped by releases."""
    tasks = len(workload.seconds)
    files = len(workload.size_bytes)
    rule_of = np.where((workload.producer < 0) & (rng.random(files) < 0.2), rng.integers(0, len(rules), files), -1)
    releasing = rng.random(tasks) < 0.2
    carried = np.zeros((tasks, len(rules)), dtype=bool)
    reads: list[list[int]] = [[] for _ in range(tasks)]
    for file in range(files):
        for reader in workload.readers[workload.starts[file] : workload.starts[file + 1]].tolist():
            reads[reader].append(file)
    for task in in_order(workload):
        for file in reads[task]:
            writer = int(workload.producer[file])
            if writer < 0:
                if rule_of[file] >= 0:
                    carried[task, rule_of[file]] = True
            elif not releasing[writer]:
                carried[task] |= carried[writer]
    return np.array([rules[row].all(axis=0) for row in carried])


def in_order(workload: Workload) -> list[int]:
    """Return tasks, writers before readers."""
    tasks = len(workload.seconds)
    later: list[set[int]] = [set() for _ in range(tasks)]
    for file, writer in enumerate(workload.producer.tolist()):
        if writer >= 0:
            later[writer].update(workload.readers[workload.starts[file] : workload.starts[file + 1]].tolist())
    for earlier, after in workload.order.tolist():
        later[earlier].add(after)
    waits = [0] * tasks
    for followers in later:
        for after in followers:
            waits[after] += 1
    ready = [task for task in range(tasks) if waits[task] == 0]
    order: list[int] = []
    for task in ready:
        order.append(task)
        for after in sorted(later[task]):
            waits[after] -= 1
            if waits[after] == 0:
                ready.append(after)
    return order
