"""Why a task is where it is, in one short sentence made of facts: its pins, its denials, its deltas."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moorage.model import Dataset, DatasetRef
from moorage.sites import Inventory
from pipeline_splitter.blocks import Blocks
from pipeline_splitter.costing.alternatives import QUOTA_EXCEEDED
from pipeline_splitter.costing.building import Ingredients, gather
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
    objective: str
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


def reasons(  # noqa: PLR0913, PLR0917 - these are the inputs of a plan; a record of them would say no more
    graph: Graph,
    blocks: Blocks,
    site_of: Mapping[str, str],
    alternatives: Mapping[str, tuple[Alternative, ...]],
    inventory: Inventory,
    datasets: Mapping[DatasetRef, Dataset],
    objectives: Sequence[str],
    kwh_per_gb: float,
) -> dict[str, str]:
    """The reason of every task, from its alternatives (see `alternatives.alternatives`, of the same arguments)."""
    made = gather(graph, blocks, inventory, datasets, objectives, kwh_per_gb)
    computing = _computing(made, objectives[0])
    copies = _copies(made)
    pinned = [
        tuple((name, by) for name in members for by in _pinned_by(graph.tasks[name], site_of[name]))
        for members in blocks.members
    ]
    found = {}
    for name in made.table.tasks:
        site, block = site_of[name], blocks.of[name]
        facts = Facts(
            site=site,
            pins=_pinned_by(graph.tasks[name], site),
            tied_pins=pinned[block],
            tied=len(blocks.members[block]) - 1,
            alternatives=alternatives[name],
            objective=objectives[0],
            computing=dict(zip(made.rates.sites, computing[block], strict=True)),
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
    amount = _amount(abs(deltas[best]), facts.objective)
    if facts.objective == "time":
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
    amount = f"{best} would add {_amount(deltas[best], facts.objective)}"
    if computes_cheapest and (not moves_least or computing[best] >= moving[best]):
        what = "cheapest computing" if facts.objective == "money" else "least carbon for computing"
        return f"{what} of the {len(deltas) + 1} permitted sites: {amount}"
    if moves_least and facts.biggest_here is not None:
        size = _amount(facts.biggest_here.size_bytes, "bytes")
        return f"its biggest input, {facts.biggest_here.key} ({size}), is here: {amount}"
    if moves_least:
        return f"keeps data from moving: {amount}"
    return f"the best of {len(deltas) + 1} permitted sites: {amount}"


def _amount(value: float, objective: str) -> str:
    match objective:
        case "bytes":
            for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
                if value >= size:
                    return f"{value / size:.3g} {unit}"
            return f"{value:.3g} B"
        case "carbon":
            return f"{value:.3g} g CO2e"
        case "time":
            return f"{value:.3g} s"
        case _:
            return f"{value:.3g}"


def _pinned_by(task: Task, site: str) -> tuple[str, ...]:
    """What pins a task to this very site; empty where it may be elsewhere, too."""
    if not task.pins or frozenset.intersection(*(pin.sites for pin in task.pins)) != {site}:
        return ()
    return tuple(sorted({pin.by for pin in task.pins}))


def _computing(made: Ingredients, objective: str) -> list[list[float]]:
    """(n, s): what computing a block costs at a site."""
    work = made.table.seconds if objective == "time" else made.table.cpu_seconds
    total = np.bincount(made.block_of, weights=work, minlength=len(made.blocks.members)).astype(np.float64)
    cost = total[:, None] / made.rates.speed if objective == "time" else made.rates.computing(objective, total)
    listed: list[list[float]] = cost.tolist()
    return listed


def _copies(made: Ingredients) -> dict[str, frozenset[str]]:
    """The sites where each datum that no task writes has a copy."""
    sites = made.rates.sites
    here = made.origins.site == np.arange(len(sites))
    rows = zip(made.origins.data.tolist(), here.tolist(), strict=True)
    return {
        made.table.data[index].key: frozenset(site for site, is_here in zip(sites, row, strict=True) if is_here)
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
