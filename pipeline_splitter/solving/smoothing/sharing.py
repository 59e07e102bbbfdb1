"""Sharing of a crossing's cost between its readers. Loads numba, as `kernels` does."""

# ruff: noqa: C901, PLR0912, PLR0913, PLR0917
# Flat loops with scalar state, as in `kernels`.

import math

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.compiling import fast
from pipeline_splitter.solving.smoothing.layout import Layout

_LEAST_SHARE = 1e-5
"""The least share, as a part of an even share: a share of zero could not grow."""


@fast
def share(
    x: Layout,
    starts: Integers,
    readers: Integers,
    value_at: Integers,
    caps: Floats,
    loads: Floats,
    slope: Floats,
    pool: Floats,
    nets: Integers,
    reach: Floats,
) -> None:
    """After `forward`: who carries more of a crossing where that gains more, in nets with several readers.

    A multiplicative step. All readers at a site get the same length, or shares would settle where they gain nothing;
    it is 1 at most, and such that the largest load changes by about `reach[component]`. Where gains are small
    (somewhere that nobody is likely to be), steps are not quite as small.

    Args:
        x: what blocks and sites there are.
        starts: entries of net k are `starts[k]:starts[k + 1]`.
        readers: block of each entry.
        value_at: where the values of each entry begin.
        caps: what the readers of net k carry together at site b, `caps[k * s + b]`.
        loads: what each carries; changed.
        slope: what the bound gains, 1 at most.
        pool: what nobody carries, shaped as `caps`; nothing afterwards.
        nets: to work on.
        reach: in units of loads.
    """
    sites = x.sites
    top, most, total, able = np.empty(sites), np.empty(sites), np.empty(sites), np.empty(sites)
    for at in range(len(nets)):
        net = nets[at]
        first, last = starts[net], starts[net + 1]
        cell = net * sites
        far = reach[x.pieces[readers[first]]]
        for b in range(sites):
            top[b] = 0.0
            most[b] = 0.0
            total[b] = 0.0
            able[b] = 0.0
        for entry in range(first, last):
            begin = x.first[readers[entry]]
            p = value_at[entry]
            for k in range(value_at[entry + 1] - p):
                able[x.site[begin + k]] += 1.0
                total[x.site[begin + k]] += loads[p + k]
        for entry in range(first, last):
            begin = x.first[readers[entry]]
            p = value_at[entry]
            for k in range(value_at[entry + 1] - p):
                b = x.site[begin + k]
                if total[b] <= 0.0:
                    loads[p + k] = caps[cell + b] / able[b]
                top[b] = max(top[b], slope[p + k])
                most[b] = max(most[b], loads[p + k])
        for b in range(sites):
            if top[b] > 0.0 and most[b] > 0.0:
                length = far / most[b]
                most[b] = (min(1.0, length)) * math.sqrt(math.sqrt(top[b])) / top[b]
            else:
                most[b] = 0.0
            total[b] = 0.0
        for entry in range(first, last):
            begin = x.first[readers[entry]]
            p = value_at[entry]
            for k in range(value_at[entry + 1] - p):
                b = x.site[begin + k]
                least = _LEAST_SHARE * caps[cell + b] / (last - first)
                if most[b] > 0.0 and least > 0.0:
                    load = max(least, loads[p + k])
                    loads[p + k] = load * math.exp(most[b] * slope[p + k])
                total[b] += loads[p + k]
        for b in range(sites):
            pool[cell + b] = 0.0
        for entry in range(first, last):
            begin = x.first[readers[entry]]
            p = value_at[entry]
            for k in range(value_at[entry + 1] - p):
                b = x.site[begin + k]
                if total[b] > 0.0:
                    loads[p + k] *= caps[cell + b] / total[b]
