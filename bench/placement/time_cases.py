"""The objective `time` with slots: problems of workloads and worlds, and what the solver reaches within a minute.

What a case adds to a world (s sites): links of 1.25e9 B/s and 2 ms within a region, of 50 to 250 MB/s and 50 to 150 ms
to another one; 4 to 16 slots at each site. Sizes are multiplied so that moving every file once over a mean link takes
`traffic` times the seconds of all tasks (the ratio of communication to computing).
"""

import time
from dataclasses import dataclass

import numpy as np

from bench.placement import instances, workloads, worlds
from pipeline_splitter.problem import Floats, Integers, Limits, TimeProblem
from pipeline_splitter.solving.makespan import solve_time

SECONDS = 60.0


@dataclass(frozen=True)
class Links:
    """The links and slots of a world; (s, s), diagonals free."""

    latency_seconds: Floats
    bytes_per_second: Floats
    slots: Integers


def links(world: worlds.World, seed: int) -> Links:
    """Draws what `time` needs besides."""
    sites = len(world.speed)
    rng = np.random.default_rng([seed, sites, 7])
    near = world.region[:, None] == world.region[None, :]
    latency = np.where(near, 0.002, rng.uniform(0.05, 0.15, (sites, sites)))
    bandwidth = np.where(near, 1.25e9, rng.uniform(50e6, 250e6, (sites, sites)))
    np.fill_diagonal(latency, 0.0)
    np.fill_diagonal(bandwidth, np.inf)
    return Links(latency, bandwidth, rng.integers(4, 17, sites))


def time_problem(workload: workloads.Workload, world: worlds.World, drawn: Links, traffic: float) -> TimeProblem:
    """Return the problem of a workload in a world."""
    tasks, sites = len(workload.seconds), len(world.speed)
    away = drawn.bytes_per_second[~np.eye(sites, dtype=bool)]
    moving = float(workload.size_bytes.sum()) * float((1 / away).mean()) if sites > 1 else 0.0
    sizes = workload.size_bytes * (traffic * float(workload.seconds.sum()) / moving if moving > 0 else 1.0)
    delay = drawn.latency_seconds + sizes[:, None, None] / drawn.bytes_per_second
    delay[:, np.arange(sites), np.arange(sites)] = 0.0
    fetch = np.where(world.copies[:, :, None], delay, np.inf).min(axis=1)
    return TimeProblem(
        problem=instances.problem(workload, world, "money"),
        tasks=tuple(f"t{task:06d}" for task in range(tasks)),
        block_of=np.arange(tasks),
        seconds=workload.seconds[:, None] / world.speed,
        slots=drawn.slots,
        producer=workload.producer,
        starts=workload.starts,
        readers=workload.readers,
        delay=delay,
        fixed_delay=np.where((workload.producer < 0)[:, None], fetch, 0.0),
        order=workload.order,
    )


def cases(*, quick: bool) -> list[tuple[str, TimeProblem]]:
    """Generated and recorded problems of about 1,000 tasks on 10 sites (quick: 100 on 5)."""
    tasks, sites = (100, 5) if quick else (1000, 10)
    recorded = [workloads.read(path) for path in workloads.recorded_paths()]
    near = sorted(recorded, key=lambda each: (abs(len(each.seconds) - tasks), each.name))[: 1 if quick else 3]
    drawn: list[tuple[str, TimeProblem]] = []
    for workload in (workloads.layered(tasks, 0), *near):
        for seed, traffic in enumerate((0.1, 0.3, 1.0)):
            world = worlds.draw(workload, sites, seed)
            name = f"{workload.name}, {sites} sites, traffic {traffic:g}"
            drawn.append((name, time_problem(workload, world, links(world, seed), traffic)))
    return drawn


def run(quick: bool) -> list[dict[str, str | float]]:  # noqa: FBT001  # what the runner calls
    """Solves each case; one row each: case, value, bound, gap, seconds, solver."""
    rows: list[dict[str, str | float]] = []
    for name, problem in cases(quick=quick):
        begun = time.monotonic()
        limits = Limits(gap=1e-6, deadline=begun + (5.0 if quick else SECONDS), clock=time.monotonic)
        found = solve_time(problem, limits)
        rows.append(
            {
                "case": name,
                "value": found.value,
                "bound": found.lower_bound,
                "gap": (found.value - found.lower_bound) / found.value if found.value > 0 else 0.0,
                "seconds": time.monotonic() - begun,
                "solver": found.solver,
            }
        )
    return rows
