"""The dual bound of messages, and who carries how much of a crossing."""

# ruff: noqa: C901, PLR0912, PLR0915, FURB136, PLR0917, PLR0913
# Flat loops with scalar state, as fast as plain Python is: branches instead of min() and max(), indices instead of
# iterators, one function for one pass.

import math

from pipeline_splitter.solving.plain.layout import BIG, FORBIDDEN, Flat, Layout, State, told

_UNLIKELY = 3e-4
_FAINT = -9.0
_SEED = 1e-3
"""The part of an even share that each reader gets before shares are tilted: a share of zero could not grow."""


def bound(x: Layout, y: State, todo: Flat) -> None:
    """After `forward`: `least` of each block (their sum is a lower bound) and `reduced`."""
    sites, unary, turned = x.sites, x.unary, x.turned
    slots, loads, theta, step = y.slots, y.loads, y.theta, y.step
    for at in range(len(todo)):
        i = todo[at]
        base = i * sites
        told(x, y, i)
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
