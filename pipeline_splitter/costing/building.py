"""Makes of a pipeline and an inventory what a solver is asked: flat arrays, for the cost of one objective of a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moorage.model import Dataset, DatasetRef
from moorage.sites import Inventory
from pipeline_splitter.blocks import Blocks
from pipeline_splitter.costing.rates import LINEAR_OBJECTIVES, Rates, make_rates
from pipeline_splitter.costing.sources import Origins, choose_origins
from pipeline_splitter.costing.tables import Table, distinct_pairs, largest_reads, tabulate
from pipeline_splitter.graph import Graph
from pipeline_splitter.problem import Budget, Costs, Flags, Floats, Integers, Nets, Problem, TimeProblem


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What every array of a problem is made from."""

    table: Table
    rates: Rates
    origins: Origins
    blocks: Blocks
    block_of: Integers
    """(t,) block of each task."""


def build_problem(  # noqa: PLR0913, PLR0917 - these are the inputs of a plan; a record of them would say no more
    graph: Graph,
    blocks: Blocks,
    permitted: Mapping[str, frozenset[str]],
    inventory: Inventory,
    datasets: Mapping[DatasetRef, Dataset],
    objectives: Sequence[str],
    kwh_per_gb: float,
    budgets: Sequence[tuple[str, float]] = (),
) -> Problem:
    """What it costs, by the last of `objectives`, to put each block at each site.

    Args:
        graph: the pipeline.
        blocks: what shares one site.
        permitted: sites of each task; a block may be where all its members may.
        inventory: all sites.
        datasets: where the copies are.
        objectives: the whole list up to now: it decides from which copy a dataset is brought.
        kwh_per_gb: energy of the network.
        budgets: linear objectives, each with what its cost may not exceed.

    Raises:
        ValueError: the last objective, or a budget's, is not linear.
    """
    made = gather(graph, blocks, inventory, datasets, objectives, kwh_per_gb)
    return _problem(made, permitted, objectives[-1], budgets)


def build_time_problem(  # noqa: PLR0913, PLR0917 - as above
    graph: Graph,
    blocks: Blocks,
    permitted: Mapping[str, frozenset[str]],
    inventory: Inventory,
    datasets: Mapping[DatasetRef, Dataset],
    objectives: Sequence[str],
    kwh_per_gb: float,
    budgets: Sequence[tuple[str, float]] = (),
) -> TimeProblem:
    """When everything can start, for the objective `time`, or for a linear one within an earlier `time`.

    The costs of its `problem` are those of the last objective; all zero where that is `time` itself. Of several data
    that one task reads of another only the largest is listed: the others arrive no later. An order edge between two
    tasks that data join already is left out.
    """
    made = gather(graph, blocks, inventory, datasets, objectives, kwh_per_gb)
    table, rates = made.table, made.rates
    datum, reader = largest_reads(table)
    outside = np.isin(table.datum_of_entry, made.origins.data)
    datum = np.concatenate((datum, table.datum_of_entry[outside]))
    reader = np.concatenate((reader, table.readers[outside]))
    by_datum = np.lexsort((reader, datum))
    data, counts = np.unique(datum, return_counts=True)
    fixed = np.zeros((len(table.data), len(rates.sites)))
    fixed[made.origins.data] = made.origins.costs("time", table, rates)
    size, sites = table.size_bytes[data], np.arange(len(rates.sites))
    delay = rates.moving("time", size[:, None, None], sites[None, :, None], sites[None, None, :])
    delay[table.producer[data] < 0] = 0.0
    return TimeProblem(
        problem=_problem(made, permitted, objectives[-1], budgets),
        tasks=table.tasks,
        block_of=made.block_of,
        seconds=table.seconds[:, None] / rates.speed,
        slots=rates.slots,
        producer=table.producer[data],
        starts=_starts(counts),
        readers=reader[by_datum],
        delay=delay,
        fixed_delay=fixed[data],
        order=order_only(table),
    )


def gather(  # noqa: PLR0913, PLR0917 - as above
    graph: Graph,
    blocks: Blocks,
    inventory: Inventory,
    datasets: Mapping[DatasetRef, Dataset],
    objectives: Sequence[str],
    kwh_per_gb: float,
) -> Ingredients:
    """The arrays that everything else here is computed from."""
    table, rates = tabulate(graph), make_rates(inventory, kwh_per_gb)
    origins = choose_origins(table, rates, inventory, datasets, objectives)
    block_of = np.array([blocks.of[name] for name in table.tasks], dtype=np.int64)
    return Ingredients(table, rates, origins, blocks, block_of)


def make_nets(made: Ingredients) -> tuple[Nets, Integers]:
    """Who reads what, block by block, and the datum of each net. What stays inside a block is no net."""
    table, count = made.table, len(made.blocks.members)
    written = table.producer >= 0
    producer = np.full(len(table.data), -1, dtype=np.int64)
    producer[written] = made.block_of[table.producer[written]]
    datum = table.datum_of_entry
    reader = made.block_of[table.readers]
    outside = reader != producer[datum]
    codes = np.unique(datum[outside] * count + reader[outside])
    datum, reader = codes // max(count, 1), codes % max(count, 1)
    data, counts = np.unique(datum, return_counts=True)
    keys = tuple(table.data[index].key for index in data.tolist())
    return Nets(producer[data], table.size_bytes[data], _starts(counts), reader, keys), data


def make_costs(made: Ingredients, data: Integers, objective: str) -> Costs:
    """The arrays of one linear objective.

    Raises:
        ValueError: the objective is not linear.
    """
    if objective not in LINEAR_OBJECTIVES:
        raise ValueError(f"{objective} is not one of {', '.join(LINEAR_OBJECTIVES)}: it has no linear costs")
    cpu_seconds = _block_cpu_seconds(made)
    fixed = np.zeros((len(data), len(made.rates.sites)))
    row = np.searchsorted(made.origins.data, data)
    known = np.flatnonzero(made.table.producer[data] < 0)
    fixed[known] = made.origins.costs(objective, made.table, made.rates)[row[known]]
    return Costs(made.rates.computing(objective, cpu_seconds), made.rates.price_per_byte(objective), fixed)


def order_only(table: Table) -> Integers:
    """(e, 2): (earlier, later) tasks that no datum joins."""
    datum, reader = largest_reads(table)
    joined = table.producer[datum] * len(table.tasks) + reader
    return table.edges[~np.isin(table.edges[:, 0] * len(table.tasks) + table.edges[:, 1], joined)]


def block_cpu_hours(made: Ingredients) -> Floats:
    """(n, s): what a block takes of a site's quota."""
    return made.rates.cpu_hours(_block_cpu_seconds(made))


def _problem(
    made: Ingredients, permitted: Mapping[str, frozenset[str]], objective: str, budgets: Sequence[tuple[str, float]]
) -> Problem:
    nets, data = make_nets(made)
    count, sites = len(made.blocks.members), len(made.rates.sites)
    if objective == "time":
        costs = Costs(np.zeros((count, sites)), np.zeros((sites, sites)), np.zeros((len(data), sites)))
    else:
        costs = make_costs(made, data, objective)
    return Problem(
        blocks=made.blocks.names,
        sites=made.rates.sites,
        allowed=_allowed(made, permitted),
        costs=costs,
        nets=nets,
        cpu_hours=block_cpu_hours(made),
        quota_cpu_hours=made.rates.quota_cpu_hours,
        edges=distinct_pairs(made.block_of[made.table.edges], count),
        budgets=tuple(Budget(make_costs(made, data, name), limit) for name, limit in budgets),
    )


def _allowed(made: Ingredients, permitted: Mapping[str, frozenset[str]]) -> Flags:
    """(n, s): where all members of a block may be. Equal sets are looked at once."""
    rows: dict[frozenset[str], Flags] = {}
    allowed = np.ones((len(made.blocks.members), len(made.rates.sites)), dtype=np.bool_)
    for index, members in enumerate(made.blocks.members):
        for name in members:
            names = permitted[name]
            if names not in rows:
                rows[names] = np.array([site in names for site in made.rates.sites], dtype=np.bool_)
            allowed[index] &= rows[names]
    return allowed


def _block_cpu_seconds(made: Ingredients) -> Floats:
    count = len(made.blocks.members)
    return np.bincount(made.block_of, weights=made.table.cpu_seconds, minlength=count).astype(np.float64)


def _starts(counts: Integers) -> Integers:
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)))
