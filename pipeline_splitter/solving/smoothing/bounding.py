"""Bounds that messages prove with hard minima, and placements that they suggest. Loads numba, as `kernels` does."""

# ruff: noqa: C901, PLR0912, PLR0915, FURB136
# Flat loops with scalar state, as in `kernels`.

import numpy as np

from pipeline_splitter.problem import Integers
from pipeline_splitter.solving.compiling import fast
from pipeline_splitter.solving.smoothing.kernels import BIG, told
from pipeline_splitter.solving.smoothing.layout import Layout, State


@fast
def lower(x: Layout, y: State, todo: Integers) -> None:
    """Compute `least` of each block, whose sum is a bound, and `reduced`, by messages to readers and their loads."""
    sites = x.sites
    theta, answer = np.empty(sites), np.empty(sites)
    here = np.full(sites, -1)
    for at in range(len(todo)):
        i = todo[at]
        begin = x.first[i]
        width = x.first[i + 1] - begin
        told(x, y, i, theta)
        for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
            p = x.read_at[entry]
            there = x.first[x.reader[entry]]
            count = x.read_at[entry + 1] - p
            if x.plain[entry] > 0:
                base = y.loads[p]
                best, second, argument = BIG, BIG, -1
                for b in range(count):
                    site = x.site[there + b]
                    here[site] = b
                    t = y.loads[p + b] * x.entering[site] - y.psi[p + b]
                    if t < best:
                        second = best
                        best = t
                        argument = site
                    elif t < second:
                        second = t
                for a in range(width):
                    site = x.site[begin + a]
                    t = (second if site == argument else best) + base * x.leaving[site]
                    if here[site] >= 0:
                        stay = -y.psi[p + here[site]]
                        t = stay if stay < t else t
                    theta[a] += t
                for b in range(count):
                    here[x.site[there + b]] = -1
                continue
            for a in range(width):
                answer[a] = BIG
            for b in range(count):
                load, psi = y.loads[p + b], y.psi[p + b]
                row = x.prices_at[i] + x.site[there + b] * width
                for a in range(width):
                    t = load * x.exit_price[row + a] - psi
                    answer[a] = t if t < answer[a] else answer[a]
            for a in range(width):
                theta[a] += answer[a]
        low = BIG
        for a in range(width):
            low = theta[a] if theta[a] < low else low
        y.least[i] = low
        for a in range(width):
            y.reduced[begin + a] = theta[a] - low


@fast
def decode(x: Layout, y: State, todo: Integers, full: bool) -> None:  # noqa: FBT001  # numba takes no keyword-only ones
    """After `backward`: each block, writers first, goes where it is cheapest, given the sites of its writers.

    With `full` the first reader at a site is charged all of a crossing, else its share.
    """
    sites = x.sites
    theta = np.empty(sites)
    y.counts[:] = 0
    y.given_counts[:] = 0
    for at in range(len(todo)):
        i = todo[at]
        begin = x.first[i]
        width = x.first[i + 1] - begin
        for a in range(width):
            theta[a] = x.unary[begin + a]
        for j in range(x.reads[i], x.reads[i + 1]):
            entry = x.read_entries[j]
            p = x.read_at[entry]
            cell = x.net_of[entry] * sites
            writer = x.writer[entry]
            row = x.site[x.first[writer] + y.choice[writer]] * sites
            for a in range(width):
                site = x.site[begin + a]
                if y.counts[cell + site] == 0:
                    theta[a] += (x.caps[cell + site] if full else y.loads[p + a]) * x.price[row + site]
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            entry = x.given_entries[j]
            p = x.given_at[entry]
            cell = x.given_net_of[entry] * sites
            for a in range(width):
                site = x.site[begin + a]
                if y.given_counts[cell + site] == 0:
                    theta[a] += x.given_caps[cell + site] if full else y.given_loads[p + a]
        for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
            q = x.write_at[entry]
            for a in range(width):
                theta[a] += y.phi[q + a]
        best = 0
        for a in range(width):
            if theta[a] < theta[best]:
                best = a
        y.choice[i] = best
        site = x.site[begin + best]
        for j in range(x.reads[i], x.reads[i + 1]):
            y.counts[x.net_of[x.read_entries[j]] * sites + site] += 1
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            y.given_counts[x.given_net_of[x.given_entries[j]] * sites + site] += 1


@fast
def improve(x: Layout, y: State, todo: Integers, passes: int) -> int:
    """Moves one block at a time while that is cheaper, each crossing counted once; returns the number of moves.

    Looks at `dirty` blocks; a move makes its neighbours dirty. `counts` and `given_counts` are those of `choice`.
    """
    sites = x.sites
    theta = np.empty(sites)
    moves = 0
    for _ in range(passes):
        moved = 0
        for at in range(len(todo)):
            i = todo[at]
            if y.dirty[i] == 0:
                continue
            y.dirty[i] = 0
            begin = x.first[i]
            width = x.first[i + 1] - begin
            now = y.choice[i]
            here = x.site[begin + now]
            for a in range(width):
                theta[a] = x.unary[begin + a]
            for j in range(x.reads[i], x.reads[i + 1]):
                entry = x.read_entries[j]
                cell = x.net_of[entry] * sites
                writer = x.writer[entry]
                row = x.site[x.first[writer] + y.choice[writer]] * sites
                for a in range(width):
                    site = x.site[begin + a]
                    if y.counts[cell + site] == (1 if a == now else 0):
                        theta[a] += x.caps[cell + site] * x.price[row + site]
            for j in range(x.given_reads[i], x.given_reads[i + 1]):
                cell = x.given_net_of[x.given_entries[j]] * sites
                for a in range(width):
                    site = x.site[begin + a]
                    if y.given_counts[cell + site] == (1 if a == now else 0):
                        theta[a] += x.given_caps[cell + site]
            for k in range(x.wrote[i], x.wrote[i + 1]):
                for b in range(sites):
                    if y.counts[k * sites + b] > 0:
                        cap = x.caps[k * sites + b]
                        for a in range(width):
                            theta[a] += cap * x.price[x.site[begin + a] * sites + b]
            best = now
            edge = theta[now] - 1e-12 * abs(theta[now])
            for a in range(width):
                if theta[a] < edge:
                    best = a
                    edge = theta[a]
            if best == now:
                continue
            moved += 1
            y.choice[i] = best
            there = x.site[begin + best]
            for j in range(x.reads[i], x.reads[i + 1]):
                entry = x.read_entries[j]
                net = x.net_of[entry]
                y.dirty[x.writer[entry]] = 1
                y.counts[net * sites + here] -= 1
                y.counts[net * sites + there] += 1
                if y.counts[net * sites + here] <= 1 or y.counts[net * sites + there] <= 2:  # noqa: PLR2004
                    for other in range(x.starts[net], x.starts[net + 1]):
                        y.dirty[x.reader[other]] = 1
            for j in range(x.given_reads[i], x.given_reads[i + 1]):
                net = x.given_net_of[x.given_entries[j]]
                y.given_counts[net * sites + here] -= 1
                y.given_counts[net * sites + there] += 1
                if y.given_counts[net * sites + here] <= 1 or y.given_counts[net * sites + there] <= 2:  # noqa: PLR2004
                    for other in range(x.given_starts[net], x.given_starts[net + 1]):
                        y.dirty[x.given_reader[other]] = 1
            for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
                y.dirty[x.reader[entry]] = 1
        moves += moved
        if moved == 0:
            break
    return moves
