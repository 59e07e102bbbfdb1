"""Builds the optimization problem: flat arrays, for the cost of the last objective of a basis."""

from collections.abc import Mapping, Sequence

import numpy as np

from moorage.objectives import OBJECTIVES, TIME, Objective, linear
from pipeline_splitter.costing.basis import Basis
from pipeline_splitter.costing.tables import distinct_pairs, largest_reads, order_only
from pipeline_splitter.problem import Budget, Costs, Flags, Floats, Integers, Nets, Problem, TimeProblem

Permitted = Mapping[str, frozenset[str]]
"""The sites of each task; a block may be where all its members may."""
Budgets = Sequence[tuple[str, float]]
"""Linear objectives, each with what its cost may not exceed."""


def build_problem(basis: Basis, permitted: Permitted, budgets: Budgets = ()) -> Problem:
    """Build the problem of the last objective of the basis: the cost of each block at each site.

    Raises:
        ValueError: the last objective, or a budget's, is not linear.
    """
    nets, data = make_nets(basis)
    return _problem(basis, permitted, budgets, nets, data, make_costs(basis, data, basis.objectives[-1]))


def build_time_problem(basis: Basis, permitted: Permitted, budgets: Budgets = ()) -> TimeProblem:
    """Build the time problem, for the makespan, or for a linear objective within an earlier makespan.

    The costs of its `problem` are those of the last objective; all zero where that is the makespan itself. Of several
    data that one task reads of another only the largest is listed: the others arrive no later. An order edge between
    two tasks that data join already is left out.
    """
    table, rates = basis.table, basis.rates
    datum, reader = largest_reads(table)
    outside = np.isin(table.datum_of_entry, basis.origins.data)
    datum = np.concatenate((datum, table.datum_of_entry[outside]))
    reader = np.concatenate((reader, table.readers[outside]))
    by_datum = np.lexsort((reader, datum))
    data, counts = np.unique(datum, return_counts=True)
    fixed = np.zeros((len(table.data), len(rates.sites)))
    fixed[basis.origins.data] = basis.origins.costs(TIME, table, rates)
    size, sites = table.size_bytes[data], np.arange(len(rates.sites))
    delay = rates.moving(TIME, size[:, None, None], sites[None, :, None], sites[None, None, :])
    delay[table.producer[data] < 0] = 0.0
    return TimeProblem(
        problem=_problem_of_times(basis, permitted, budgets),
        tasks=table.tasks,
        block_of=basis.block_of,
        seconds=table.seconds[:, None] / rates.speed,
        slots=rates.slots,
        producer=table.producer[data],
        starts=_starts(counts),
        readers=reader[by_datum],
        delay=delay,
        fixed_delay=fixed[data],
        order=order_only(table),
    )


def make_nets(basis: Basis) -> tuple[Nets, Integers]:
    """Make the nets of blocks, and each net's datum. Data that stay inside a block make no net."""
    table, count = basis.table, len(basis.blocks.members)
    written = table.producer >= 0
    producer = np.full(len(table.data), -1, dtype=np.int64)
    producer[written] = basis.block_of[table.producer[written]]
    datum = table.datum_of_entry
    reader = basis.block_of[table.readers]
    outside = reader != producer[datum]
    codes = np.unique(datum[outside] * count + reader[outside])
    datum, reader = codes // max(count, 1), codes % max(count, 1)
    data, counts = np.unique(datum, return_counts=True)
    keys = tuple(table.data[index].key for index in data.tolist())
    return Nets(producer[data], table.size_bytes[data], _starts(counts), reader, keys), data


def make_costs(basis: Basis, data: Integers, objective: Objective) -> Costs:
    """Make the arrays of one linear objective.

    Raises:
        ValueError: the objective is not linear.
    """
    if not objective.is_linear:
        known = ", ".join(each.name for each in linear())
        raise ValueError(f"{objective.name} is not one of {known}: it has no linear costs")
    cpu_seconds = _block_cpu_seconds(basis)
    fixed = np.zeros((len(data), len(basis.rates.sites)))
    row = np.searchsorted(basis.origins.data, data)
    known_copies = np.flatnonzero(basis.table.producer[data] < 0)
    fixed[known_copies] = basis.origins.costs(objective, basis.table, basis.rates)[row[known_copies]]
    return Costs(basis.rates.computing(objective, cpu_seconds), basis.rates.price_per_byte(objective), fixed)


def block_cpu_hours(basis: Basis) -> Floats:
    """Return (n, s): what a block takes of a site's quota."""
    return basis.rates.cpu_hours(_block_cpu_seconds(basis))


def _problem_of_times(basis: Basis, permitted: Permitted, budgets: Budgets) -> Problem:
    nets, data = make_nets(basis)
    objective = basis.objectives[-1]
    count, sites = len(basis.blocks.members), len(basis.rates.sites)
    if objective.is_linear:
        costs = make_costs(basis, data, objective)
    else:
        costs = Costs(np.zeros((count, sites)), np.zeros((sites, sites)), np.zeros((len(data), sites)))
    return _problem(basis, permitted, budgets, nets, data, costs)


def _problem(  # noqa: PLR0913, PLR0917 - the parts of one record
    basis: Basis, permitted: Permitted, budgets: Budgets, nets: Nets, data: Integers, costs: Costs
) -> Problem:
    return Problem(
        blocks=basis.blocks.names,
        sites=basis.rates.sites,
        allowed=_allowed(basis, permitted),
        costs=costs,
        nets=nets,
        cpu_hours=block_cpu_hours(basis),
        quota_cpu_hours=basis.rates.quota_cpu_hours,
        edges=distinct_pairs(basis.block_of[basis.table.edges], len(basis.blocks.members)),
        budgets=tuple(Budget(make_costs(basis, data, OBJECTIVES[name]), limit) for name, limit in budgets),
    )


def _allowed(basis: Basis, permitted: Permitted) -> Flags:
    """Return (n, s): where all members of a block may be. Equal sets are looked at once."""
    rows: dict[frozenset[str], Flags] = {}
    allowed = np.ones((len(basis.blocks.members), len(basis.rates.sites)), dtype=np.bool_)
    for index, members in enumerate(basis.blocks.members):
        for name in members:
            names = permitted[name]
            if names not in rows:
                rows[names] = np.array([site in names for site in basis.rates.sites], dtype=np.bool_)
            allowed[index] &= rows[names]
    return allowed


def _block_cpu_seconds(basis: Basis) -> Floats:
    count = len(basis.blocks.members)
    return np.bincount(basis.block_of, weights=basis.table.cpu_seconds, minlength=count).astype(np.float64)


def _starts(counts: Integers) -> Integers:
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)))
