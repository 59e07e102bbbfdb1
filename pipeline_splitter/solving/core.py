"""The presolved problem: blocks with a choice, and the nets between them; the rest is folded into numbers.

A block with one permitted site is no variable. A net that such a block writes costs each reader a known sum (it becomes
a *given* net); a crossing that such a reader pays for anyway is free for the others. Nets with the same producer and
the same readers are one. All costs of a problem (its own, then its budgets') are folded alike, so that one core serves
all of them.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from pipeline_splitter.problem import Costs, Flags, Floats, Integers, Problem
from pipeline_splitter.solving import evaluate


@dataclass(frozen=True, slots=True)
class CoreCosts:
    """One linear cost over the core.

    Attributes:
        unary: (f, s): of a free block at a site, with all that its fixed neighbours make of it.
        price: (s, s): as in `Costs`.
        given: (g, s): of bringing given net k to site b; 0 where it is paid for already.
        constant: what is paid whatever is chosen.
    """

    unary: Floats
    price: Floats
    given: Floats
    constant: float


@dataclass(frozen=True, slots=True)
class Incidence:
    """Nets and their free readers, as in `Nets`; reader entries of net k are `starts[k]:starts[k + 1]`."""

    starts: Integers
    readers: Integers


@dataclass(frozen=True, slots=True)
class Core:
    """f free blocks in topological order, `made` nets that one of them writes (by writer), `given` nets that none does.

    Attributes:
        blocks: (f,): index in the problem.
        allowed: (f, s).
        costs: the problem's own first, then one for each budget.
        producer: the producer of each made net, a core index.
        carried_bytes: (made, s): what bringing the net to a site moves; 0 where it is paid for already.
        cpu_hours: (f, s).
        quota_left: (s,).
        fixed_sites: (n,): the only site of a block that is not free; -1 for free ones.
        net_of: (m,): the core net of each net of the problem; -1 where it was folded away.
        entry_of: (r,): the core entry of each reader entry (in its kind); -1 where it was folded away.
    """

    blocks: Integers
    allowed: Flags
    costs: tuple[CoreCosts, ...]
    made: Incidence
    producer: Integers
    carried_bytes: Floats
    given: Incidence
    cpu_hours: Floats
    quota_left: Floats
    fixed_sites: Integers
    net_of: Integers
    entry_of: Integers

    def whole(self, choice: Integers) -> Integers:
        """Return the placement of all blocks, given the sites of the free ones."""
        placement = self.fixed_sites.copy()
        placement[self.blocks] = choice
        return placement


def reduce(problem: Problem, allowed: Flags, order: Integers) -> Core:
    """Return the core of a problem whose blocks may only be where `allowed` says.

    Args:
        problem: the problem to solve.
        allowed: (n, s), at least one site for each block.
        order: all blocks, topologically.
    """
    sites = len(problem.sites)
    nets = problem.nets
    free = allowed.sum(axis=1) > 1
    fixed_sites = np.where(free, -1, allowed.argmax(axis=1))
    blocks = order[free[order]]
    index = np.full(len(free), -1, dtype=np.int64)
    index[blocks] = np.arange(len(blocks))

    net = evaluate.reading_net(nets)
    bound_entry = ~free[nets.readers]
    paid = np.zeros((len(nets.size_bytes), sites), dtype=bool)
    paid[net[bound_entry], fixed_sites[nets.readers[bound_entry]]] = True
    open_readers = np.bincount(net[~bound_entry], minlength=len(nets.size_bytes))
    made = (nets.producer >= 0) & free[nets.producer]
    written = np.flatnonzero(made & (open_readers > 0))
    written = written[np.argsort(index[nets.producer[written]], kind="stable")]
    groups = _Groups(problem, free, written, np.flatnonzero(~made & (open_readers > 1)))
    lone = ~bound_entry & (~made & (open_readers == 1))[net]

    every = (problem.costs, *(budget.costs for budget in problem.budgets))
    return Core(
        blocks=blocks,
        allowed=allowed[blocks],
        costs=tuple(_folded(problem, costs, free, fixed_sites, paid, made, lone, groups, blocks) for costs in every),
        made=Incidence(groups.made_starts, index[groups.made_readers]),
        producer=index[nets.producer[groups.made_first]],
        carried_bytes=np.where(
            paid[groups.made_first],
            0.0,
            np.bincount(
                groups.made_of[groups.made_of >= 0],
                nets.size_bytes[groups.made_of >= 0],
                minlength=len(groups.made_first),
            )[:, None],
        ),
        given=Incidence(groups.given_starts, index[groups.given_readers]),
        cpu_hours=problem.cpu_hours[blocks],
        quota_left=problem.quota_cpu_hours
        - np.bincount(
            fixed_sites[~free],
            problem.cpu_hours[np.flatnonzero(~free), fixed_sites[~free]],
            minlength=sites,
        ),
        fixed_sites=fixed_sites,
        net_of=np.where(groups.made_of >= 0, groups.made_of, groups.given_of),
        entry_of=groups.entry_of,
    )


class _Groups:
    """Nets that are one: made ones by producer and readers, given ones by their free readers."""

    def __init__(self, problem: Problem, free: Flags, made: Integers, given: Integers) -> None:
        nets = problem.nets
        count = len(nets.size_bytes)
        net = evaluate.reading_net(nets)
        arranged = np.lexsort((nets.readers, net))
        readers = nets.readers[arranged]
        loose = free[readers]
        # Positions within the free readers of a net, in order of reader.
        running = np.concatenate([[0], np.cumsum(loose)])
        begins = running[nets.starts[:-1]]
        free_readers = readers[loose]
        ends = running[nets.starts[1:]]
        self.made_of = np.full(count, -1, dtype=np.int64)
        self.given_of = np.full(count, -1, dtype=np.int64)
        made_first = _number(
            self.made_of,
            made,
            lambda k: (int(nets.producer[k]), readers[nets.starts[k] : nets.starts[k + 1]].tobytes()),
        )
        given_first = _number(self.given_of, given, lambda k: free_readers[begins[k] : ends[k]].tobytes())
        self.made_first = np.array(made_first, dtype=np.int64)
        self.given_first = np.array(given_first, dtype=np.int64)
        self.made_starts, self.made_readers = _gathered(free_readers, begins, ends, self.made_first)
        self.given_starts, self.given_readers = _gathered(free_readers, begins, ends, self.given_first)
        self.entry_of = np.full(len(readers), -1, dtype=np.int64)
        loose_at = np.flatnonzero(loose)
        place = np.arange(len(loose_at)) - begins[net[arranged[loose_at]]]
        owner = net[arranged[loose_at]]
        for of, starts in ((self.made_of, self.made_starts), (self.given_of, self.given_starts)):
            mine = of[owner] >= 0
            self.entry_of[arranged[loose_at[mine]]] = starts[of[owner[mine]]] + place[mine]


def _number(of: Integers, nets: Integers, key: Callable[[int], Hashable]) -> list[int]:
    """Numbers the nets by key, in order of appearance; returns the first net of each number."""
    numbers: dict[Hashable, int] = {}
    first: list[int] = []
    for net in nets.tolist():
        found = numbers.setdefault(key(net), len(first))
        if found == len(first):
            first.append(net)
        of[net] = found
    return first


def _gathered(free_readers: Integers, begins: Integers, ends: Integers, chosen: Integers) -> tuple[Integers, Integers]:
    """Return `starts` and readers of the chosen nets, one after the other."""
    counts = ends[chosen] - begins[chosen]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    at = np.repeat(begins[chosen] - starts[:-1], counts) + np.arange(starts[-1])
    return starts, free_readers[at]


def _folded(  # noqa: PLR0913, PLR0917  # what `reduce` has found, once for each of the problem's costs
    problem: Problem,
    costs: Costs,
    free: Flags,
    fixed_sites: Integers,
    paid: Flags,
    made: Flags,
    lone: Flags,
    groups: _Groups,
    blocks: Integers,
) -> CoreCosts:
    """Return one cost over the core."""
    nets = problem.nets
    net = evaluate.reading_net(nets)
    fetched = np.where(
        (nets.producer >= 0)[:, None],
        nets.size_bytes[:, None] * costs.price[fixed_sites[nets.producer]],
        costs.fixed,
    )
    fetched[made] = 0.0
    unary = costs.unary.copy()
    constant = float(unary[np.flatnonzero(~free), fixed_sites[~free]].sum()) + float(fetched[paid].sum())
    fetched[paid] = 0.0
    delivered = made & paid.any(axis=1)
    np.add.at(
        unary,
        nets.producer[delivered],
        nets.size_bytes[delivered, None] * (paid[delivered].astype(np.float64) @ costs.price.T),
    )
    np.add.at(unary, nets.readers[lone], fetched[net[lone]])
    given = np.zeros((len(groups.given_first), paid.shape[1]))
    members = groups.given_of >= 0
    np.add.at(given, groups.given_of[members], fetched[members])
    return CoreCosts(unary[blocks], costs.price, given, constant)


def topological_order(problem: Problem) -> Integers:
    """Return all blocks, every writer before its readers.

    Raises:
        ValueError: the edges have a cycle.
    """
    count = len(problem.blocks)
    nets = problem.nets
    producer = nets.producer[evaluate.reading_net(nets)]
    written = producer >= 0
    pairs = np.concatenate(
        [problem.edges.reshape(-1, 2).astype(np.int64), np.stack([producer[written], nets.readers[written]], axis=1)]
    )
    pairs = np.unique(pairs, axis=0)
    starts = np.searchsorted(pairs[:, 0], np.arange(count + 1)).tolist()
    later = pairs[:, 1].tolist()
    waits = np.bincount(pairs[:, 1], minlength=count).tolist()
    ready = [block for block in range(count - 1, -1, -1) if waits[block] == 0]
    order: list[int] = []
    while ready:
        block = ready.pop()
        order.append(block)
        for after in later[starts[block] : starts[block + 1]]:
            waits[after] -= 1
            if waits[after] == 0:
                ready.append(after)
    if len(order) < count:
        raise ValueError("the edges between blocks have a cycle")
    return np.array(order, dtype=np.int64)
