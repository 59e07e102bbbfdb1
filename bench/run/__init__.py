"""The cost of running a pipeline across clusters: `python -m bench run`.

    overhead   a chain of tasks, split over two sites and in one group, and as bare pods, in turn
    in_flight  a hub with many runs in flight over twenty fake spokes: requests, memory, reaction
    counted    that process: the hub, and a count of the requests that it sends
    plans      what the generator puts into the world: runs whose plan is in force
    checks     what must hold of what was measured: pure
    stages     two control planes and an S3 server

`MOORAGE_BENCH_RUNS` (1,000), `MOORAGE_BENCH_ROUNDS` (3) and `MOORAGE_BENCH_TASKS` (6) make it smaller.
`MOORAGE_BENCH_PLANES=A,B` uses control planes that are up. It needs root: the nodes are played, and mount.
"""

import asyncio
import os
from collections.abc import Iterator

from bench.rows import Row
from bench.run.in_flight import measure_in_flight
from bench.run.overhead import measure_overhead
from bench.run.stages import benches

RUNS = int(os.environ.get("MOORAGE_BENCH_RUNS", "1000"))
ROUNDS = int(os.environ.get("MOORAGE_BENCH_ROUNDS", "3"))
TASKS = int(os.environ.get("MOORAGE_BENCH_TASKS", "6"))


def measure() -> Iterator[Row]:
    """Overhead of groups and tasks, then many runs in flight."""
    with benches() as bench:
        yield from asyncio.run(measure_overhead(bench, TASKS, ROUNDS))
        yield from asyncio.run(measure_in_flight(bench, RUNS))
