"""Tie-breaking local search: of plans equal in all that was asked, fewer bytes, then less money.

A solver stops at the first plan that is best by the objectives; many others may be as good, and some move less. Single
blocks move, one after the other, as long as that helps; then all that one datum is brought for, together. What is kept
equal is each objective of the list; a makespan is kept by scheduling again, in the order of the plan's own starts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from moorage.objectives import BYTES, MONEY, Objective
from pipeline_splitter.costing import Basis, charge
from pipeline_splitter.costing.alternatives import QUOTA_TOLERANCE, block_sites
from pipeline_splitter.costing.building import make_costs, make_nets
from pipeline_splitter.costing.moves import linear_deltas
from pipeline_splitter.costing.schedule import Workload, make_workload, schedule
from pipeline_splitter.planning.placing import Placed
from pipeline_splitter.problem import Costs, Flags, Floats, Integers, Limits, Nets

SAME = 1e-9
"""Relative: plans that differ by no more are equal."""
_MOST_ROUNDS = 100
_MOST_SCHEDULED = 1_000_000
"""Tasks in all the schedules that are made anew: some seconds."""
_MOST_TOGETHER = 200
_MOST_COUNTED = 2_000_000
"""Transfers in one round, the largest first, whose readers are tried together; and all reads that this counts again."""
_TIES = (BYTES, MONEY)
"""The objectives that decide between plans which are equal in all that was asked for."""


def prefer(placed: Placed, basis: Basis, limits: Limits) -> Placed:
    """Return the placement, after all moves of single blocks that leave every objective as good and move or cost less.

    Args:
        placed: the best that was found by the list.
        basis: the basis of the graph that was placed, by the whole list.
        limits: the deadline ends it.
    """
    if placed.site_of is None or not basis.blocks.members:
        return placed
    search = _Search(placed, basis, charge(basis, placed.site_of, placed.starts).costs)
    for _ in range(_MOST_ROUNDS):
        if limits.clock() >= limits.deadline or not (search.round() or search.together()):
            break
    return search.placed()


@dataclass
class _Search:
    """The placement as it is now, and how far each objective has drifted from where it was."""

    start: Placed
    basis: Basis
    value: Mapping[str, float]
    nets: Nets = field(init=False)
    costs: dict[str, Costs] = field(init=False)
    placement: Integers = field(init=False)
    drift: dict[str, float] = field(init=False)
    timetable: "_Timetable | None" = field(init=False)
    touched_by: list[list[int]] = field(init=False)
    moved: bool = False

    def __post_init__(self) -> None:
        basis = self.basis
        self.nets, data = make_nets(basis)
        asked = [each for each in basis.objectives if each.is_linear]
        self.costs = {each.name: make_costs(basis, data, each) for each in (*asked, *_TIES)}
        self.placement = block_sites(basis, self.start.site_of or {})
        self.drift = dict.fromkeys(self.costs, 0.0)
        self.timetable = None
        if len(asked) < len(basis.objectives):
            self.timetable = _Timetable.of(basis, self.start.starts, self.placement, self.value)
        self.touched_by = _touched(self.nets, len(self.placement))

    def round(self) -> bool:
        """Take every move that helps and concerns nothing that another move of this round does."""
        asked = [each for each in self.basis.objectives if each.is_linear]
        open_moves = self.start.problem.allowed.copy()
        open_moves[np.arange(len(self.placement)), self.placement] = False
        deltas: dict[str, Floats] = {}
        for each in (*asked, *_TIES):
            if not open_moves.any():
                return False
            if each.name not in deltas:
                deltas[each.name] = linear_deltas(self.costs[each.name], self.nets, self.placement)
            if each in asked:
                open_moves &= deltas[each.name] + self.drift[each.name] <= self._rounding(each)
        touched: set[int] = set()
        took = False
        for block, site in self._ranked(deltas, open_moves):
            nets = self.touched_by[block]
            if not touched.isdisjoint(nets):
                continue
            moved = self.placement.copy()
            moved[block] = site
            if self._fits(moved) and self._in_time(moved):
                self.placement = moved
                touched.update(nets)
                for each in asked:
                    self.drift[each.name] += float(deltas[each.name][block, site])
                took = self.moved = True
        return took

    def together(self) -> bool:
        """Move all readers that one datum is brought for to where it is, or to a copy, if that helps."""
        asked = [each for each in self.basis.objectives if each.is_linear]
        asked_names = {each.name for each in asked}
        now = {each.name: _total(self.costs[each.name], self.nets, self.placement) for each in (*asked, *_TIES)}
        for readers, site in self._brought_for():
            if not self.start.problem.allowed[readers, site].all():
                continue
            moved = self.placement.copy()
            moved[readers] = site
            added: dict[str, float] = {}
            for name, value in now.items():
                change = _total(self.costs[name], self.nets, moved) - value
                if name in asked_names and change + self.drift[name] > SAME * self.value[name]:
                    break
                added[name] = change
            if len(added) < len(now):
                continue
            fewer, cheaper = (added[each.name] for each in _TIES)
            rounding = [self._rounding(each) for each in _TIES]
            helps = fewer < -rounding[0] or (fewer <= rounding[0] and cheaper < -rounding[1])
            if helps and self._fits(moved) and self._in_time(moved):
                self.placement = moved
                self.moved = True
                for each in asked:
                    self.drift[each.name] += added[each.name]
                return True
        return False

    def _brought_for(self) -> Iterator[tuple[Integers, int]]:
        """Yield, for transfers with several readers, these and each site where it would not be needed."""
        nets, entry = self.nets, _entry_nets(self.nets)
        most = min(_MOST_TOGETHER, _MOST_COUNTED // max(len(entry), 1))
        here = self.placement[nets.readers]
        bringing = np.where(
            nets.producer[entry] >= 0,
            self.placement[nets.producer[entry]] != here,
            self.costs[BYTES.name].fixed[entry, here] > 0,
        )
        pairs, counts = np.unique(entry[bringing] * len(self.basis.rates.sites) + here[bringing], return_counts=True)
        several = pairs[counts > 1]
        sizes = nets.size_bytes[several // len(self.basis.rates.sites)]
        for pair in several[np.lexsort((several, -sizes))][:most].tolist():
            net, site = divmod(pair, len(self.basis.rates.sites))
            readers = nets.readers[(entry == net) & (here == site)]
            if nets.producer[net] >= 0:
                yield readers, int(self.placement[nets.producer[net]])
                continue
            for copy in np.flatnonzero(self.costs[BYTES.name].fixed[net] == 0).tolist():
                yield readers, copy

    def placed(self) -> Placed:
        """Return the placement where the search ended."""
        if not self.moved:
            return self.start
        sites = self.basis.rates.sites
        site_of = {
            name: sites[int(self.placement[block])]
            for name, block in zip(self.basis.table.tasks, self.basis.block_of.tolist(), strict=True)
        }
        starts = self.start.starts
        if self.timetable is not None:
            starts = dict(zip(self.basis.table.tasks, self.timetable.starts, strict=True))
        return replace(self.start, site_of=site_of, starts=starts)

    def _rounding(self, objective: Objective) -> float:
        return SAME * self.value[objective.name]

    def _ranked(self, deltas: Mapping[str, Floats], open_moves: Flags) -> Iterator[tuple[int, int]]:
        """Moves that help, the best first."""
        blocks, sites = np.nonzero(open_moves)
        fewer, cheaper = (deltas[each.name][blocks, sites] for each in _TIES)
        rounding = [self._rounding(each) for each in _TIES]
        helps = (fewer < -rounding[0]) | ((fewer <= rounding[0]) & (cheaper < -rounding[1]))
        blocks, sites, fewer, cheaper = blocks[helps], sites[helps], fewer[helps], cheaper[helps]
        order = np.lexsort((sites, blocks, cheaper, fewer))
        yield from zip(blocks[order].tolist(), sites[order].tolist(), strict=True)

    def _fits(self, moved: Integers) -> bool:
        problem = self.start.problem
        if np.isinf(problem.quota_cpu_hours).all():
            return True
        hours = problem.cpu_hours[np.arange(len(moved)), moved]
        used = np.bincount(moved, weights=hours, minlength=len(problem.sites))
        return bool((used <= problem.quota_cpu_hours * (1 + QUOTA_TOLERANCE)).all())

    def _in_time(self, moved: Integers) -> bool:
        return self.timetable is None or self.timetable.keeps(moved)


@dataclass
class _Timetable:
    """A schedule that ends no later than the plan's."""

    workload: Workload
    block_of: Integers
    starts: Sequence[float]
    latest: float
    scheduled: int = 0

    @classmethod
    def of(
        cls, basis: Basis, starts: Mapping[str, float] | None, placement: Integers, value: Mapping[str, float]
    ) -> "_Timetable":
        workload = make_workload(basis)
        begun: Sequence[float]
        if starts is None:
            begun, _ = schedule(workload, placement[basis.block_of].tolist())
        else:
            begun = [starts[name] for name in basis.table.tasks]
        return cls(workload, basis.block_of, begun, value["time"] * (1 + SAME))

    def keeps(self, moved: Integers) -> bool:
        """Return whether the run ends no later with the blocks there; if so, keep these starts.

        Tasks are taken in the order of their starts up to now: so the placement as it is ends no later than before.
        """
        if self.scheduled >= _MOST_SCHEDULED:
            return False
        self.scheduled += len(self.block_of)
        place = {task: index for index, task in enumerate(self.workload.order)}
        order = tuple(sorted(self.workload.order, key=lambda task: (self.starts[task], place[task])))
        starts, ends = schedule(replace(self.workload, order=order), moved[self.block_of].tolist())
        if max(ends, default=0.0) > self.latest:
            return False
        self.starts = starts
        return True


def _entry_nets(nets: Nets) -> Integers:
    """Return (r,): the net of each reader entry."""
    return np.repeat(np.arange(len(nets.producer), dtype=np.int64), np.diff(nets.starts))


def _total(costs: Costs, nets: Nets, placement: Integers) -> float:
    """Return the cost of a placement."""
    sites = costs.unary.shape[1]
    pairs = np.unique(_entry_nets(nets) * sites + placement[nets.readers])
    net, site = pairs // sites, pairs % sites
    producer = nets.producer[net]
    moving = np.where(
        producer < 0, costs.fixed[net, site], nets.size_bytes[net] * costs.price[placement[producer], site]
    )
    return float(costs.unary[np.arange(len(placement)), placement].sum() + moving.sum())


def _touched(nets: Nets, count: int) -> list[list[int]]:
    """Return the nets that each block reads or writes, of which its moves change the price."""
    found: list[list[int]] = [[] for _ in range(count)]
    for net, reader in zip(_entry_nets(nets).tolist(), nets.readers.tolist(), strict=True):
        found[reader].append(net)
    for net, producer in enumerate(nets.producer.tolist()):
        if producer >= 0:
            found[producer].append(net)
    return found
