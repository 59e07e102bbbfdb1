"""Postsolve: from multipliers over the core to a certificate of the whole problem."""

import numpy as np

from pipeline_splitter.problem import Certificate, Floats, Problem
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.core import Core, CoreCosts
from pipeline_splitter.solving.multipliers import Multipliers


def certificate(  # noqa: PLR0913, PLR0917  # the core, what proves a bound over it, and what was priced in
    problem: Problem,
    core: Core,
    costs: CoreCosts,
    price: Floats,
    multipliers: Multipliers,
    quota_prices: Floats,
    budget_prices: tuple[float, ...],
) -> Certificate:
    """Return the certificate that proves for the problem what the multipliers prove for the core.

    A reader with one site carries all of the crossing to it. Readers of what a block with one site writes carry their
    share, and their message is exactly that. What was merged shares in proportion.

    Args:
        problem: the whole.
        core: with all the sites that the problem allows.
        costs: of the core, quotas and budgets priced in.
        price: the price of the problem, budgets priced in.
        multipliers: over the core.
        quota_prices: that were priced in.
        budget_prices: that were priced in.
    """
    nets = problem.nets
    sites = len(problem.sites)
    net = evaluate.reading_net(nets)
    fixed_reader = core.fixed_sites[nets.readers] >= 0
    fixed_writer = (nets.producer >= 0) & (core.fixed_sites[nets.producer] >= 0)
    given = (nets.producer < 0) | fixed_writer
    shares = np.zeros((len(nets.readers), sites))
    messages = np.zeros((len(nets.readers), sites))

    bound_at = np.flatnonzero(fixed_reader)
    cells = net[bound_at] * sites + core.fixed_sites[nets.readers[bound_at]]
    _, first = np.unique(cells, return_index=True)
    shares[bound_at[first], core.fixed_sites[nets.readers[bound_at[first]]]] = 1.0
    paid = np.zeros((len(nets.size_bytes), sites), dtype=bool)
    paid.reshape(-1)[cells] = True

    entry = core.entry_of
    lone = ~fixed_reader & (entry < 0)
    shares[lone] = ~paid[net[lone]]
    merged = np.flatnonzero(~fixed_reader & (entry >= 0))
    of_given = merged[given[net[merged]]]
    of_made = merged[~given[net[merged]]]
    shares[of_given] = _ratio(multipliers.given_loads[entry[of_given]], costs.given[core.net_of[net[of_given]]])
    shares[of_made] = _ratio(multipliers.loads[entry[of_made]], core.carried_bytes[core.net_of[net[of_made]]])
    shares[merged] *= ~paid[net[merged]]
    whole = core.carried_bytes.max(axis=1, initial=0.0)[core.net_of[net[of_made]]]
    part = np.where(whole > 0, nets.size_bytes[net[of_made]] / np.where(whole > 0, whole, 1.0), 0.0)
    messages[of_made] = multipliers.messages[entry[of_made]] * part[:, None]

    fixed = np.flatnonzero(fixed_writer[net])
    writer_site = core.fixed_sites[nets.producer[net[fixed]]]
    messages[fixed] = shares[fixed] * nets.size_bytes[net[fixed], None] * price[writer_site]
    return Certificate(shares, messages, quota_prices, budget_prices)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, np.minimum(1.0, part / np.where(whole > 0, whole, 1.0)), 0.0)


def nothing(problem: Problem) -> Certificate:
    """Multipliers that leave out all crossings: prices are at least 0, so what they prove is, too."""
    shape = (len(problem.nets.readers), len(problem.sites))
    return Certificate(np.zeros(shape), np.zeros(shape), np.zeros(shape[1]), (0.0,) * len(problem.budgets))
