"""Primal heuristics: placements that messages suggest, and what moves of one block make of them."""

# ruff: noqa: C901, PLR0912, PLR0915
# Flat loops with scalar state, as fast as plain Python is: branches instead of min() and max(), indices instead of
# iterators, one function for one pass.

from pipeline_splitter.solving.plain.layout import Flat, Layout, State


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
