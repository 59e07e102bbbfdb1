"""Cost accounting: every transfer of a finished placement, the value of every objective, and when each task runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np

from moorage.errors import InputError
from moorage.objectives import OBJECTIVES, TIME, Objective, Place, Way, linear, priced
from pipeline_splitter.costing.basis import Basis
from pipeline_splitter.costing.rates import SECONDS_PER_HOUR
from pipeline_splitter.costing.schedule import make_workload, schedule
from pipeline_splitter.costing.sources import NOWHERE
from pipeline_splitter.graph import Datum
from pipeline_splitter.plan import Transfer


@dataclass(frozen=True, slots=True)
class Charged:
    """The cost of a placement.

    Attributes:
        transfers: sorted by kind, key, origin, target.
        costs: by every objective, in the order of `OBJECTIVES`; sums are exact before the last rounding, so that they
            don't depend on any order.
        schedule: the schedule of each task, start and end in seconds.
    """

    transfers: tuple[Transfer, ...]
    costs: Mapping[str, float]
    schedule: Mapping[str, tuple[float, float]]


def charge(basis: Basis, site_of: Mapping[str, str], starts: Mapping[str, float] | None = None) -> Charged:
    """Charge a placement.

    Args:
        basis: the basis of the graph that is placed.
        site_of: the site of each task.
        starts: when each task starts, as the objective `time` decided; None: the schedule that the placement has by
            definition (see `schedule`).

    Raises:
        InputError: a task reads a dataset without a copy at any listed site.
    """
    graph, tasks, sites = basis.graph, basis.table.tasks, basis.terms.inventory.sites
    transfers = _transfers(basis, site_of)
    if starts is None:
        number = {name: index for index, name in enumerate(basis.rates.sites)}
        begun, ended = schedule(make_workload(basis), [number[site_of[name]] for name in tasks])
    else:
        begun = [starts[name] for name in tasks]
        ended = [starts[name] + graph.tasks[name].seconds / sites[site_of[name]].speed for name in tasks]
    sums = {each.name: _sum(each, basis, site_of, transfers) for each in linear()}
    makespan = max(ended, default=0.0)
    return Charged(
        tuple(made for made, _ in transfers),
        {name: makespan if each is TIME else sums[name] for name, each in OBJECTIVES.items()},
        {name: (begun[index], ended[index]) for index, name in enumerate(tasks)},
    )


def _sum(
    objective: Objective, basis: Basis, site_of: Mapping[str, str], transfers: Sequence[tuple[Transfer, Way]]
) -> float:
    """Return one linear objective: what computing costs, and what moving costs."""
    terms = [float(objective.moving(made.size_bytes, way)) for made, way in transfers]
    sites = basis.terms.inventory.sites
    places = {name: Place.of(site) for name, site in sites.items()}
    for name, task in basis.graph.tasks.items():
        hours = task.cpu_seconds / sites[site_of[name]].speed / SECONDS_PER_HOUR
        terms.append(objective.computing(hours, places[site_of[name]]))
    return fsum(terms)


def _transfers(basis: Basis, site_of: Mapping[str, str]) -> tuple[tuple[Transfer, Way], ...]:
    """Return the transfers: each datum once to each site where a task reads it and that does not have it."""
    table, origins, terms = basis.table, basis.origins, basis.terms
    sites = basis.rates.sites
    number = {name: index for index, name in enumerate(sites)}
    row = np.full(len(table.data), -1, dtype=np.int64)
    row[origins.data] = np.arange(len(origins.data))
    ways: dict[tuple[str, str], Way] = {}
    found = []
    bounds, readers = table.starts.tolist(), table.readers.tolist()
    for index, datum in enumerate(table.data):
        reading: dict[str, list[str]] = {}
        for task in readers[bounds[index] : bounds[index + 1]]:
            reading.setdefault(site_of[table.tasks[task]], []).append(table.tasks[task])
        for target, names in reading.items():
            if datum.producer is not None:
                origin = site_of[datum.producer]
            else:
                chosen = int(origins.site[row[index], number[target]])
                origin = _origin(datum, names[0], sites, chosen)
            if origin == target:
                continue
            ends = (origin, target)
            if ends not in ways:
                inventory = terms.inventory
                both = inventory.sites[origin], inventory.sites[target]
                ways[ends] = Way.between(*both, inventory.link(origin, target), terms.kwh_per_gb)
            found.append((_transfer(datum, ends, tuple(names), ways[ends]), ways[ends]))
    return tuple(sorted(found, key=lambda made: (made[0].kind.value, made[0].key, made[0].origin, made[0].target)))


def _transfer(datum: Datum, ends: tuple[str, str], readers: tuple[str, ...], way: Way) -> Transfer:
    return Transfer(
        kind=datum.kind,
        key=datum.key,
        origin=ends[0],
        target=ends[1],
        size_bytes=datum.size_bytes,
        seconds=TIME.moving(datum.size_bytes, way),
        costs={each.name: each.moving(datum.size_bytes, way) for each in priced()},
        readers=readers,
    )


def _origin(datum: Datum, reader: str, sites: Sequence[str], chosen: int) -> str:
    if chosen != NOWHERE:
        return sites[chosen]
    raise InputError(
        f"Dataset {datum.dataset}", "spec.sources", f"has no copy at a listed site, and task {reader} reads it"
    )
