"""Passes with hard minima that move slack: a reader keeps of a crossing what its message needs, others get the rest.

Good where many readers share a crossing and few of them matter, which the small steps of `sharing.share` find slowly.
Loads numba.
"""

# ruff: noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917, FURB136
# Flat loops with scalar state, as in `kernels`.

import numpy as np

from pipeline_splitter.problem import Floats, Integers
from pipeline_splitter.solving.compiling import fast
from pipeline_splitter.solving.smoothing.kernels import BIG, known
from pipeline_splitter.solving.smoothing.layout import Layout, State


@fast
def take(x: Layout, y: State, entry: int, pool: Floats, left: Integers) -> None:
    """Take for a reader its part of a net's unassigned cost, for now."""
    net = x.net_of[entry]
    part = 1.0 / left[net]
    left[net] -= 1
    begin, p = x.first[x.reader[entry]], x.read_at[entry]
    for k in range(x.read_at[entry + 1] - p):
        cell = net * x.sites + x.site[begin + k]
        pool[cell] += y.loads[p + k]
        y.loads[p + k] += part * (pool[cell] - y.loads[p + k])


@fast
def keep(x: Layout, y: State, entry: int, need: Floats, pool: Floats) -> None:
    """And gives back what it does not need."""
    begin, p = x.first[x.reader[entry]], x.read_at[entry]
    for k in range(x.read_at[entry + 1] - p):
        if need[k] < y.loads[p + k]:
            y.loads[p + k] = need[k] if need[k] > 0.0 else 0.0
        pool[x.net_of[entry] * x.sites + x.site[begin + k]] -= y.loads[p + k]


@fast
def forward(x: Layout, y: State, todo: Integers, pool: Floats) -> None:
    """Pass forward as `kernels.forward` with hard minima. `pool` holds what no reader carries of a net at a site."""
    sites = x.sites
    theta, mine, step, need = np.empty(sites), np.empty(sites), np.empty(sites), np.empty(sites)
    here = np.full(sites, -1)
    left = x.starts[1:] - x.starts[:-1]
    for at in range(len(todo)):
        i = todo[at]
        first, last = x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]
        if first == last:
            continue
        known(x, y, i, theta)
        begin = x.first[i]
        width = x.first[i + 1] - begin
        for a in range(width):
            here[x.site[begin + a]] = a
        for entry in range(first, last):
            p, q = x.read_at[entry], x.write_at[entry]
            count = x.read_at[entry + 1] - p
            there = x.first[x.reader[entry]]
            prices = x.prices_at[x.reader[entry]]
            shared = x.starts[x.net_of[entry] + 1] - x.starts[x.net_of[entry]] > 1
            if shared:
                take(x, y, entry, pool, left)
            for a in range(width):
                mine[a] = x.part[i] * theta[a] - y.phi[q + a]
            if x.plain[entry] > 0:
                base = y.loads[p]
                best, second, argument = BIG, BIG, -1
                for a in range(width):
                    t = mine[a] + base * x.leaving[x.site[begin + a]]
                    if t < best:
                        second = best
                        best = t
                        argument = a
                    elif t < second:
                        second = t
                for b in range(count):
                    site = x.site[there + b]
                    a = here[site]
                    away = second if a >= 0 and a == argument else best
                    step[b] = away + y.loads[p + b] * x.entering[site]
                    if a >= 0 and mine[a] < step[b]:
                        step[b] = mine[a]
                    need[b] = (step[b] - away) / x.entering[site] if x.entering[site] > 0.0 else 0.0
            else:
                for b in range(count):
                    step[b] = BIG
                    need[b] = 0.0
                for a in range(width):
                    row = prices + x.site[begin + a] * count
                    for b in range(count):
                        t = mine[a] + y.loads[p + b] * x.entry_price[row + b]
                        step[b] = t if t < step[b] else step[b]
                if shared:
                    for a in range(width):
                        row = prices + x.site[begin + a] * count
                        for b in range(count):
                            price = x.entry_price[row + b]
                            t = (step[b] - mine[a]) / price if price > 0.0 else 0.0
                            need[b] = t if t > need[b] else need[b]
            if shared:
                keep(x, y, entry, need, pool)
            low = BIG
            for b in range(count):
                low = step[b] if step[b] < low else low
            for b in range(count):
                y.psi[p + b] = step[b] - low
        for a in range(width):
            here[x.site[begin + a]] = -1


@fast
def backward(x: Layout, y: State, todo: Integers, pool: Floats, given_pool: Floats, move: bool) -> None:  # noqa: FBT001  # for numba
    """Pass backward as `kernels.backward` with hard minima; slack stays without `move`. Pools as in `forward`."""
    sites = x.sites
    theta, mine, step, need = np.empty(sites), np.empty(sites), np.empty(sites), np.empty(sites)
    here = np.full(sites, -1)
    left = x.starts[1:] - x.starts[:-1]
    given_left = x.given_starts[1:] - x.given_starts[:-1]
    for at in range(len(todo)):
        i = todo[len(todo) - 1 - at]
        if x.reads[i] == x.reads[i + 1] and x.given_reads[i] == x.given_reads[i + 1]:
            continue
        begin = x.first[i]
        width = x.first[i + 1] - begin
        for j in range(x.given_reads[i], x.given_reads[i + 1] if move else x.given_reads[i]):
            entry = x.given_entries[j]
            net, p = x.given_net_of[entry], x.given_at[entry]
            part = 1.0 / given_left[net]
            given_left[net] -= 1
            for a in range(width):
                cell = net * sites + x.site[begin + a]
                given_pool[cell] += y.given_loads[p + a]
                y.given_loads[p + a] += part * (given_pool[cell] - y.given_loads[p + a])
        lowest = known(x, y, i, theta)
        for b in range(width):
            here[x.site[begin + b]] = b
        for j in range(x.reads[i], x.reads[i + 1]):
            entry = x.read_entries[j]
            p, q = x.read_at[entry], x.write_at[entry]
            there = x.first[x.writer[entry]]
            prices = x.prices_at[x.writer[entry]]
            count = x.write_at[entry + 1] - q
            shared = move and x.starts[x.net_of[entry] + 1] - x.starts[x.net_of[entry]] > 1
            if shared:
                take(x, y, entry, pool, left)
            for b in range(width):
                mine[b] = x.part[i] * theta[b] - y.psi[p + b]
            if x.plain[entry] > 0:
                base = y.loads[p]
                best, second, argument = BIG, BIG, -1
                for b in range(width):
                    t = mine[b] + y.loads[p + b] * x.entering[x.site[begin + b]]
                    if t < best:
                        second = best
                        best = t
                        argument = b
                    elif t < second:
                        second = t
                top, next_top, top_site = -BIG, -BIG, -1
                for a in range(count):
                    site = x.site[there + a]
                    b = here[site]
                    step[a] = (second if b >= 0 and b == argument else best) + base * x.leaving[site]
                    if b >= 0 and mine[b] < step[a]:
                        step[a] = mine[b]
                    if step[a] > top:
                        next_top = top
                        top = step[a]
                        top_site = site
                    elif step[a] > next_top:
                        next_top = step[a]
                for b in range(width):
                    site = x.site[begin + b]
                    highest = next_top if site == top_site else top
                    need[b] = (highest - mine[b]) / x.entering[site] if x.entering[site] > 0.0 else 0.0
            else:
                for a in range(count):
                    step[a] = BIG
                for b in range(width):
                    load = y.loads[p + b]
                    row = prices + x.site[begin + b] * count
                    for a in range(count):
                        t = mine[b] + load * x.exit_price[row + a]
                        step[a] = t if t < step[a] else step[a]
                if shared:
                    for b in range(width):
                        need[b] = 0.0
                        row = prices + x.site[begin + b] * count
                        for a in range(count):
                            price = x.exit_price[row + a]
                            t = (step[a] - mine[b]) / price if price > 0.0 else 0.0
                            need[b] = t if t > need[b] else need[b]
            if shared:
                keep(x, y, entry, need, pool)
            low = BIG
            for a in range(count):
                low = step[a] if step[a] < low else low
            for a in range(count):
                y.phi[q + a] = step[a] - low
        for b in range(width):
            here[x.site[begin + b]] = -1
        for j in range(x.given_reads[i], x.given_reads[i + 1] if move else x.given_reads[i]):
            entry = x.given_entries[j]
            net, p = x.given_net_of[entry], x.given_at[entry]
            for a in range(width):
                t = y.given_loads[p + a] - x.part[i] * (theta[a] - lowest)
                y.given_loads[p + a] = t if t > 0.0 else 0.0
                given_pool[net * sites + x.site[begin + a]] -= y.given_loads[p + a]
