"""Baselines: what other placements of the graph would cost: one site, data gravity, each single objective."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from moorage.objectives import OBJECTIVES, TIME
from pipeline_splitter.costing import Basis, charge
from pipeline_splitter.graph import Graph
from pipeline_splitter.ordering import topological_order
from pipeline_splitter.planning.placing import Prepared, Stage, place
from pipeline_splitter.planning.request import Request
from pipeline_splitter.problem import Limits
from pipeline_splitter.report.comparison import Scenario

_MOST_SITES = 10
"""More rows would hide the others."""
_ENOUGH_GAP = 1e-3
"""A comparison is shown with three digits."""


def compare(
    prepared: Prepared, basis: Basis, request: Request, limits: Limits, planned: Mapping[str, float]
) -> tuple[Scenario, ...]:
    """Return the scenarios, for the graph that was planned (with the releases that the plan inserted).

    `planned`: what the plan itself costs, by every objective.
    """
    return (
        *_one_site(prepared, basis, request),
        _by_gravity(prepared, basis, request),
        *(_single(prepared, basis, objective, request, limits, planned) for objective in OBJECTIVES),
    )


def _scenario(name: str, basis: Basis, site_of: Mapping[str, str]) -> Scenario:
    return Scenario(name, charge(basis, site_of).costs)


def _one_site(prepared: Prepared, basis: Basis, request: Request) -> Iterator[Scenario]:
    """Yield all at one site, for each of the first few by cost; where a site may not have all, the first reason."""
    tasks = sorted(prepared.graph.tasks)
    for site in sorted(request.inventory.sites)[:_MOST_SITES]:
        denial = next((found for task in tasks if (found := prepared.permits[task][site]) is not None), None)
        if denial is None:
            yield _scenario(f"all at {site}", basis, dict.fromkeys(tasks, site))
        else:
            task = next(task for task in tasks if prepared.permits[task][site] is denial)
            yield Scenario(f"all at {site}", None, f"{task}: {denial.message}")


def _by_gravity(prepared: Prepared, basis: Basis, request: Request) -> Scenario:
    """Place each task, in order, at the permitted site that holds most of its biggest input."""
    name = "each where its biggest input is"
    graph = prepared.graph
    site_of: dict[str, str] = {}
    for members in _topological(prepared):
        open_sites = set(request.inventory.sites)
        for task in members:
            open_sites &= prepared.permitted[task]
        if not open_sites:
            return Scenario(name, None, f"no site may have {members[0]}")
        site = _pull(graph, members, site_of, open_sites, request)
        site_of.update(dict.fromkeys(members, site))
    return _scenario(name, basis, site_of)


def _pull(
    graph: Graph, members: tuple[str, ...], site_of: Mapping[str, str], open_sites: set[str], request: Request
) -> str:
    inputs = sorted({key for task in members for key in graph.tasks[task].reads})
    for key in sorted(inputs, key=lambda key: (-graph.data[key].size_bytes, key)):
        datum = graph.data[key]
        if datum.producer is not None:
            holders = {site_of[datum.producer]} if datum.producer in site_of else set()
        else:
            dataset = request.datasets.get(datum.dataset) if datum.dataset else None
            holders = {source.site for source in request.inventory.sources(dataset)} if dataset else set()
        if near := holders & open_sites:
            return min(near)
    return min(open_sites, key=lambda site: (request.inventory.sites[site].cpu_hour_price, site))


def _topological(prepared: Prepared) -> list[tuple[str, ...]]:
    blocks = prepared.blocks
    between = {(blocks.of[before], blocks.of[after]) for before, after in prepared.graph.edges()}
    edges = [pair for pair in between if pair[0] != pair[1]]
    return [blocks.members[index] for index in topological_order(len(blocks.members), edges)]


def _single(  # noqa: PLR0913, PLR0917 - what is compared, with what, and how long
    prepared: Prepared,
    basis: Basis,
    objective: str,
    request: Request,
    limits: Limits,
    planned: Mapping[str, float],
) -> Scenario:
    name = f"only {objective} counts"
    if request.objectives == (objective,):
        return Scenario(name, planned)
    if limits.clock() >= limits.deadline:
        return Scenario(name, None, "not computed: the time limit was reached")
    placed = place(prepared, Stage((objective,)), request, replace(limits, gap=_ENOUGH_GAP))
    if placed.site_of is None:
        return Scenario(name, None, "nothing was found in time")
    scenario = _scenario(name, basis, placed.site_of)
    if placed.starts is None or scenario.costs is None:
        return scenario
    return Scenario(name, {**scenario.costs, TIME.name: placed.value}, "")
