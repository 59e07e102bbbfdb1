"""A day of pods that read datasets, simulated: `python -m bench day`. Seconds are counted, not waited for.

The bytes that placement moves between sites: by kube-scheduler alone, with our extender's score, and by a plan that was
made with the whole day known. Scores, fills and evictions are the product's own functions (`moorage.locality`).

    worlds     what is drawn, by seed: sites, datasets, jobs (pure)
    cluster    free slots of nodes
    copies     what nodes hold, and what they are copying
    placing    which node a pod goes to
    foresight  a plan for the day by somebody who knows it
    running    the day, event by event

`MOORAGE_BENCH_NODES` (2,000) makes it larger or smaller: 10,000 take ten minutes. `MOORAGE_BENCH_SEED` draws another
day.
"""

import os
import time
from collections.abc import Callable, Iterator

from bench.day.foresight import Foresight
from bench.day.placing import LocalityPlacing, Placing, SpreadingPlacing
from bench.day.running import Caching, Moved, run
from bench.day.worlds import draw
from bench.rows import Row

NODES = int(os.environ.get("MOORAGE_BENCH_NODES", "2000"))
SEED = int(os.environ.get("MOORAGE_BENCH_SEED", "1"))


def measure(nodes: int = NODES, seed: int = SEED) -> Iterator[Row]:
    """Measure bytes between sites, beside those of a placement that knows the day."""
    world = draw(nodes, seed)
    plan = Foresight.of(world)
    foreseen = run(world, plan, Caching.FORESEEN)
    ways: list[tuple[str, Callable[[], Placing], Caching]] = [
        ("default placement, no caches", SpreadingPlacing, Caching.NONE),
        ("default placement, caches", SpreadingPlacing, Caching.AUTO),
        ("our scores, no caches", lambda: LocalityPlacing(world), Caching.NONE),
        ("our scores, caches, each node counting its own reads", lambda: LocalityPlacing(world), Caching.ALONE),
        ("our scores, caches", lambda: LocalityPlacing(world), Caching.AUTO),
        ("our scores, pods ask for copies", lambda: LocalityPlacing(world), Caching.ASKED),
    ]
    default: Moved | None = None
    for words, placing, caching in ways:
        began = time.perf_counter()
        moved = run(world, placing(), caching)
        seconds = time.perf_counter() - began
        default = default or moved
        ratio = moved.far_bytes / foreseen.far_bytes
        yield Row(
            f"Day of {nodes:,} nodes, {world.pods:,} pods: {words}",
            f"{moved.far_bytes / 1e15:.2f} PB between sites ({moved.far_bytes / default.far_bytes:.2f} of the first), "
            f"{moved.near_bytes / 1e15:.2f} PB within; pods read {moved.read_seconds / moved.pods:,.0f} s on average",
            f"who knows the day {foreseen.far_bytes / 1e15:.2f} PB ({ratio:.2f}x), "
            f"{foreseen.read_seconds / foreseen.pods:,.0f} s; simulated in {seconds:.0f} s",
        )
