"""Forward and backward passes: the messages that blocks send each other."""

# ruff: noqa: C901, PLR0912, PLR0915, FURB136
# Flat loops with scalar state, as fast as plain Python is: branches instead of min() and max(), indices instead of
# iterators, one function for one pass.

from pipeline_splitter.solving.plain.layout import BIG, FORBIDDEN, Flat, Layout, State, told


def forward(x: Layout, y: State, todo: Flat, *, move: bool) -> None:
    """Pass on from each block, writers first, its part of what it knows to its readers.

    With `move`, a reader of a shared net first takes its part of what nobody carries, and then gives back what is not
    needed to keep its message as it is.
    """
    sites, unary, price, inverse = x.sites, x.unary, x.price, x.inverse
    slots, loads, theta, step, needs = y.slots, y.loads, y.theta, y.step, y.needs
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
        told(x, y, i)
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
    """Pass on from each block, readers first, its part of what it knows to its writers; `move` as in `forward`."""
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
