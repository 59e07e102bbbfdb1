"""Primal rounding: a choice for the blocks of a core that heeds quotas, from what messages say."""

from dataclasses import dataclass

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.core import Core, CoreCosts, Incidence


@dataclass(frozen=True, slots=True)
class Advice:
    """The passes' advice for rounding.

    Attributes:
        loads: (entries, s): what a reader carries of a crossing.
        wanted: (entries, s): what the writer of an entry is told by its reader.
    """

    loads: Floats
    wanted: Floats


def packed(core: Core, priced: CoreCosts, advice: Advice) -> Integers:
    """Put each block, writers first, where it is cheapest of the sites that have room for it; anywhere, if none has."""
    blocks, sites = core.allowed.shape
    reads, brings = _by_block(core.made, blocks), _by_block(core.given, blocks)
    net_of, given_of = _net_of(core.made), _net_of(core.given)
    wrote = np.searchsorted(core.producer, np.arange(blocks + 1))
    counted = np.zeros((len(core.producer), sites), dtype=bool)
    given = np.zeros((len(core.given.starts) - 1, sites), dtype=bool)
    room = core.quota_left.copy()
    choice = np.zeros(blocks, dtype=np.int64)
    for block in range(blocks):
        entries, at_hand = reads[block], brings[block]
        nets, brought = net_of[entries], given_of[at_hand]
        cost = np.where(core.allowed[block], priced.unary[block], np.inf)
        prices = priced.price[choice[core.producer[nets]]]
        cost = cost + (np.where(counted[nets], 0.0, advice.loads[entries]) * prices).sum(axis=0)
        cost += np.where(given[brought], 0.0, priced.given[brought]).sum(axis=0)
        first, last = core.made.starts[wrote[block]], core.made.starts[wrote[block + 1]]
        cost += advice.wanted[first:last].sum(axis=0)
        fitting = np.where(core.cpu_hours[block] <= room, cost, np.inf)
        site = int(fitting.argmin() if np.isfinite(fitting).any() else cost.argmin())
        choice[block] = site
        room[site] -= core.cpu_hours[block, site]
        counted[nets, site] = True
        given[brought, site] = True
    return choice


def _net_of(incidence: Incidence) -> Integers:
    return np.repeat(np.arange(len(incidence.starts) - 1), np.diff(incidence.starts))


def _by_block(incidence: Incidence, blocks: int) -> list[Integers]:
    """Return the entries in which each block reads."""
    order = np.argsort(incidence.readers, kind="stable")
    return np.split(order, np.cumsum(np.bincount(incidence.readers, minlength=blocks))[:-1])
