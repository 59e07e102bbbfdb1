"""Warm start: multipliers of a core, for the core of the same problem with fewer sites. Any prove something."""

import numpy as np

from pipeline_splitter.problem import Floats, Integers, Problem
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.core import Core
from pipeline_splitter.solving.multipliers import Multipliers, split_evenly


def carried(problem: Problem, before: Core, after: Core, multipliers: Multipliers) -> Multipliers:
    """Return the multipliers for `after`.

    Messages stay; nets that are one now add theirs up. Who carried more carries more, in proportion, and where nobody
    did, everybody does. Of a net whose writer has one site left, readers carry what its crossing from there costs.
    """
    nets = problem.nets
    net = evaluate.reading_net(nets)
    kept = np.flatnonzero((after.entry_of >= 0) & (before.entry_of >= 0))
    made_before = nets.producer[net[kept]] >= 0
    made_before &= before.fixed_sites[nets.producer[net[kept]]] < 0
    made_after = made_before & (after.fixed_sites[nets.producer[net[kept]]] < 0)

    made = _pairs(after.entry_of[kept[made_after]], before.entry_of[kept[made_after]])
    messages = _summed(made, multipliers.messages, len(after.made.readers))
    loads = _summed(made, multipliers.loads, len(after.made.readers))

    given = _pairs(after.entry_of[kept[~made_before]], before.entry_of[kept[~made_before]])
    given_loads = _summed(given, multipliers.given_loads, len(after.given.readers))
    newly = kept[made_before & ~made_after]
    prices = problem.costs.price[after.fixed_sites[nets.producer[net[newly]]]]
    old = before.entry_of[newly]
    _, first = np.unique(np.stack([after.entry_of[newly], old]), axis=1, return_index=True)
    np.add.at(given_loads, after.entry_of[newly[first]], multipliers.loads[old[first]] * prices[first])
    return Multipliers(
        messages,
        _filled(loads, after, after.made.starts, after.made.readers, after.carried_bytes),
        _filled(given_loads, after, after.given.starts, after.given.readers, after.costs[0].given),
    )


def _pairs(new: Integers, old: Integers) -> Integers:
    """Return each pair of a new entry and an old one that it stands for, once; shape (2, pairs)."""
    return np.unique(np.stack([new, old]), axis=1)


def _summed(pairs: Integers, values: Floats, entries: int) -> Floats:
    total = np.zeros((entries, values.shape[1]))
    np.add.at(total, pairs[0], values[pairs[1]])
    return total


def _filled(loads: Floats, core: Core, starts: Integers, readers: Integers, caps: Floats) -> Floats:
    """Loads that add up to `caps` at each site."""
    if len(readers) == 0:
        return loads
    net_of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    loads = np.where(core.allowed[readers], loads, 0.0)
    sums = np.add.reduceat(loads, starts[:-1], axis=0)
    scaled = loads * np.where(sums > 0, caps / np.where(sums > 0, sums, 1.0), 0.0)[net_of]
    return np.where(sums[net_of] > 0, scaled, split_evenly(core.allowed, starts, readers, caps))
