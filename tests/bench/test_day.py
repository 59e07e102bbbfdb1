"""The simulated day: what it takes for granted of itself."""

import random

import pytest

from bench.day.cluster import Cluster
from bench.day.copies import Copies
from bench.day.foresight import Foresight
from bench.day.placing import WEIGHT, LocalityPlacing, SpreadingPlacing
from bench.day.running import Caching, Moved, run
from bench.day.worlds import SLOTS, World, draw
from moorage.locality.scoring import prioritize
from moorage.locality.snapshot import Snapshot, request_for
from moorage.model import SITE_LABEL, CachedDataset, Dataset, Node, NodeCache


@pytest.fixture(scope="module")
def world() -> World:
    """A small day."""
    return draw(60, seed=3)


def test_the_choice_is_one_that_the_extender_and_the_scheduler_would_make(world: World) -> None:
    """Asked about every node, with the product's own answer, whoever holds what and whatever is free."""
    chance = random.Random(5)  # noqa: S311 - the same each time
    cluster = Cluster(world.nodes_of, chance)
    copies = Copies(world, cluster.site_of)
    for node in list(cluster.free):
        for _ in range(chance.randrange(SLOTS + 1)):
            cluster.take(node)
    datasets = list(world.datasets.values())
    for _ in range(150):
        copies.begin(chance.choice(list(cluster.free)), chance.choice(datasets), now=0.0)
    for now in (5.0, 50.0, 1e5):
        for dataset in datasets:
            chosen = LocalityPlacing(world).place(dataset, cluster, copies, now)
            assert chosen is not None
            points = all_points(dataset, world, cluster, copies, now)
            assert points[chosen] == max(points.values())


def all_points(dataset: Dataset, world: World, cluster: Cluster, copies: Copies, now: float) -> dict[str, float]:
    """What each node that is not full is worth: the extender's score, and how much of it is free."""
    held = copies.index(dataset.ref, now).bytes_by_node
    snapshot = Snapshot.of(
        datasets=[dataset],
        sites=world.inventory.sites.values(),
        nodes=[Node(node, {SITE_LABEL: site}) for node, site in cluster.site_of.items()],
        caches=[
            NodeCache(node, (CachedDataset(ref, dataset.status.version or "", size_bytes),))
            for (node, ref), size_bytes in held.items()
        ],
        purposes={"steward": None},
    )
    free = [node for node, slots in cluster.free.items() if slots]
    scored = prioritize(request_for("steward", "default", None, [dataset.ref], snapshot), free, snapshot)
    return {node: scored[node] * WEIGHT * 10 + 100 * (cluster.free[node] - 1) / SLOTS for node in free}


def test_a_day_is_the_same_each_time_and_every_pod_runs(world: World) -> None:
    """By its seed alone."""
    first, again = (run(world, LocalityPlacing(world), Caching.AUTO) for _ in range(2))
    assert first == again
    assert first.pods == world.pods
    assert draw(60, seed=4).jobs != world.jobs


def test_without_copies_every_read_moves_all_of_it(world: World) -> None:
    """Nothing is lost between the sites and within them."""
    moved = run(world, SpreadingPlacing(), Caching.NONE)
    read = sum(job.pods * job.reads * (world.datasets[job.dataset].status.size_bytes or 0) for job in world.jobs)
    assert moved.far_bytes + moved.near_bytes == read


def test_who_knows_the_day_moves_less(world: World) -> None:
    """Than scores, and they less than the scheduler alone."""

    def far(moved: Moved) -> int:
        return moved.far_bytes

    foreseen = run(world, Foresight.of(world), Caching.FORESEEN)
    scored = run(world, LocalityPlacing(world), Caching.AUTO)
    spread = run(world, SpreadingPlacing(), Caching.NONE)
    assert far(foreseen) < far(scored) < far(spread)
