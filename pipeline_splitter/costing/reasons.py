"""Explanations: why a task is where it is, in one short sentence made of pins, denials and cost differences."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moorage.objectives import BYTES, Objective
from pipeline_splitter.blocks import Blocks
from pipeline_splitter.costing.alternatives import QUOTA_EXCEEDED
from pipeline_splitter.costing.basis import Basis
from pipeline_splitter.graph import Datum, Graph, Task
from pipeline_splitter.plan import Alternative

ROUNDING = 1e-9
"""Relative: deltas smaller than this are none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one task in a plan.

    Attributes:
        site: where it is.
        pins: of the task itself: what said so, where it may be at this site only.
        tied_pins: likewise of it and of the tasks that must stay with it: (task, what said so).
        tied: how many tasks must stay with it.
        alternatives: all other sites.
        objective: the first of the list; what `cost_delta` is of.
        computing: by site, what computing costs there (with what must stay with it): for `time` seconds.
        biggest_here: its biggest input from outside, where that is at this site without being brought.
    """

    site: str
    pins: tuple[str, ...]
    tied_pins: tuple[tuple[str, str], ...]
    tied: int
    alternatives: tuple[Alternative, ...]
    objective: Objective
    computing: Mapping[str, float]
    biggest_here: Datum | None


def reason(facts: Facts) -> str:
    """One clause, without a full stop."""
    if facts.pins:
        return f"pinned here by {' and '.join(facts.pins)}"
    if facts.tied_pins:
        name, by = facts.tied_pins[0]
        return f"stays with {name}, which is pinned here by {by}"
    if not facts.alternatives:
        return "the only site there is"
    deltas = {entry.site: entry.cost_delta for entry in facts.alternatives if entry.cost_delta is not None}
    return _compared(facts, deltas) if deltas else _denied(facts)


def reasons(
    basis: Basis, site_of: Mapping[str, str], alternatives: Mapping[str, tuple[Alternative, ...]]
) -> dict[str, str]:
    """The reason of every task, from its alternatives (see `alternatives.alternatives`, of the same basis)."""
    graph, blocks = basis.graph, basis.blocks
    computing = _computing(basis)
    copies = _copies(basis)
    pinned = [
        tuple((name, by) for name in members for by in _pinned_by(graph.tasks[name], site_of[name]))
        for members in blocks.members
    ]
    found = {}
    for name in basis.table.tasks:
        site, block = site_of[name], blocks.of[name]
        facts = Facts(
            site=site,
            pins=_pinned_by(graph.tasks[name], site),
            tied_pins=pinned[block],
            tied=len(blocks.members[block]) - 1,
            alternatives=alternatives[name],
            objective=basis.objectives[0],
            computing=dict(zip(basis.rates.sites, computing[block], strict=True)),
            biggest_here=_biggest_here(graph, name, blocks, site_of, copies),
        )
        found[name] = reason(facts)
    return found


def _denied(facts: Facts) -> str:
    rules = Counter(entry.denied.rule for entry in facts.alternatives if entry.denied is not None)
    by_count = sorted(rules.items(), key=lambda pair: (-pair[1], pair))
    counted = ", ".join(f"{rule} at {count} other{'s' * (count > 1)}" for rule, count in by_count)
    it = "it and what must stay with it" if facts.tied else "it"
    if QUOTA_EXCEEDED in rules:
        return f"no other site may run {it} and has quota left ({counted})"
    return f"the only site that may run {it} ({counted})"


def _compared(facts: Facts, deltas: Mapping[str, float]) -> str:
    best = min(deltas, key=lambda site: (deltas[site], site))
    scale = max(facts.computing[facts.site], *(abs(delta) for delta in deltas.values()))
    small = ROUNDING * scale
    amount = facts.objective.brief(abs(deltas[best]))
    if not facts.objective.is_linear:
        if deltas[best] > small:
            return f"at {best}, the next best site, the run would end {amount} later"
        ending = "no earlier at any other permitted site" if deltas[best] >= -small else f"{amount} earlier at {best}"
        return f"moved alone, the run would end {ending}"
    if deltas[best] < -small:
        return f"not the best by itself: moved alone to {best} it would save {amount}"
    if deltas[best] <= small:
        return f"no permitted site is better by itself: {best} would cost the same"
    return _better(facts, deltas, best, small)


def _better(facts: Facts, deltas: Mapping[str, float], best: str, small: float) -> str:
    """Every other permitted site would cost more: by what."""
    computing = {site: facts.computing[site] - facts.computing[facts.site] for site in deltas}
    moving = {site: deltas[site] - computing[site] for site in deltas}
    computes_cheapest = all(extra > small for extra in computing.values())
    moves_least = all(extra > small for extra in moving.values())
    amount = f"{best} would add {facts.objective.brief(deltas[best])}"
    if computes_cheapest and (not moves_least or computing[best] >= moving[best]):
        return f"{facts.objective.computes_best} of the {len(deltas) + 1} permitted sites: {amount}"
    if moves_least and facts.biggest_here is not None:
        size = BYTES.brief(facts.biggest_here.size_bytes)
        return f"its biggest input, {facts.biggest_here.key} ({size}), is here: {amount}"
    if moves_least:
        return f"keeps data from moving: {amount}"
    return f"the best of {len(deltas) + 1} permitted sites: {amount}"


def _pinned_by(task: Task, site: str) -> tuple[str, ...]:
    """What pins a task to this very site; empty where it may be elsewhere, too."""
    if not task.pins or frozenset.intersection(*(pin.sites for pin in task.pins)) != {site}:
        return ()
    return tuple(sorted({pin.by for pin in task.pins}))


def _computing(basis: Basis) -> list[list[float]]:
    """(n, s): what computing a block costs at a site; for the makespan, the seconds that its tasks take."""
    objective = basis.objectives[0]
    work = basis.table.cpu_seconds if objective.is_linear else basis.table.seconds
    total = np.bincount(basis.block_of, weights=work, minlength=len(basis.blocks.members)).astype(np.float64)
    listed: list[list[float]] = basis.rates.computing(objective, total).tolist()
    return listed


def _copies(basis: Basis) -> dict[str, frozenset[str]]:
    """The sites where each datum that no task writes has a copy."""
    sites = basis.rates.sites
    here = basis.origins.site == np.arange(len(sites))
    rows = zip(basis.origins.data.tolist(), here.tolist(), strict=True)
    return {
        basis.table.data[index].key: frozenset(site for site, is_here in zip(sites, row, strict=True) if is_here)
        for index, row in rows
    }


def _biggest_here(
    graph: Graph,
    name: str,
    blocks: Blocks,
    site_of: Mapping[str, str],
    copies: Mapping[str, frozenset[str]],
) -> Datum | None:
    """The biggest of the task's inputs that come from outside its block, if it is at the task's site by itself."""
    read = [graph.data[key] for key in graph.tasks[name].reads]
    brought = [
        datum
        for datum in read
        if (datum.key in copies if datum.producer is None else blocks.of[datum.producer] != blocks.of[name])
    ]
    if not brought:
        return None
    biggest = min(brought, key=lambda datum: (-datum.size_bytes, datum.key))
    site = site_of[name]
    if biggest.producer is None:
        return biggest if site in copies[biggest.key] else None
    return biggest if site_of[biggest.producer] == site else None
