"""Explanations: why a task is where it is, in one short sentence made of pins, denials and cost differences.

In a list of objectives it is the first by which no other site is as good (within the tolerance) that decides.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moorage.objectives import BYTES, Objective
from moorage.objectives.units import TIGHT
from pipeline_splitter.blocks import Blocks
from pipeline_splitter.costing.alternatives import QUOTA_EXCEEDED, block_sites, move_deltas
from pipeline_splitter.costing.basis import Basis
from pipeline_splitter.graph import Datum, Graph, Task
from pipeline_splitter.plan import Alternative

ROUNDING = 1e-9
"""Relative: deltas smaller than this are none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about one task in a plan.

    Attributes:
        site: where it is.
        pins: of the task itself: what said so, where it may be at this site only.
        tied_pins: likewise of it and of the tasks that must stay with it: (task, what said so).
        tied: how many tasks must stay with it.
        alternatives: all other sites.
        objective: the one of the list that decided.
        deltas: by site, of those that the objectives before it leave: what moving there adds to it.
        decided: which objective decided, where there are several.
        currency: the currency of all money; "" where nobody names it.
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
    deltas: Mapping[str, float]
    decided: str = ""
    currency: str = ""


def reason(facts: Facts) -> str:
    """Return one clause, without a full stop."""
    if facts.pins:
        return f"pinned here by {' and '.join(facts.pins)}"
    if facts.tied_pins:
        name, by = facts.tied_pins[0]
        return f"stays with {name}, which is pinned here by {by}"
    if not facts.alternatives:
        return "the only site there is"
    return f"{facts.decided}{_compared(facts, facts.deltas)}" if facts.deltas else _denied(facts)


def reasons(
    basis: Basis,
    site_of: Mapping[str, str],
    alternatives: Mapping[str, tuple[Alternative, ...]],
    spare: Sequence[float] = (),
    makespan_seconds: float | None = None,
) -> dict[str, str]:
    """Return the reason of every task.

    Args:
        basis: the basis of the graph that is placed.
        site_of: the site of each task.
        alternatives: of each task (see `alternatives.alternatives`, of the same basis).
        spare: of each objective but the last: how much more of it the tolerance leaves.
        makespan_seconds: of the plan, where a solver chose its starts.
    """
    graph, blocks = basis.graph, basis.blocks
    deciding = _Deciding(basis, site_of, alternatives, tuple(spare), makespan_seconds)
    copies = _copies(basis)
    pinned = [
        tuple((name, by) for name in members for by in _pinned_by(graph.tasks[name], site_of[name]))
        for members in blocks.members
    ]
    found = {}
    for name in basis.table.tasks:
        site, block = site_of[name], blocks.of[name]
        place, deltas = deciding.asked(name)
        objective = basis.objectives[place]
        facts = Facts(
            site=site,
            pins=_pinned_by(graph.tasks[name], site),
            tied_pins=pinned[block],
            tied=len(blocks.members[block]) - 1,
            alternatives=alternatives[name],
            objective=objective,
            computing=dict(zip(basis.rates.sites, deciding.computing(place)[block], strict=True)),
            biggest_here=_biggest_here(graph, name, blocks, site_of, copies),
            deltas=deltas,
            decided=_decided(basis.objectives, place, len(deltas) + 1),
            currency=basis.terms.currency,
        )
        found[name] = reason(facts).replace(TIGHT, " ")
    return found


def _decided(objectives: Sequence[Objective], place: int, open_sites: int) -> str:
    """Return a phrase on which objective of the list decided, and what earlier ones left open."""
    if len(objectives) == 1:
        return ""
    earlier = " and ".join(each.name for each in objectives[:place])
    left = f", of {open_sites} sites that are as good in {earlier}" if earlier else ""
    return f"{objectives[place].name} decides{left}: "


class _Deciding:
    """The first objective of the list by which no other site is as good, task by task."""

    def __init__(
        self,
        basis: Basis,
        site_of: Mapping[str, str],
        alternatives: Mapping[str, tuple[Alternative, ...]],
        spare: tuple[float, ...],
        makespan_seconds: float | None,
    ) -> None:
        self._basis, self._alternatives, self._spare = basis, alternatives, spare
        self._makespan = makespan_seconds
        self._placement = block_sites(basis, site_of)
        self._number = {name: index for index, name in enumerate(basis.rates.sites)}
        self._computing: dict[int, list[list[float]]] = {}
        self._deltas: dict[int, list[list[float]]] = {}

    def computing(self, place: int) -> list[list[float]]:
        """Return the computing costs by the objective at that place of the list."""
        if place not in self._computing:
            self._computing[place] = _computing(self._basis, self._basis.objectives[place])
        return self._computing[place]

    def asked(self, name: str) -> tuple[int, Mapping[str, float]]:
        """Return the place of the objective that decided, and what moving to each site that is left adds to it."""
        left = {each.site: each.cost_delta for each in self._alternatives[name] if each.cost_delta is not None}
        last = len(self._basis.objectives) - 1
        for place in range(last + 1):
            if place:
                left = {site: self._of(place)[self._basis.blocks.of[name]][self._number[site]] for site in left}
            if place == last or not left:
                return place if left else 0, left
            spare = max(self._spare[place], 0.0) if place < len(self._spare) else 0.0
            scale = max(map(abs, (*left.values(), *self.computing(place)[self._basis.blocks.of[name]])))
            within = {site: delta for site, delta in left.items() if delta <= spare + ROUNDING * scale}
            if not within:
                return place, left
            left = within
        raise AssertionError(name)

    def _of(self, place: int) -> list[list[float]]:
        if place not in self._deltas:
            wanted = np.zeros((len(self._placement), len(self._number)), dtype=np.bool_)
            for name, entries in self._alternatives.items():
                for each in entries:
                    wanted[self._basis.blocks.of[name], self._number[each.site]] |= each.cost_delta is not None
            objective = self._basis.objectives[place]
            self._deltas[place] = move_deltas(self._basis, objective, self._placement, wanted, self._makespan).tolist()
        return self._deltas[place]


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
    amount = facts.objective.said(abs(deltas[best]), facts.currency)
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
    """Return by what every other permitted site would cost more."""
    computing = {site: facts.computing[site] - facts.computing[facts.site] for site in deltas}
    moving = {site: deltas[site] - computing[site] for site in deltas}
    computes_cheapest = all(extra > small for extra in computing.values())
    moves_least = all(extra > small for extra in moving.values())
    amount = f"{best} would add {facts.objective.said(deltas[best], facts.currency)}"
    if computes_cheapest and (not moves_least or computing[best] >= moving[best]):
        return f"{facts.objective.computes_best} of the {len(deltas) + 1} permitted sites: {amount}"
    if moves_least and facts.biggest_here is not None:
        size = BYTES.said(facts.biggest_here.size_bytes)
        return f"its biggest input, {facts.biggest_here.key} ({size}), is here: {amount}"
    if moves_least:
        return f"keeps data from moving: {amount}"
    return f"the best of {len(deltas) + 1} permitted sites: {amount}"


def _pinned_by(task: Task, site: str) -> tuple[str, ...]:
    """Return the pins that fix a task to this very site; empty where it may be elsewhere, too."""
    if not task.pins or frozenset.intersection(*(pin.sites for pin in task.pins)) != {site}:
        return ()
    return tuple(sorted({pin.by for pin in task.pins}))


def _computing(basis: Basis, objective: Objective) -> list[list[float]]:
    """Return (n, s): what computing a block costs at a site; for the makespan, the seconds that its tasks take."""
    work = basis.table.cpu_seconds if objective.is_linear else basis.table.seconds
    total = np.bincount(basis.block_of, weights=work, minlength=len(basis.blocks.members)).astype(np.float64)
    listed: list[list[float]] = basis.rates.computing(objective, total).tolist()
    return listed


def _copies(basis: Basis) -> dict[str, frozenset[str]]:
    """Return the sites where each datum that no task writes has a copy."""
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
    """Return the biggest of the task's inputs from outside its block, if it is at the task's site by itself."""
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
