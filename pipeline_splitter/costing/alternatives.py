"""Counterfactuals: for each task and each other site, what moving there would cost, or why it can't be there.

The task moves alone with what must stay with it; everything else stays. Costs are those of the first objective; for
`time` see `rescheduling`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moorage.objectives import Objective
from moorage.objectives.units import plain
from pipeline_splitter.blocks import Blocks
from pipeline_splitter.costing.basis import Basis
from pipeline_splitter.costing.building import block_cpu_hours, make_costs, make_nets
from pipeline_splitter.costing.moves import linear_deltas
from pipeline_splitter.costing.rescheduling import time_deltas
from pipeline_splitter.costing.schedule import make_workload
from pipeline_splitter.plan import Alternative, Denial
from pipeline_splitter.problem import Flags, Floats, Integers

QUOTA_EXCEEDED = "QuotaExceeded"
QUOTA_TOLERANCE = 1e-9
"""Relative: how far rounding may lift a load over its quota."""

Denials = Mapping[str, Mapping[str, Denial | None]]


def alternatives(
    basis: Basis, site_of: Mapping[str, str], denials: Denials, makespan_seconds: float | None = None
) -> dict[str, tuple[Alternative, ...]]:
    """Return every other site of every task, by name.

    Args:
        basis: of the graph that is placed; deltas are of its first objective.
        site_of: the site of each task.
        denials: of each task at each site; None: permitted.
        makespan_seconds: of the plan, where a solver chose its starts; None: of the schedule by definition.

    Returns:
        Of each task: one alternative for each other site. Where several tasks must stay together, the first of them by
        name that is denied gives the denial; `QuotaExceeded` is asked last.
    """
    blocks = basis.blocks
    placement = block_sites(basis, site_of)
    denied = _denied(blocks, denials, basis.rates.sites)
    quotas = _Quotas.of(basis, placement)
    open_moves = ~quotas.over
    for block, row in enumerate(denied):
        for site, denial in enumerate(row):
            if denial is not None:
                open_moves[block, site] = False
    open_moves[np.arange(len(placement)), placement] = False
    deltas = move_deltas(basis, basis.objectives[0], placement, open_moves, makespan_seconds).tolist()
    cached: dict[tuple[str, int], Alternative] = {}
    found: dict[str, tuple[Alternative, ...]] = {}
    for block, members in enumerate(blocks.members):
        entries = []
        for site, name in enumerate(basis.rates.sites):
            if site == placement[block]:
                continue
            denial = denied[block][site]
            if denial is not None:
                key = (name, id(denial))
                if key not in cached:
                    cached[key] = Alternative(name, denied=denial)
                entries.append(cached[key])
            elif quotas.over[block, site]:
                entries.append(Alternative(name, denied=quotas.denial(basis.rates.sites, block, site)))
            else:
                entries.append(Alternative(name, cost_delta=deltas[block][site]))
        found.update(dict.fromkeys(members, tuple(entries)))
    return {name: found[name] for name in basis.table.tasks}


def block_sites(basis: Basis, site_of: Mapping[str, str]) -> Integers:
    """Return (n,): the number of each block's site."""
    number = {name: index for index, name in enumerate(basis.rates.sites)}
    return np.array([number[site_of[members[0]]] for members in basis.blocks.members], dtype=np.int64)


def move_deltas(
    basis: Basis, objective: Objective, placement: Integers, wanted: Flags, makespan_seconds: float | None
) -> Floats:
    """Return (n, s): what moving block i alone to site b adds to an objective, where that is wanted."""
    if not objective.is_linear:
        workload = make_workload(basis)
        return time_deltas(
            workload, basis.block_of, placement[basis.block_of], wanted, makespan_seconds=makespan_seconds
        )
    nets, data = make_nets(basis)
    return linear_deltas(make_costs(basis, data, objective), nets, placement)


def _denied(blocks: Blocks, denials: Denials, sites: Sequence[str]) -> list[list[Denial | None]]:
    """Return each block's denial at each site: that of its first denied member."""
    rows = []
    for members in blocks.members:
        of_members = [denials[name] for name in members]
        rows.append([next((of[site] for of in of_members if of[site] is not None), None) for site in sites])
    return rows


@dataclass(frozen=True, slots=True)
class _Quotas:
    """The plan's use of each quota, and the use that a block would add.

    Attributes:
        granted: (s,) CPU-hours; infinite where there is no quota.
        used: (s,) CPU-hours.
        needed: (n, s) CPU-hours.
        over: (n, s) where a block's coming would break the quota.
    """

    granted: Floats
    used: Floats
    needed: Floats
    over: Flags

    @classmethod
    def of(cls, basis: Basis, placement: Integers) -> "_Quotas":
        granted, needed = basis.rates.quota_cpu_hours, block_cpu_hours(basis)
        taken = needed[np.arange(len(placement)), placement]
        used = np.bincount(placement, weights=taken, minlength=len(granted)).astype(np.float64)
        return cls(granted, used, needed, used + needed > granted * (1 + QUOTA_TOLERANCE))

    def denial(self, sites: Sequence[str], block: int, site: int) -> Denial:
        """Return the sentence for one block and one site."""
        return Denial(
            QUOTA_EXCEEDED,
            f"site {sites[site]} grants {plain(float(self.granted[site]))} CPU-hours, of which this plan uses "
            f"{plain(float(self.used[site]))}, and this would take {plain(float(self.needed[block, site]))} more: "
            "raise spec.quotaCpuHours of the site",
        )
