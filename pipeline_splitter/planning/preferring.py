"""Tie-breaking local search: of plans equal in all that was asked, fewer bytes, then less money.

A solver stops at the first plan that is best by the objectives; many others may be as good, and some move less. Single
blocks move, one after the other, as long as that helps: no search for moves that help only together. What is kept
equal is each objective of the list; a makespan is kept by scheduling anew, in the order of the plan's own starts.
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
_TIES = (BYTES, MONEY)
"""What is preferred where all that was asked for is equal."""


def prefer(placed: Placed, basis: Basis, limits: Limits) -> Placed:
    """The placement, after all moves of single blocks that leave every objective as good and move or cost less.

    Args:
        placed: the best that was found by the list.
        basis: of the graph that was placed, by the whole list.
        limits: the deadline ends it.
    """
    if placed.site_of is None or not basis.blocks.members:
        return placed
    search = _Search(placed, basis, charge(basis, placed.site_of, placed.starts).costs)
    for _ in range(_MOST_ROUNDS):
        if limits.clock() >= limits.deadline or not search.round():
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
            if touched.isdisjoint(nets) and self._fits(block, site) and self._in_time(block, site):
                self.placement[block] = site
                touched.update(nets)
                for each in asked:
                    self.drift[each.name] += float(deltas[each.name][block, site])
                took = self.moved = True
        return took

    def placed(self) -> Placed:
        """The placement where the search ended."""
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

    def _fits(self, block: int, site: int) -> bool:
        problem = self.start.problem
        quota = float(problem.quota_cpu_hours[site])
        if np.isinf(quota):
            return True
        here = np.flatnonzero(self.placement == site)
        used = float(problem.cpu_hours[here, site].sum()) + float(problem.cpu_hours[block, site])
        return used <= quota * (1 + QUOTA_TOLERANCE)

    def _in_time(self, block: int, site: int) -> bool:
        return self.timetable is None or self.timetable.keeps(self.placement, block, site)


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

    def keeps(self, placement: Integers, block: int, site: int) -> bool:
        """Whether the run ends no later with the block at the site; if so, these are the starts from now on.

        Tasks are taken in the order of their starts up to now: so the placement as it is ends no later than before.
        """
        if self.scheduled >= _MOST_SCHEDULED:
            return False
        self.scheduled += len(self.block_of)
        moved = placement.copy()
        moved[block] = site
        place = {task: index for index, task in enumerate(self.workload.order)}
        order = tuple(sorted(self.workload.order, key=lambda task: (self.starts[task], place[task])))
        starts, ends = schedule(replace(self.workload, order=order), moved[self.block_of].tolist())
        if max(ends, default=0.0) > self.latest:
            return False
        self.starts = starts
        return True


def _touched(nets: Nets, count: int) -> list[list[int]]:
    """Of each block, the nets that it reads or writes: what its moves change the price of."""
    found: list[list[int]] = [[] for _ in range(count)]
    for net, reader in zip(
        np.repeat(np.arange(len(nets.producer)), np.diff(nets.starts)).tolist(), nets.readers.tolist(), strict=True
    ):
        found[reader].append(net)
    for net, producer in enumerate(nets.producer.tolist()):
        if producer >= 0:
            found[producer].append(net)
    return found
