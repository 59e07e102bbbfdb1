"""Dual variables: the multipliers that prove a bound over a core."""

from dataclasses import dataclass

import numpy as np

from pipeline_splitter.problem import Flags, Floats, Integers
from pipeline_splitter.solving.core import Core, CoreCosts


@dataclass(frozen=True, slots=True)
class Multipliers:
    """The multipliers that prove a bound over the core: psi of made entries, the bytes or cost of each entry."""

    messages: Floats
    loads: Floats
    given_loads: Floats


def even(core: Core, costs: CoreCosts) -> Multipliers:
    """Return the initial multipliers: all who may be at a site carry the same part."""
    return Multipliers(
        np.zeros((len(core.made.readers), core.allowed.shape[1])),
        split_evenly(core.allowed, core.made.starts, core.made.readers, core.carried_bytes),
        split_evenly(core.allowed, core.given.starts, core.given.readers, costs.given),
    )


def split_evenly(allowed: Flags, starts: Integers, readers: Integers, caps: Floats) -> Floats:
    """Split `caps` of each net evenly over its entries, at each site where the reader may be."""
    counts = np.diff(starts)
    net_of = np.repeat(np.arange(len(counts)), counts)
    able = allowed[readers]
    sums = np.add.reduceat(able, starts[:-1], axis=0, dtype=np.int64) if len(readers) else caps
    return np.where(able, (caps / np.maximum(1, sums))[net_of], 0.0)


def rescaled(multipliers: Multipliers, old: CoreCosts, new: CoreCosts, core: Core) -> Multipliers:
    """Return the same multipliers where given nets cost something else."""
    counts = np.diff(core.given.starts)
    net_of = np.repeat(np.arange(len(counts)), counts)
    able = core.allowed[core.given.readers]
    sums = np.maximum(1, np.add.reduceat(able, core.given.starts[:-1], axis=0, dtype=np.int64)) if len(able) else able
    ratio = np.where(old.given > 0, new.given / np.where(old.given > 0, old.given, 1.0), 0.0)
    fresh = np.where(old.given > 0, 0.0, new.given) / sums if len(able) else new.given
    loads = multipliers.given_loads * ratio[net_of] + np.where(able, fresh[net_of], 0.0)
    return Multipliers(multipliers.messages.copy(), multipliers.loads.copy(), loads)
