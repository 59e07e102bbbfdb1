"""Feasibility: whether any choice of releases leaves a plan, and if not, which facts leave none.

A choice that is only half made is looked at through its relaxation first: facts that rule that out rule out every
completion. Only then are slots decided, one after the other.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from moorage.sites import Inventory
from pipeline_splitter.blocks import make_blocks
from pipeline_splitter.explaining.depths import depths
from pipeline_splitter.explaining.facts import Fact, facts_of_quotas, facts_of_task, facts_of_ties
from pipeline_splitter.flow.carrying import Datasets, carry
from pipeline_splitter.flow.permitting import Asked, permit
from pipeline_splitter.flow.relaxing import Choice, choose
from pipeline_splitter.flow.releases import Candidate, release_candidates
from pipeline_splitter.graph import Graph
from pipeline_splitter.problem import Limits

MOST_CHOICES = 2000
"""The most choices that are looked at before the search gives up."""
_SECONDS_PER_HOUR = 3600.0

Facts = frozenset[Fact]


class UndecidedError(Exception):
    """Neither a plan nor the proof that there is none was found within `MOST_CHOICES` or in time."""


class Feasibility:
    """An oracle for one pipeline, asked again and again with fewer and fewer facts.

    Attributes:
        gave_up: whether an answer of `holds` or `stand_however` was none.
    """

    def __init__(self, graph: Graph, datasets: Datasets, inventory: Inventory, limits: Limits) -> None:
        self._graph, self._datasets, self._inventory, self._limits = graph, datasets, inventory, limits
        self.candidates = release_candidates(graph, carry(graph, datasets), datasets)
        self.gave_up = False
        self._choices: dict[tuple[frozenset[Candidate], frozenset[Candidate]], _Case] = {}

    def refuted(self, enforced: Facts | None = None) -> Facts | None:
        """Return facts, out of `enforced` (None: all that hold), that leave no plan; None where there is one.

        Raises:
            UndecidedError: it took too long.
        """
        return self._refuted((), self.candidates, enforced, [MOST_CHOICES])

    def holds(self, facts: Facts) -> bool:
        """Return whether a plan is possible under these facts; True where that was not decided."""
        try:
            return self.refuted(facts) is None
        except UndecidedError:
            self.gave_up = True
            return True

    def stand_however(self, facts: Facts) -> bool:
        """Return whether the facts leave no plan whatever releases are chosen, as far as one look shows."""
        try:
            return self._reason((), self.candidates, facts, [1]) is not None
        except UndecidedError:
            self.gave_up = True
            return True

    def _refuted(
        self, taken: tuple[Candidate, ...], free: tuple[Candidate, ...], enforced: Facts | None, left: list[int]
    ) -> Facts | None:
        reason = self._reason(taken, free, enforced, left)
        if reason is not None or not free:
            return reason
        slot = [each for each in free if each.slot == free[0].slot]
        rest = tuple(each for each in free if each.slot != free[0].slot)
        first_of_each = {each.slot: each for each in reversed(free)}
        # The two ends decide most cases: every release that can be, and none.
        for quick in (tuple(first_of_each.values()), ()):
            if self._reason((*taken, *quick), (), enforced, left) is None:
                return None
        reasons: Facts = frozenset()
        for option in (*((each,) for each in slot), ()):
            reason = self._refuted((*taken, *option), rest, enforced, left)
            if reason is None:
                return None
            reasons |= reason
        return reasons

    def _reason(
        self, taken: tuple[Candidate, ...], free: tuple[Candidate, ...], enforced: Facts | None, left: list[int]
    ) -> Facts | None:
        left[0] -= 1
        if left[0] < 0 or self._limits.clock() >= self._limits.deadline:
            raise UndecidedError
        key = frozenset(taken), frozenset(free)
        if key not in self._choices:
            choice = choose(self._graph, self.candidates, self._datasets, taken, free)
            self._choices[key] = _Case(choice, self._datasets, self._inventory, self._limits)
        case = self._choices[key]
        return case.reason() if enforced is None else case.reason_among(enforced)


class _Case:
    """One choice, and what holds in it."""

    def __init__(self, choice: Choice, datasets: Datasets, inventory: Inventory, limits: Limits) -> None:
        self._choice, self._datasets, self._inventory, self._limits = choice, datasets, inventory, limits
        self._asked = Asked(choice.flow, datasets, inventory)
        self._facts: dict[str, Facts] = {}
        self._blocks: dict[frozenset[frozenset[str]], tuple[tuple[str, ...], ...]] = {}

    def reason(self) -> Facts | None:
        """Return all facts about what can't be placed: the smallest block, then the earliest; None where all can."""
        graph = self._choice.graph
        permits = permit(graph, self._choice.flow, self._datasets, self._inventory)
        allowed = {task: {site for site, no in by_site.items() if no is None} for task, by_site in permits.items()}
        blocks = self._blocks_of(graph.together)
        stuck = [block for block in blocks if not set.intersection(*(allowed[task] for task in block))]
        ties = facts_of_ties(self._choice)
        if stuck:
            depth = depths(graph)
            block = min(stuck, key=lambda members: (len(members), min(depth[task] for task in members), members))
            inside = {fact for fact in ties if fact.together & set(block)} if len(block) > 1 else set()
            return frozenset(inside).union(*(self._of(task) for task in block))
        quotas = facts_of_quotas(self._inventory)
        if quotas and self._exceeds(blocks, allowed, quotas):
            return quotas.union(ties, *(self._of(task) for task in graph.tasks))
        return None

    def reason_among(self, enforced: Facts) -> Facts | None:
        """Return the enforced facts, where they leave no placement here; None where they do."""
        graph = self._choice.graph
        everywhere = set(self._inventory.sites)
        allowed = dict.fromkeys(graph.tasks, everywhere)
        for task in {fact.task for fact in enforced if fact.task in graph.tasks}:
            holding = enforced & self._of(task)
            allowed[task] = {site for site in everywhere if not any(fact.denies(site) for fact in holding)}
        ties = frozenset(fact.together for fact in enforced if fact.together)
        blocks = self._blocks_of(ties)
        if not all(set.intersection(*(allowed[task] for task in block)) for block in blocks):
            return enforced
        quotas = enforced & facts_of_quotas(self._inventory)
        return enforced if quotas and self._exceeds(blocks, allowed, quotas) else None

    def _of(self, task: str) -> Facts:
        if task not in self._facts:
            self._facts[task] = facts_of_task(self._choice.graph.tasks[task], self._asked, self._inventory)
        return self._facts[task]

    def _blocks_of(self, ties: Iterable[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
        key = frozenset(ties)
        if key not in self._blocks:
            self._blocks[key] = make_blocks(replace(self._choice.graph, together=tuple(key))).members
        return self._blocks[key]

    def _exceeds(self, blocks: tuple[tuple[str, ...], ...], allowed: Mapping[str, set[str]], quotas: Facts) -> bool:
        """Return whether no placement keeps the quotas.

        Raises:
            UndecidedError: the solver could not tell.
        """
        import numpy as np  # noqa: PLC0415 - only where quotas are

        from pipeline_splitter.problem import Costs, Nets, Problem  # noqa: PLC0415
        from pipeline_splitter.solving import solve  # noqa: PLC0415 - slow to load

        sites = tuple(sorted(self._inventory.sites))
        tasks = self._choice.graph.tasks
        cpu_seconds = np.array([sum(tasks[name].cpu_seconds for name in block) for block in blocks])
        speed = np.array([self._inventory.sites[site].speed for site in sites])
        limited = {fact.site: self._inventory.sites[fact.site].quota_cpu_hours for fact in quotas}
        none = np.zeros(0, dtype=np.int64)
        shape = len(blocks), len(sites)
        problem = Problem(
            tuple(block[0] for block in blocks),
            sites,
            np.array([[all(site in allowed[name] for name in block) for site in sites] for block in blocks]),
            Costs(np.zeros(shape), np.zeros((len(sites), len(sites))), np.zeros((0, len(sites)))),
            Nets(none, np.zeros(0), np.zeros(1, dtype=np.int64), none),
            cpu_seconds[:, None] / speed[None, :] / _SECONDS_PER_HOUR,
            np.array([math.inf if (quota := limited.get(site)) is None else quota for site in sites]),
            np.zeros((0, 2), dtype=np.int64),
        )
        solution = solve(problem, self._limits)
        if solution.placement is None and not solution.infeasible:
            raise UndecidedError
        return solution.infeasible
