"""The costs of a placement, word for word from the definition, slowly."""

from collections.abc import Sequence
from itertools import count

from tests.pipeline_splitter.scenes import KWH_PER_GB, Scene

Brought = tuple[str, str, str, float]
"""Key, origin, target, bytes."""


def link_terms(scene: Scene, origin: str, target: str, size_bytes: float) -> dict[str, float]:
    """One transfer, by each objective."""
    link = scene.inventory.link(origin, target)
    ends = [scene.inventory.sites[name].carbon_grams_per_kwh for name in (origin, target)]
    return {
        "bytes": size_bytes,
        "money": size_bytes / 1e9 * link.price_per_gb,
        "carbon": size_bytes / 1e9 * KWH_PER_GB * sum(ends) / 2,
        "time": link.latency_seconds + size_bytes / link.bytes_per_second,
    }


def origin_of(scene: Scene, key: str, target: str, objectives: Sequence[str]) -> str:
    """Where a datum comes from."""
    datum = scene.graph.data[key]
    if datum.producer is not None:
        return scene.site_of[datum.producer]
    assert datum.dataset is not None
    sites = {source.site for source in scene.inventory.sources(scene.datasets[datum.dataset])}
    if target in sites:
        return target

    def rank(site: str) -> tuple[object, ...]:
        terms = link_terms(scene, site, target, datum.size_bytes)
        return (*(terms[objective] for objective in objectives), site)

    return min(sites, key=rank)


def brought(scene: Scene, objectives: Sequence[str]) -> set[Brought]:
    """X: every transfer, once."""
    found = set()
    for name, task in scene.graph.tasks.items():
        for key in task.reads:
            origin = origin_of(scene, key, scene.site_of[name], objectives)
            if origin != scene.site_of[name]:
                found.add((key, origin, scene.site_of[name], scene.graph.data[key].size_bytes))
    return found


def linear_costs(scene: Scene, objectives: Sequence[str]) -> dict[str, float]:
    """The three sums."""
    costs = dict.fromkeys(("bytes", "money", "carbon"), 0.0)
    for name, task in scene.graph.tasks.items():
        site = scene.inventory.sites[scene.site_of[name]]
        hours = task.cpu_seconds / site.speed / 3600
        costs["money"] += hours * site.cpu_hour_price
        costs["carbon"] += hours * site.cpu_watts / 1000 * site.carbon_grams_per_kwh
    for _, origin, target, size_bytes in brought(scene, objectives):
        terms = link_terms(scene, origin, target, size_bytes)
        for objective in costs:
            costs[objective] += terms[objective]
    return costs


def schedule(scene: Scene, objectives: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Start and end of each task: the smallest-named that can be taken, in the slot that is free first."""
    edges = scene.graph.edges()
    free = {
        name: [0.0] * (site.slots if site.slots is not None else len(scene.graph.tasks))
        for name, site in scene.inventory.sites.items()
    }
    taken: dict[str, tuple[float, float]] = {}
    while len(taken) < len(scene.graph.tasks):
        name = min(
            name
            for name in scene.graph.tasks
            if name not in taken and all(earlier in taken for earlier, later in edges if later == name)
        )
        site = scene.site_of[name]
        arrivals = [taken[earlier][1] for earlier, later in edges if later == name]
        for key in scene.graph.tasks[name].reads:
            datum, origin = scene.graph.data[key], origin_of(scene, key, site, objectives)
            begun = 0.0 if datum.producer is None else taken[datum.producer][1]
            crossing = 0.0 if origin == site else link_terms(scene, origin, site, datum.size_bytes)["time"]
            arrivals.append(begun + crossing)
        slot = min(zip(free[site], count(), strict=False))[1]
        start = max(free[site][slot], *arrivals, 0.0)
        end = start + scene.graph.tasks[name].seconds / scene.inventory.sites[site].speed
        free[site][slot] = end
        taken[name] = (start, end)
    return taken
