"""The inner loops of the solver for scale: plain Python over flat sequences, compiled where the problem is large.

All arrays are flat and row-major over s sites: `unary[i * s + a]`. They may be lists (a small problem needs no
compiler) or numpy arrays. Entry e is one reader of one made net. `todo` lists the blocks
to work on, writers before readers.

`slots` holds one message for each entry: after `forward` those to the readers (psi), after `backward` those to the
writers (phi). `loads` is what each reader carries of a crossing: bytes for made nets, cost for given ones.
"""

# ruff: noqa: C901, PLR0912, PLR0915, FURB136, PLR0917, PLR0913
# Flat loops with scalar state are what compiles to tight code: branches instead of min() and max(), indices instead of
# iterators, one function for one pass.

import math
from typing import Any, NamedTuple

Flat = Any
"""A list or a one-dimensional array of numbers."""

BIG = 1e60
"""The cost of a site where a block may not be."""
FORBIDDEN = 1e59
_UNLIKELY = 3e-4
_FAINT = -9.0
_SEED = 1e-3
"""So much of an even share each reader gets before shares are tilted: a share of zero could not grow."""


class Layout(NamedTuple):
    """What stays as it is.

    Attributes:
        sites: how many.
        unary: of a block at a site.
        price: of one byte from a to b, `price[a * s + b]`.
        turned: `turned[b * s + a]`, the same.
        inverse: 1 / price, 0 where it is 0.
        turned_inverse: likewise, turned.
        dearest: the highest price.
        wrote: nets of block i are `wrote[i]:wrote[i + 1]`.
        starts: entries of net k are `starts[k]:starts[k + 1]`.
        readers: block of each entry.
        writer: block that writes the entry's net.
        net_of: net of each entry.
        shared: 1 where the net has other readers too.
        reads: what block i reads are the entries `read_entries[reads[i]:reads[i + 1]]`.
        read_entries: see `reads`.
        caps: bytes of net k brought to site b.
        given_starts, given_readers, given_net_of, given_reads, given_entries: likewise for given nets.
        given_caps: cost of given net k at site b.
        pieces: component of each block.
        push: part of what a block knows that goes along each edge, forward.
        pull: likewise, backward.
    """

    sites: int
    unary: Flat
    price: Flat
    turned: Flat
    inverse: Flat
    turned_inverse: Flat
    dearest: float
    wrote: Flat
    starts: Flat
    readers: Flat
    writer: Flat
    net_of: Flat
    shared: Flat
    reads: Flat
    read_entries: Flat
    caps: Flat
    given_starts: Flat
    given_readers: Flat
    given_net_of: Flat
    given_reads: Flat
    given_entries: Flat
    given_caps: Flat
    pieces: Flat
    push: Flat
    pull: Flat


class State(NamedTuple):
    """What changes.

    Attributes:
        slots: messages, (entries, s).
        loads: of made nets, (entries, s).
        given_loads: of given nets, (given entries, s).
        pool, given_pool: what no reader carries of a net at a site.
        left, given_left: readers of a net that a pass has not seen yet.
        theta, step, needs: of one block or entry, (s,); scratch.
        reduced: what a block's site costs above its best one.
        least: of each block, what its best site costs.
        choice: site of each block.
        counts, given_counts: readers of a net at a site.
        dirty: 1 where a block may have a better site.
    """

    slots: Flat
    loads: Flat
    given_loads: Flat
    pool: Flat
    given_pool: Flat
    left: Flat
    given_left: Flat
    theta: Flat
    step: Flat
    needs: Flat
    reduced: Flat
    least: Flat
    choice: Flat
    counts: Flat
    given_counts: Flat
    dirty: Flat


def forward(x: Layout, y: State, todo: Flat, *, move: bool) -> None:
    """Each block, writers first, passes its part of what it knows to its readers.

    With `move`, a reader of a shared net first takes its part of what nobody carries, and then gives back what is not
    needed to keep its message as it is.
    """
    sites, unary, price, inverse = x.sites, x.unary, x.price, x.inverse
    slots, loads, given_loads, theta, step, needs = y.slots, y.loads, y.given_loads, y.theta, y.step, y.needs
    pool, left = y.pool, y.left
    if move:
        for k in range(len(left)):
            left[k] = x.starts[k + 1] - x.starts[k]
    for at in range(len(todo)):
        i = todo[at]
        first = x.starts[x.wrote[i]]
        last = x.starts[x.wrote[i + 1]]
        if first == last:
            continue
        base = i * sites
        for a in range(sites):
            theta[a] = unary[base + a]
        for j in range(x.reads[i], x.reads[i + 1]):
            e = x.read_entries[j] * sites
            for a in range(sites):
                theta[a] += slots[e + a]
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            e = x.given_entries[j] * sites
            for a in range(sites):
                theta[a] += given_loads[e + a]
        for entry in range(first, last):
            e = entry * sites
            for a in range(sites):
                theta[a] += slots[e + a]
        gamma = x.push[i]
        for entry in range(first, last):
            e = entry * sites
            net = x.net_of[entry]
            cell = net * sites
            take = move and x.shared[entry] > 0
            if take:
                part = 1.0 / left[net]
                left[net] -= 1
                for b in range(sites):
                    pool[cell + b] += loads[e + b]
                    loads[e + b] += part * (pool[cell + b] - loads[e + b])
            for b in range(sites):
                step[b] = BIG
            for a in range(sites):
                if unary[base + a] > FORBIDDEN:
                    continue
                h = gamma * theta[a] - slots[e + a]
                row = a * sites
                for b in range(sites):
                    t = h + loads[e + b] * price[row + b]
                    step[b] = t if t < step[b] else step[b]
            if take:
                there = x.readers[entry] * sites
                for b in range(sites):
                    needs[b] = 0.0
                for a in range(sites):
                    if unary[base + a] > FORBIDDEN:
                        continue
                    h = gamma * theta[a] - slots[e + a]
                    row = a * sites
                    for b in range(sites):
                        t = (step[b] - h) * inverse[row + b]
                        needs[b] = t if t > needs[b] else needs[b]
                for b in range(sites):
                    t = needs[b] if needs[b] < loads[e + b] else loads[e + b]
                    loads[e + b] = t if unary[there + b] < FORBIDDEN else 0.0
                    pool[cell + b] -= loads[e + b]
            low = step[0]
            for b in range(sites):
                low = step[b] if step[b] < low else low
            for b in range(sites):
                slots[e + b] = step[b] - low


def backward(x: Layout, y: State, todo: Flat, *, move: bool) -> None:
    """Each block, readers first, passes its part of what it knows to its writers; `move` as in `forward`."""
    sites, unary, turned, inverse = x.sites, x.unary, x.turned, x.turned_inverse
    slots, loads, given_loads, theta, step = y.slots, y.loads, y.given_loads, y.theta, y.step
    pool, left, given_pool, given_left = y.pool, y.left, y.given_pool, y.given_left
    if move:
        for k in range(len(left)):
            left[k] = x.starts[k + 1] - x.starts[k]
        for k in range(len(given_left)):
            given_left[k] = x.given_starts[k + 1] - x.given_starts[k]
    for at in range(len(todo)):
        i = todo[len(todo) - 1 - at]
        if x.reads[i] == x.reads[i + 1] and x.given_reads[i] == x.given_reads[i + 1]:
            continue
        base = i * sites
        for a in range(sites):
            theta[a] = unary[base + a]
        for j in range(x.reads[i], x.reads[i + 1]):
            e = x.read_entries[j] * sites
            for a in range(sites):
                theta[a] += slots[e + a]
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            e = x.given_entries[j] * sites
            if move:
                net = x.given_net_of[x.given_entries[j]]
                cell = net * sites
                part = 1.0 / given_left[net]
                given_left[net] -= 1
                for a in range(sites):
                    given_pool[cell + a] += given_loads[e + a]
                    given_loads[e + a] += part * (given_pool[cell + a] - given_loads[e + a])
            for a in range(sites):
                theta[a] += given_loads[e + a]
        for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
            e = entry * sites
            for a in range(sites):
                theta[a] += slots[e + a]
        gamma = x.pull[i]
        for j in range(x.reads[i], x.reads[i + 1]):
            entry = x.read_entries[j]
            e = entry * sites
            origin = x.writer[entry] * sites
            net = x.net_of[entry]
            cell = net * sites
            take = move and x.shared[entry] > 0
            if take:
                part = 1.0 / left[net]
                left[net] -= 1
                for b in range(sites):
                    pool[cell + b] += loads[e + b]
                    loads[e + b] += part * (pool[cell + b] - loads[e + b])
            for a in range(sites):
                step[a] = BIG
            for b in range(sites):
                if unary[base + b] > FORBIDDEN:
                    continue
                g = gamma * theta[b] - slots[e + b]
                load = loads[e + b]
                row = b * sites
                for a in range(sites):
                    t = g + load * turned[row + a]
                    step[a] = t if t < step[a] else step[a]
            if take:
                for b in range(sites):
                    if unary[base + b] > FORBIDDEN:
                        loads[e + b] = 0.0
                        continue
                    g = gamma * theta[b] - slots[e + b]
                    row = b * sites
                    need = 0.0
                    for a in range(sites):
                        if unary[origin + a] > FORBIDDEN:
                            continue
                        t = (step[a] - g) * inverse[row + a]
                        need = t if t > need else need
                    loads[e + b] = need if need < loads[e + b] else loads[e + b]
                    pool[cell + b] -= loads[e + b]
            low = step[0]
            for a in range(sites):
                low = step[a] if step[a] < low else low
            for a in range(sites):
                slots[e + a] = step[a] - low
        if move and x.given_reads[i] < x.given_reads[i + 1]:
            low = BIG
            for a in range(sites):
                low = theta[a] if theta[a] < low else low
            for j in range(x.given_reads[i], x.given_reads[i + 1]):
                e = x.given_entries[j] * sites
                cell = x.given_net_of[x.given_entries[j]] * sites
                for a in range(sites):
                    t = given_loads[e + a] - gamma * (theta[a] - low)
                    given_loads[e + a] = t if t > 0.0 else 0.0
                    given_pool[cell + a] -= given_loads[e + a]


def bound(x: Layout, y: State, todo: Flat) -> None:
    """After `forward`: `least` of each block (their sum is a lower bound) and `reduced`."""
    sites, unary, turned = x.sites, x.unary, x.turned
    slots, loads, given_loads, theta, step = y.slots, y.loads, y.given_loads, y.theta, y.step
    for at in range(len(todo)):
        i = todo[at]
        base = i * sites
        for a in range(sites):
            theta[a] = unary[base + a]
        for j in range(x.reads[i], x.reads[i + 1]):
            e = x.read_entries[j] * sites
            for a in range(sites):
                theta[a] += slots[e + a]
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            e = x.given_entries[j] * sites
            for a in range(sites):
                theta[a] += given_loads[e + a]
        for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
            e = entry * sites
            there = x.readers[entry] * sites
            for a in range(sites):
                step[a] = BIG
            for b in range(sites):
                if unary[there + b] > FORBIDDEN:
                    continue
                psi = slots[e + b]
                load = loads[e + b]
                row = b * sites
                for a in range(sites):
                    t = load * turned[row + a] - psi
                    step[a] = t if t < step[a] else step[a]
            for a in range(sites):
                theta[a] += step[a]
        low = BIG
        for a in range(sites):
            low = theta[a] if theta[a] < low else low
        y.least[i] = low
        for a in range(sites):
            y.reduced[base + a] = theta[a] - low


def tilt(x: Layout, y: State, todo: Flat, given_todo: Flat, heat: Flat, eta: float) -> None:
    """After `bound`: a gradient step on the shares, multiplicative, towards readers that are likely to be at a site.

    How likely is said by a soft minimum over `reduced` at temperature `heat[component]`: what the hard minimum cannot
    see is which of several equally good sites others depend on, and there sequential passes alone get stuck.
    """
    sites, unary, turned = x.sites, x.unary, x.turned
    slots, loads, given_loads, step, needs = y.slots, y.loads, y.given_loads, y.step, y.needs
    for at in range(len(todo)):
        i = todo[at]
        origin = i * sites
        tau = heat[x.pieces[i]]
        for net in range(x.wrote[i], x.wrote[i + 1]):
            first = x.starts[net]
            last = x.starts[net + 1]
            if last - first == 1:
                continue
            cell = net * sites
            for entry in range(first, last):
                e = entry * sites
                there = x.readers[entry] * sites
                whole = 0.0
                for b in range(sites):
                    step[b] = BIG
                    needs[b] = 0.0
                    if unary[there + b] < FORBIDDEN:
                        t = -y.reduced[there + b] / tau
                        needs[b] = math.exp(t) if t > _FAINT else 0.0
                        whole += needs[b]
                for b in range(sites):
                    if unary[there + b] > FORBIDDEN:
                        continue
                    psi = slots[e + b]
                    load = loads[e + b]
                    row = b * sites
                    for a in range(sites):
                        t = load * turned[row + a] - psi
                        step[a] = t if t < step[a] else step[a]
                for b in range(sites):
                    likely = needs[b] / whole
                    if likely < _UNLIKELY:
                        continue
                    row = b * sites
                    load = loads[e + b]
                    low = BIG
                    for a in range(sites):
                        if unary[origin + a] < FORBIDDEN:
                            t = load * turned[row + a] - step[a] + y.reduced[origin + a]
                            low = t if t < low else low
                    mass = 0.0
                    crossing = 0.0
                    for a in range(sites):
                        if unary[origin + a] < FORBIDDEN:
                            t = (low - load * turned[row + a] + step[a] - y.reduced[origin + a]) / tau
                            if t > _FAINT:
                                t = math.exp(t)
                                mass += t
                                crossing += t * turned[row + a]
                    seed = _SEED * x.caps[cell + b] / (last - first)
                    loads[e + b] = (load + seed) * math.exp(eta * likely * crossing / (mass * x.dearest))
            for b in range(sites):
                total = 0.0
                for entry in range(first, last):
                    if unary[x.readers[entry] * sites + b] < FORBIDDEN:
                        total += loads[entry * sites + b]
                    else:
                        loads[entry * sites + b] = 0.0
                if total > 0.0:
                    factor = x.caps[cell + b] / total
                    for entry in range(first, last):
                        loads[entry * sites + b] *= factor
                y.pool[cell + b] = 0.0
    for at in range(len(given_todo)):
        net = given_todo[at]
        first = x.given_starts[net]
        last = x.given_starts[net + 1]
        cell = net * sites
        for entry in range(first, last):
            e = entry * sites
            there = x.given_readers[entry] * sites
            tau = heat[x.pieces[x.given_readers[entry]]]
            whole = 0.0
            for b in range(sites):
                needs[b] = 0.0
                if unary[there + b] < FORBIDDEN:
                    needs[b] = math.exp(-y.reduced[there + b] / tau)
                    whole += needs[b]
            for b in range(sites):
                if unary[there + b] < FORBIDDEN:
                    seed = _SEED * x.given_caps[cell + b] / (last - first)
                    given_loads[e + b] = (given_loads[e + b] + seed) * math.exp(eta * needs[b] / whole)
                else:
                    given_loads[e + b] = 0.0
        for b in range(sites):
            total = 0.0
            for entry in range(first, last):
                total += given_loads[entry * sites + b]
            if total > 0.0:
                factor = x.given_caps[cell + b] / total
                for entry in range(first, last):
                    given_loads[entry * sites + b] *= factor
            y.given_pool[cell + b] = 0.0


def decode(x: Layout, y: State, todo: Flat, *, full: bool) -> None:
    """After `backward`: each block, writers first, goes where it is cheapest, given the sites of its writers.

    With `full` the first reader at a site is charged all of a crossing, else its share.
    """
    sites, unary, price, theta = x.sites, x.unary, x.price, y.theta
    counts, given_counts, choice = y.counts, y.given_counts, y.choice
    for k in range(len(counts)):
        counts[k] = 0
    for k in range(len(given_counts)):
        given_counts[k] = 0
    for at in range(len(todo)):
        i = todo[at]
        base = i * sites
        for a in range(sites):
            theta[a] = unary[base + a]
        for j in range(x.reads[i], x.reads[i + 1]):
            entry = x.read_entries[j]
            e = entry * sites
            cell = x.net_of[entry] * sites
            row = choice[x.writer[entry]] * sites
            for a in range(sites):
                if counts[cell + a] == 0:
                    theta[a] += (x.caps[cell + a] if full else y.loads[e + a]) * price[row + a]
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            entry = x.given_entries[j]
            cell = x.given_net_of[entry] * sites
            for a in range(sites):
                if given_counts[cell + a] == 0:
                    theta[a] += x.given_caps[cell + a] if full else y.given_loads[entry * sites + a]
        for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
            e = entry * sites
            for a in range(sites):
                theta[a] += y.slots[e + a]
        best = 0
        for a in range(sites):
            if theta[a] < theta[best]:
                best = a
        choice[i] = best
        for j in range(x.reads[i], x.reads[i + 1]):
            counts[x.net_of[x.read_entries[j]] * sites + best] += 1
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            given_counts[x.given_net_of[x.given_entries[j]] * sites + best] += 1


def recount(x: Layout, y: State, todo: Flat) -> None:
    """Makes `counts` and `given_counts` those of `choice`."""
    sites = x.sites
    for k in range(len(y.counts)):
        y.counts[k] = 0
    for k in range(len(y.given_counts)):
        y.given_counts[k] = 0
    for at in range(len(todo)):
        i = todo[at]
        for j in range(x.reads[i], x.reads[i + 1]):
            y.counts[x.net_of[x.read_entries[j]] * sites + y.choice[i]] += 1
        for j in range(x.given_reads[i], x.given_reads[i + 1]):
            y.given_counts[x.given_net_of[x.given_entries[j]] * sites + y.choice[i]] += 1


def improve(x: Layout, y: State, todo: Flat, passes: int) -> int:
    """Moves one block at a time while that is cheaper, each crossing counted once; returns the number of moves.

    Looks at `dirty` blocks; a move makes its neighbours dirty.
    """
    sites, unary, price, turned, theta = x.sites, x.unary, x.price, x.turned, y.theta
    counts, given_counts, choice, dirty = y.counts, y.given_counts, y.choice, y.dirty
    moves = 0
    for _ in range(passes):
        moved = 0
        for at in range(len(todo)):
            i = todo[at]
            if dirty[i] == 0:
                continue
            dirty[i] = 0
            base = i * sites
            here = choice[i]
            for a in range(sites):
                theta[a] = unary[base + a]
            for j in range(x.reads[i], x.reads[i + 1]):
                entry = x.read_entries[j]
                cell = x.net_of[entry] * sites
                row = choice[x.writer[entry]] * sites
                for a in range(sites):
                    others = counts[cell + a] - (1 if a == here else 0)
                    if others == 0:
                        theta[a] += x.caps[cell + a] * price[row + a]
            for j in range(x.given_reads[i], x.given_reads[i + 1]):
                cell = x.given_net_of[x.given_entries[j]] * sites
                for a in range(sites):
                    others = given_counts[cell + a] - (1 if a == here else 0)
                    if others == 0:
                        theta[a] += x.given_caps[cell + a]
            for k in range(x.wrote[i], x.wrote[i + 1]):
                for b in range(sites):
                    if counts[k * sites + b] > 0:
                        cap = x.caps[k * sites + b]
                        row = b * sites
                        for a in range(sites):
                            theta[a] += cap * turned[row + a]
            best = here
            edge = theta[here] - 1e-12 * (theta[here] if theta[here] > 0.0 else -theta[here])
            for a in range(sites):
                if theta[a] < edge:
                    best = a
                    edge = theta[a]
            if best == here:
                continue
            moved += 1
            choice[i] = best
            for j in range(x.reads[i], x.reads[i + 1]):
                entry = x.read_entries[j]
                net = x.net_of[entry]
                dirty[x.writer[entry]] = 1
                counts[net * sites + here] -= 1
                counts[net * sites + best] += 1
                if counts[net * sites + here] <= 1 or counts[net * sites + best] <= 2:  # noqa: PLR2004
                    for other in range(x.starts[net], x.starts[net + 1]):
                        dirty[x.readers[other]] = 1
            for j in range(x.given_reads[i], x.given_reads[i + 1]):
                net = x.given_net_of[x.given_entries[j]]
                given_counts[net * sites + here] -= 1
                given_counts[net * sites + best] += 1
                if given_counts[net * sites + here] <= 1 or given_counts[net * sites + best] <= 2:  # noqa: PLR2004
                    for other in range(x.given_starts[net], x.given_starts[net + 1]):
                        dirty[x.given_readers[other]] = 1
            for entry in range(x.starts[x.wrote[i]], x.starts[x.wrote[i + 1]]):
                dirty[x.readers[entry]] = 1
        moves += moved
        if moved == 0:
            break
    return moves
