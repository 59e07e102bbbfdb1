"""Everything that the page knows, as one JSON value. Whatever repeats stands once, in a table, and is pointed at."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from moorage.model import DatasetRef, Governance
from moorage.objectives import BYTES, OBJECTIVES, Objective
from moorage.sites import Inventory
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Alternative, Denial, Group, Plan, Transfer
from pipeline_splitter.plan_json import write_governance_of_plan
from pipeline_splitter.report import sentences
from pipeline_splitter.report.comparison import Scenario
from pipeline_splitter.report.edges import Edge, Stock, connect
from pipeline_splitter.report.layout import arrange, order_lanes

Raw = dict[str, Any]
Place = tuple[int, int, int]
"""Column, row, and whether the column continues the one before."""
_MOST_STOCKS = 60
"""More data at rest than that would hide the tasks; the panels still name them."""


@dataclass
class Table:
    """Values that are pointed at by their index."""

    values: list[Any] = field(default_factory=list)
    _index: dict[Any, int] = field(default_factory=dict)

    def index(self, key: Hashable, make: Callable[[], Any] | None = None) -> int:
        """Return the value's index; `key` identifies it, and is the value itself without `make`."""
        if key not in self._index:
            self._index[key] = len(self.values)
            self.values.append(key if make is None else make())
        return self._index[key]


def gather(
    plan: Plan, graph: Graph, inventory: Inventory, comparison: Sequence[Scenario], warnings: Sequence[str]
) -> Raw:
    """Return the page's data."""
    edges, stocks = connect(plan, graph)
    if len(stocks) > _MOST_STOCKS:
        stocks = ()
    sites = _site_names(plan, inventory)
    site_index = {name: index for index, name in enumerate(sites)}
    numbers = {task.name: index for index, task in enumerate(plan.tasks)}
    numbers.update({stock.name: len(plan.tasks) + index for index, stock in enumerate(stocks)})
    drawn = [edge for edge in edges if edge.origin in numbers]
    sayings, denials, carried = Table(), Table(), Table()
    inner = _inner_places(plan, drawn)
    groups, stock_places = _outer_places(plan, drawn, stocks)
    along = _places_along(len(numbers), drawn, numbers)
    return {
        "name": plan.pipeline_name,
        "digest": plan.pipeline_digest,
        "headline": sentences.headline(plan),
        "proven": sentences.proven(plan),
        "assumed": sentences.assumed(plan),
        "cost": [
            {
                "objective": result.objective,
                "value": result.value,
                "bound": result.lower_bound,
                "gap": result.gap,
                "optimal": result.optimal,
                "certified": result.certified,
                "solver": result.solver,
                "proof": sentences.proof(result, plan.currency),
            }
            for result in plan.cost
        ],
        "costs": dict(plan.costs),
        "currency": plan.currency,
        "objectives": [_objective(each, plan.currency) for each in OBJECTIVES.values()],
        "sites": [_site(name, inventory) for name in sites],
        "tasks": [
            {
                "name": task.name,
                "title": task.title,
                "site": site_index[task.site],
                "start": task.start,
                "end": task.end,
                "why": sayings.index(task.reason),
                "at": inner[task.name],
                "along": along[numbers[task.name]],
                "carries": [
                    carried.index((ref, governance), partial(_carried, ref, governance))
                    for ref, governance in sorted(task.governance.items(), key=lambda item: item[0])
                ],
                "assumed": list(task.assumed),
                "inserted": task.inserted,
                "unit": task.name in graph.tasks and graph.tasks[task.name].is_unit,
                "elsewhere": [_elsewhere(alternative, site_index, denials) for alternative in task.alternatives],
            }
            for task in plan.tasks
        ],
        "groups": [_group(group, groups[index], numbers, site_index) for index, group in enumerate(plan.groups)],
        "stocks": [
            {
                "name": stock.datum.key,
                "dataset": str(stock.datum.dataset or ""),
                "bytes": stock.datum.size_bytes,
                "site": site_index[stock.site],
                "assumed": stock.datum.assumed,
                "at": place,
                "along": along[numbers[stock.name]],
            }
            for stock, place in zip(stocks, stock_places, strict=True)
        ],
        "edges": [
            [numbers[edge.origin], numbers[edge.target], edge.kind, edge.size_bytes, int(edge.shared)] for edge in drawn
        ],
        "transfers": [
            {
                "kind": transfer.kind.value,
                "what": transfer.key,
                "from": site_index[transfer.origin],
                "to": site_index[transfer.target],
                "bytes": transfer.size_bytes,
                "seconds": transfer.seconds,
                **transfer.costs,
                "readers": [numbers[name] for name in transfer.readers if name in numbers],
                "by": numbers.get(_producer(transfer, graph), -1),
                "assumed": transfer.key in graph.data and graph.data[transfer.key].assumed,
            }
            for transfer in plan.transfers
        ],
        "releases": [
            {
                "dataset": str(release.dataset),
                "release": release.release,
                "task": release.task,
                "datum": release.datum,
                "readers": list(release.readers),
            }
            for release in plan.releases
        ],
        "lanes": _lanes(sites, plan),
        "comparison": [
            {"name": other.name, "costs": None if other.costs is None else dict(other.costs), "reason": other.reason}
            for other in comparison
        ],
        "warnings": list(warnings),
        "sayings": sayings.values,
        "denials": denials.values,
        "carried": carried.values,
    }


def _site_names(plan: Plan, inventory: Inventory) -> list[str]:
    """Return sites with tasks first, then those that data come from, then the others; each by name."""
    working = {task.site for task in plan.tasks}
    giving = {transfer.origin for transfer in plan.transfers} - working
    others = set(inventory.sites) - working - giving
    others |= {alternative.site for task in plan.tasks for alternative in task.alternatives} - working - giving
    return [*sorted(working), *sorted(giving), *sorted(others)]


def _site(name: str, inventory: Inventory) -> Raw:
    site = inventory.sites.get(name)
    if site is None:
        return {"name": name}
    return {
        "name": name,
        "jurisdiction": site.jurisdiction,
        "clearance": site.clearance.word,
        "confidential": site.confidential_compute,
        "price": site.cpu_hour_price,
        "carbon": site.carbon_grams_per_kwh,
    }


def _objective(objective: Objective, currency: str) -> Raw:
    """Describe an objective for the page; `moves`: each transfer has a share of it."""
    return {
        "name": objective.name,
        "title": objective.title,
        "explained": objective.explained,
        "noun": objective.noun,
        "steps": list(objective.unit.steps),
        "smallSteps": list(objective.unit.small_steps),
        "duration": objective.unit.is_duration,
        "currency": currency if objective.unit.is_money else "",
        "moves": objective.is_linear,
        "priced": objective.is_linear and objective is not BYTES,
    }


def _elsewhere(alternative: Alternative, site_index: dict[str, int], denials: Table) -> list[Any]:
    """[site, what it would add] or [site, null, which refusal]."""
    site = site_index[alternative.site]
    if alternative.denied is None:
        return [site, alternative.cost_delta]
    denial = alternative.denied
    return [site, None, denials.index(denial, partial(_denied, denial))]


def _denied(denial: Denial) -> Raw:
    return {"rule": denial.rule, "dataset": str(denial.dataset or ""), "message": denial.message}


def _carried(ref: DatasetRef, governance: Governance) -> list[Any]:
    return [str(ref), next(iter(write_governance_of_plan({ref: governance}).values()))]


def _group(group: Group, place: Place, numbers: dict[str, int], site_index: dict[str, int]) -> Raw:
    return {
        "id": group.id,
        "site": site_index[group.site],
        "tasks": [numbers[name] for name in group.tasks],
        "after": list(group.after),
        "file": group.file,
        "imports": [[item.parameter, item.artifact or item.value or "", item.origin] for item in group.imports],
        "exports": [[item.output, item.artifact or item.value or ""] for item in group.exports],
        "at": place,
    }


def _producer(transfer: Transfer, graph: Graph) -> str:
    datum = graph.data.get(transfer.key)
    return (datum.producer if datum else None) or ""


def _lanes(sites: Sequence[str], plan: Plan) -> tuple[int, ...]:
    """Return the order in which sites lie below each other."""
    index = {name: number for number, name in enumerate(sites)}
    weights: dict[tuple[int, int], float] = {}
    for transfer in plan.transfers:
        pair = (index[transfer.origin], index[transfer.target])
        weights[pair] = weights.get(pair, 0.0) + 1
    return order_lanes(len(sites), weights)


def _places_along(count: int, edges: Sequence[Edge], numbers: dict[str, int]) -> list[Place]:
    """Column and row of every node, whatever its group."""
    placed = arrange(count, [(numbers[edge.origin], numbers[edge.target]) for edge in edges], most_rows=count or None)
    return placed.places()


def _inner_places(plan: Plan, edges: Sequence[Edge]) -> dict[str, Place]:
    """Column and row of each task inside its group."""
    group_of = {name: group.id for group in plan.groups for name in group.tasks}
    inside: dict[str, list[Edge]] = {group.id: [] for group in plan.groups}
    for edge in edges:
        home = group_of.get(edge.origin)
        if home is not None and home == group_of.get(edge.target):
            inside[home].append(edge)
    places = {task.name: (0, 0, 0) for task in plan.tasks}
    for group in plan.groups:
        index = {name: number for number, name in enumerate(group.tasks)}
        placed = arrange(len(group.tasks), [(index[edge.origin], index[edge.target]) for edge in inside[group.id]])
        places.update(zip(group.tasks, placed.places(), strict=True))
    return places


def _outer_places(plan: Plan, edges: Sequence[Edge], stocks: Sequence[Stock]) -> tuple[list[Place], list[Place]]:
    """Column and row of each group, and of each datum at rest."""
    index = {name: number for number, group in enumerate(plan.groups) for name in group.tasks}
    index.update({stock.name: len(plan.groups) + number for number, stock in enumerate(stocks)})
    between = [
        (index[edge.origin], index[edge.target]) for edge in edges if edge.origin in index and edge.target in index
    ]
    count = len(plan.groups) + len(stocks)
    placed = arrange(count, between, most_rows=count if count <= _MOST_STOCKS else None)
    places = placed.places()
    return places[: len(plan.groups)], places[len(plan.groups) :]
