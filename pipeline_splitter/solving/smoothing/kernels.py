"""Passes of messages with soft minima, over the arrays of `layout`. Imported only where it is used: it loads numba.

A soft minimum at temperature t, `-t log sum exp(-x / t)`, sees all choices that are nearly as good as the best one.
Passes with it do not get stuck where passes with the hard minimum do, and the probabilities that come with it say how
much the bound gains where a reader carries more of a crossing. Whatever the messages are, `bounding.lower` proves what
they prove.

`exp(-u)` is (1 - u/256)^256 here, 0 from u = 256 on: close enough, and a few multiplications that a processor does side
by side. A reader whose price falls apart into both ends (`plain`) takes as many steps as there are sites, others the
square.
"""

# ruff: noqa: C901, PLR0912, PLR0915, FURB136
# Flat loops with scalar state are what compiles to tight code: branches instead of min() and max(), indices instead of
# iterators, one function for one pass.

import math

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.compiling import fast
from pipeline_splitter.solving.smoothing.layout import Layout, State

BIG = 1e60
_PART = 1.0 / 256


@fast
def soft(u: float) -> float:
    """About exp(-u), for u >= 0."""
    t = 1.0 - u * _PART
    t = t if t > 0.0 else 0.0
    t *= t
    t *= t
    t *= t
    t *= t
    t *= t
    t *= t
    t *= t
    return t * t


@fast
def told(x: Layout, y: State, i: int, theta: Floats) -> None:
    """Put each label's cost of a block, by its writers' messages and its loads, into `theta`."""
    at = x.first[i]
    width = x.first[i + 1] - at
    for a in range(width):
        theta[a] = x.unary[at + a]
    for j in range(x.reads[i], x.reads[i + 1]):
        p = x.read_at[x.read_entries[j]]
        for a in range(width):
            theta[a] += y.psi[p + a]
    for j in range(x.given_reads[i], x.given_reads[i + 1]):
        p = x.given_at[x.given_entries[j]]
        for a in range(width):
            theta[a] += y.given_loads[p + a]


@fast
def known(x: Layout, y: State, i: int, theta: Floats) -> float:
    """Add the readers' messages to `told`, and return the least cost."""
    told(x, y, i, theta)
    width = x.first[i + 1] - x.first[i]
    for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
        q = x.write_at[entry]
        for a in range(width):
            theta[a] += y.phi[q + a]
    low = BIG
    for a in range(width):
        low = theta[a] if theta[a] < low else low
    return low


@fast
def forward(x: Layout, y: State, todo: Integers, heat: Floats, hard: bool) -> None:  # noqa: FBT001  # for numba
    """Pass on from each block, writers first, its part of what it knows to its readers.

    With `hard` the messages are hard minima, and only the slopes soft. Leaves in `slope` and `given_slope` how much the
    bound gains for each unit that a reader carries.
    """
    sites = x.sites
    theta, mine, step, whole = np.empty(sites), np.empty(sites), np.empty(sites), np.empty(sites)
    table = np.empty(sites * sites)
    here = np.full(sites, -1)
    for at in range(len(todo)):
        i = todo[at]
        low = known(x, y, i, theta)
        begin = x.first[i]
        width = x.first[i + 1] - begin
        gamma = x.part[i]
        cold = 1.0 / heat[x.pieces[i]]
        total = 0.0
        for a in range(width):
            step[a] = soft(gamma * (theta[a] - low) * cold)
            total += step[a]
        for a in range(width):
            step[a] /= total
            y.likely[begin + a] = step[a]
        for j in range(x.reads[i], x.reads[i + 1]):
            p = x.read_at[x.read_entries[j]]
            for a in range(width):
                y.slope[p + a] *= step[a]
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            p = x.given_at[x.given_entries[j]]
            for a in range(width):
                y.given_slope[p + a] = step[a]
        first, last = x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]
        if first == last:
            continue
        for a in range(width):
            here[x.site[begin + a]] = a
        for entry in range(first, last):
            p, q = x.read_at[entry], x.write_at[entry]
            count = x.read_at[entry + 1] - p
            there = x.first[x.reader[entry]]
            prices = x.prices_at[x.reader[entry]]
            for a in range(width):
                mine[a] = gamma * theta[a] - y.phi[q + a]
            if x.plain[entry] > 0:
                base = y.loads[p]
                low, second, argument = BIG, BIG, -1
                for a in range(width):
                    step[a] = mine[a] + base * x.leaving[x.site[begin + a]]
                    if step[a] < low:
                        second = low
                        low = step[a]
                        argument = a
                    elif step[a] < second:
                        second = step[a]
                total = 0.0
                for a in range(width):
                    whole[a] = soft((step[a] - low) * cold)
                    total += whole[a]
                for b in range(count):
                    site = x.site[there + b]
                    extra = x.entering[site]
                    away = low + y.loads[p + b] * extra
                    a = here[site]
                    if a < 0:
                        y.psi[p + b] = away if hard else away - math.log(total) / cold
                        y.slope[p + b] = extra / x.dearest
                        continue
                    rest = total - whole[a]
                    best = mine[a] if mine[a] < away else away
                    rest = rest * soft((away - best) * cold) if rest > 0.0 else 0.0
                    mass = soft((mine[a] - best) * cold) + rest
                    y.slope[p + b] = extra * rest / (mass * x.dearest) if rest > 0.0 else 0.0
                    if hard:
                        away += second - low if a == argument else 0.0
                        y.psi[p + b] = mine[a] if mine[a] < away else away
                    else:
                        y.psi[p + b] = best - math.log(mass) / cold if rest > 0.0 else mine[a]
            else:
                for b in range(count):
                    step[b] = BIG
                    whole[b] = 0.0
                for a in range(width):
                    row = prices + x.site[begin + a] * count
                    for b in range(count):
                        t = mine[a] + y.loads[p + b] * x.entry_price[row + b]
                        table[a * count + b] = t
                        step[b] = t if t < step[b] else step[b]
                alone = x.starts[x.net_of[entry] + 1] - x.starts[x.net_of[entry]] == 1
                if alone and not hard:
                    for a in range(width):
                        for b in range(count):
                            whole[b] += soft((table[a * count + b] - step[b]) * cold)
                elif not alone:
                    for b in range(count):
                        y.slope[p + b] = 0.0
                    for a in range(width):
                        row = prices + x.site[begin + a] * count
                        for b in range(count):
                            t = soft((table[a * count + b] - step[b]) * cold)
                            whole[b] += t
                            y.slope[p + b] += t * x.entry_price[row + b]
                    for b in range(count):
                        y.slope[p + b] /= whole[b] * x.dearest
                for b in range(count):
                    y.psi[p + b] = step[b] if hard else step[b] - math.log(whole[b]) / cold
            low = BIG
            for b in range(count):
                low = y.psi[p + b] if y.psi[p + b] < low else low
            for b in range(count):
                y.psi[p + b] -= low
        for a in range(width):
            here[x.site[begin + a]] = -1


@fast
def backward(x: Layout, y: State, todo: Integers, heat: Floats) -> None:
    """Pass on from each block, readers first, its part of what it knows to its writers."""
    sites = x.sites
    theta, mine, step, whole = np.empty(sites), np.empty(sites), np.empty(sites), np.empty(sites)
    table = np.empty(sites * sites)
    here = np.full(sites, -1)
    for at in range(len(todo)):
        i = todo[len(todo) - 1 - at]
        if x.reads[i] == x.reads[i + 1]:
            continue
        known(x, y, i, theta)
        begin = x.first[i]
        width = x.first[i + 1] - begin
        gamma = x.part[i]
        cold = 1.0 / heat[x.pieces[i]]
        for b in range(width):
            here[x.site[begin + b]] = b
        for j in range(x.reads[i], x.reads[i + 1]):
            entry = x.read_entries[j]
            p, q = x.read_at[entry], x.write_at[entry]
            there = x.first[x.writer[entry]]
            prices = x.prices_at[x.writer[entry]]
            count = x.write_at[entry + 1] - q
            for b in range(width):
                mine[b] = gamma * theta[b] - y.psi[p + b]
            if x.plain[entry] > 0:
                base = y.loads[p]
                low = BIG
                for b in range(width):
                    step[b] = mine[b] + y.loads[p + b] * x.entering[x.site[begin + b]]
                    low = step[b] if step[b] < low else low
                total = 0.0
                for b in range(width):
                    whole[b] = soft((step[b] - low) * cold)
                    total += whole[b]
                for a in range(count):
                    site = x.site[there + a]
                    away = low + base * x.leaving[site]
                    b = here[site]
                    if b < 0:
                        y.phi[q + a] = away - math.log(total) / cold
                        continue
                    rest = total - whole[b]
                    best = mine[b] if mine[b] < away else away
                    mass = soft((mine[b] - best) * cold)
                    mass += rest * soft((away - best) * cold) if rest > 0.0 else 0.0
                    y.phi[q + a] = best - math.log(mass) / cold if mass > 0.0 and rest > 0.0 else mine[b]
            else:
                for a in range(count):
                    step[a] = BIG
                    whole[a] = 0.0
                for b in range(width):
                    load = y.loads[p + b]
                    row = prices + x.site[begin + b] * count
                    for a in range(count):
                        t = mine[b] + load * x.exit_price[row + a]
                        table[b * count + a] = t
                        step[a] = t if t < step[a] else step[a]
                for b in range(width):
                    for a in range(count):
                        whole[a] += soft((table[b * count + a] - step[a]) * cold)
                for a in range(count):
                    y.phi[q + a] = step[a] - math.log(whole[a]) / cold
            low = BIG
            for a in range(count):
                low = y.phi[q + a] if y.phi[q + a] < low else low
            for a in range(count):
                y.phi[q + a] -= low
        for b in range(width):
            here[x.site[begin + b]] = -1
