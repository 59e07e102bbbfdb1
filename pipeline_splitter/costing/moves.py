"""Marginal costs: what each block's move to each site adds to a linear objective, everything else staying."""

import numpy as np

from pipeline_splitter.problem import Costs, Floats, Integers, Nets


def linear_deltas(costs: Costs, nets: Nets, placement: Integers) -> Floats:
    """(n, s): what moving block i alone to site b adds to the cost; exactly 0 where it is, and where nothing differs.

    A net's crossing to a site is saved when its only reader there leaves, and added when its first reader comes; what
    a block writes is then brought from its new site. Sums go net by net in a fixed order, over differences of equal
    kind, so that equal prices leave no rounding behind.
    """
    count, sites = costs.unary.shape
    entry_net = np.repeat(np.arange(len(nets.producer), dtype=np.int64), np.diff(nets.starts))
    reader, here = nets.readers, placement[nets.readers]
    readers_at = np.bincount(entry_net * sites + here, minlength=len(nets.producer) * sites).reshape(-1, sites)
    saved = np.where(readers_at[entry_net, here] == 1, _brought(costs, nets, placement, entry_net, here), 0.0)
    crossing_net, crossing_site = np.nonzero((readers_at > 0) & (nets.producer >= 0)[:, None])
    writer = nets.producer[crossing_net]
    now = costs.price[placement[writer], crossing_site]
    size_bytes = nets.size_bytes[crossing_net]
    deltas = np.empty((count, sites))
    own = costs.unary[np.arange(count), placement]
    for site in range(sites):
        target = np.full(len(entry_net), site, dtype=np.int64)
        first = readers_at[entry_net, site] == 0
        added = np.where(first, _brought(costs, nets, placement, entry_net, target), 0.0)
        reading = np.where(here == site, 0.0, added - saved)
        writing = size_bytes * (costs.price[site, crossing_site] - now)
        deltas[:, site] = costs.unary[:, site] - own
        deltas[:, site] += np.bincount(reader, weights=reading, minlength=count)
        deltas[:, site] += np.bincount(writer, weights=writing, minlength=count)
    return deltas + 0.0


def _brought(costs: Costs, nets: Nets, placement: Integers, net: Integers, target: Integers) -> Floats:
    """Return the cost of bringing each of the nets to its target."""
    producer = nets.producer[net]
    priced = nets.size_bytes[net] * costs.price[placement[producer], target]
    return np.where(producer < 0, costs.fixed[net, target], priced)
