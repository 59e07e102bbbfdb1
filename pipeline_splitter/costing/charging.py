"""What a finished placement costs: every transfer, the four objectives, and when each task runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np

from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef
from moorage.sites import Inventory, ResolvedLink
from pipeline_splitter.costing.rates import BYTES_PER_GB, SECONDS_PER_HOUR, make_rates
from pipeline_splitter.costing.schedule import make_workload, schedule
from pipeline_splitter.costing.sources import NOWHERE, Origins, choose_origins
from pipeline_splitter.costing.tables import Table, tabulate
from pipeline_splitter.graph import Datum, Graph
from pipeline_splitter.plan import Transfer


@dataclass(frozen=True, slots=True)
class Charged:
    """The cost of a placement.

    Attributes:
        transfers: sorted by kind, key, origin, target.
        costs: all four objectives, in the order of `plan.OBJECTIVES`; sums are exact before the last rounding, so
            that they don't depend on any order.
        schedule: of each task, start and end in seconds.
    """

    transfers: tuple[Transfer, ...]
    costs: Mapping[str, float]
    schedule: Mapping[str, tuple[float, float]]


def charge(  # noqa: PLR0913, PLR0917 - these are the inputs of a plan; a record of them would say no more
    graph: Graph,
    site_of: Mapping[str, str],
    inventory: Inventory,
    datasets: Mapping[DatasetRef, Dataset],
    objectives: Sequence[str],
    kwh_per_gb: float,
    starts: Mapping[str, float] | None = None,
) -> Charged:
    """What a placement costs.

    Args:
        graph: the pipeline.
        site_of: the site of each task.
        inventory: all sites.
        datasets: where the copies are.
        objectives: the whole list: it decides from which copy a dataset is brought.
        kwh_per_gb: energy of the network.
        starts: when each task starts, as the objective `time` decided; None: the schedule that the placement has by
            definition (see `schedule`).

    Raises:
        InputError: a task reads a dataset without a copy at any listed site.
    """
    table, rates = tabulate(graph), make_rates(inventory, kwh_per_gb)
    origins = choose_origins(table, rates, inventory, datasets, objectives)
    transfers = _transfers(table, site_of, inventory, origins, kwh_per_gb)
    if starts is None:
        number = {name: index for index, name in enumerate(rates.sites)}
        workload = make_workload(table, rates, origins)
        begun, ended = schedule(workload, [number[site_of[name]] for name in table.tasks])
    else:
        begun = [starts[name] for name in table.tasks]
        ended = [
            starts[name] + graph.tasks[name].seconds / inventory.sites[site_of[name]].speed for name in table.tasks
        ]
    return Charged(
        transfers,
        {**_linear_costs(graph, site_of, inventory, transfers), "time": max(ended, default=0.0)},
        {name: (begun[index], ended[index]) for index, name in enumerate(table.tasks)},
    )


def _linear_costs(
    graph: Graph, site_of: Mapping[str, str], inventory: Inventory, transfers: Sequence[Transfer]
) -> dict[str, float]:
    money = [transfer.money for transfer in transfers]
    carbon = [transfer.carbon for transfer in transfers]
    for name, task in graph.tasks.items():
        site = inventory.sites[site_of[name]]
        hours = task.cpu_seconds / site.speed / SECONDS_PER_HOUR
        money.append(hours * site.cpu_hour_price)
        carbon.append(hours * (site.cpu_watts / 1000) * site.carbon_grams_per_kwh)
    return {"bytes": fsum(transfer.size_bytes for transfer in transfers), "money": fsum(money), "carbon": fsum(carbon)}


def _transfers(
    table: Table, site_of: Mapping[str, str], inventory: Inventory, origins: Origins, kwh_per_gb: float
) -> tuple[Transfer, ...]:
    """Each datum once to each site where a task reads it, unless it is made, or has a copy, there."""
    sites = sorted(inventory.sites)
    number = {name: index for index, name in enumerate(sites)}
    row = np.full(len(table.data), -1, dtype=np.int64)
    row[origins.data] = np.arange(len(origins.data))
    links: dict[tuple[str, str], ResolvedLink] = {}
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
            way = (origin, target)
            if way not in links:
                links[way] = inventory.link(origin, target)
            found.append(_transfer(datum, way, tuple(names), links[way], _grams(way, inventory, kwh_per_gb)))
    return tuple(sorted(found, key=lambda made: (made.kind.value, made.key, made.origin, made.target)))


def _transfer(
    datum: Datum, way: tuple[str, str], readers: tuple[str, ...], link: ResolvedLink, grams_per_gb: float
) -> Transfer:
    gigabytes = datum.size_bytes / BYTES_PER_GB
    return Transfer(
        kind=datum.kind,
        key=datum.key,
        origin=way[0],
        target=way[1],
        size_bytes=datum.size_bytes,
        seconds=link.seconds(datum.size_bytes),
        money=gigabytes * link.price_per_gb,
        carbon=gigabytes * grams_per_gb,
        readers=readers,
    )


def _grams(way: tuple[str, str], inventory: Inventory, kwh_per_gb: float) -> float:
    origin, target = inventory.sites[way[0]], inventory.sites[way[1]]
    return kwh_per_gb * (origin.carbon_grams_per_kwh + target.carbon_grams_per_kwh) / 2


def _origin(datum: Datum, reader: str, sites: Sequence[str], chosen: int) -> str:
    if chosen != NOWHERE:
        return sites[chosen]
    raise InputError(
        f"Dataset {datum.dataset}", "spec.sources", f"has no copy at a listed site, and task {reader} reads it"
    )
