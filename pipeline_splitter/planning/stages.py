"""Lexicographic optimization: each objective in turn over all choices of releases, the earlier ones as budgets."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline_splitter.flow import Candidate, Choice, Leaf, Searched, best_over_choices
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import ObjectiveResult
from pipeline_splitter.planning.assembling import result
from pipeline_splitter.planning.bounds import SAME, Branch, ProvenObjective, certify, proven, rounded
from pipeline_splitter.planning.placing import Placed, Stage, place, prepare
from pipeline_splitter.planning.request import Request
from pipeline_splitter.problem import Limits


@dataclass(frozen=True, slots=True)
class Settled:
    """A placement by the whole list.

    Attributes:
        placed: None where nothing was found: `infeasible` tells whether there is nothing.
    """

    placed: Placed | None
    results: tuple[ObjectiveResult, ...]
    proofs: tuple[ProvenObjective, ...]
    infeasible: bool = False


def settle(graph: Graph, candidates: Sequence[Candidate], request: Request, limits: Limits) -> Settled:
    """Return the best placement by the list of objectives.

    Args:
        graph: without inserted tasks.
        candidates: releases that may be inserted.
        request: the planning request.
        limits: the limits of all of it together.
    """
    stage = Stage(request.objectives[:1])
    results: list[ObjectiveResult] = []
    proofs: list[ProvenObjective] = []
    best: Placed | None = None
    for objective in request.objectives:
        if best is not None:
            stage = stage.next(objective, best.value, request.tolerance)
        patience = _Patience(limits)
        searched = best_over_choices(
            graph,
            candidates,
            request.datasets,
            _solver(stage, request, limits, patience),
            gap=request.gap,
            expired=patience.is_out,
            progress=limits.progress,
        )
        if searched.best is None and best is None:
            return Settled(None, (), (), infeasible=math.isinf(searched.lower_bound))
        # What an earlier objective placed is within the limits that it set: it stands in where time has run out.
        found = searched.best if searched.best is not None else best
        if found is None:
            raise AssertionError(objective)
        outcome, proof = _told(objective, searched, found, stage)
        results.append(outcome)
        proofs.append(proof)
        best = found
    return Settled(best, tuple(results), tuple(proofs))


_GRACE_SECONDS = 1.0
_SHARE = 0.5
"""The share of the time left that one choice of releases gets, so that others get some too."""


class _Patience:
    """The stopping rule: at the deadline, but for a short grace in which there may be no plan at all yet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.found = False

    def is_out(self) -> bool:
        """Return whether to stop now."""
        late = self._limits.clock() - self._limits.deadline
        return late >= (0.0 if self.found else _GRACE_SECONDS)


def _solver(stage: Stage, request: Request, limits: Limits, patience: _Patience) -> Callable[[Choice], Placed]:
    def solve(choice: Choice) -> Placed:
        mine = limits if choice.taken == choice.left == choice.free == () else _part(limits)
        placed = place(prepare(choice, request), stage, request, mine)
        patience.found |= placed.site_of is not None and choice.decided
        return placed

    return solve


def _part(limits: Limits) -> Limits:
    now = limits.clock()
    return replace(limits, deadline=now + _SHARE * max(limits.deadline - now, 0.0))


def _told(
    objective: str, searched: Searched[Placed], found: Placed, stage: Stage
) -> tuple[ObjectiveResult, ProvenObjective]:
    branches = certify([_branch(leaf) for leaf in searched.leaves])
    proven_bound = min(branch.lower_bound for branch in branches)
    certified = all(branch.certified for branch in branches)
    bound = proven_bound if certified else searched.lower_bound
    outcome = result(objective, found.value, bound, certified=certified, solver=found.solver)
    return outcome, ProvenObjective(objective, outcome.lower_bound, stage.budgets, branches)


def _branch(leaf: Leaf[Placed]) -> Branch:
    """Return the proof for one part of the choices, by the multipliers as they are written."""
    answer = leaf.answer
    if answer is None:
        return Branch(leaf.taken, leaf.left, leaf.free, leaf.lower_bound)
    if not answer.problem.allowed.any(axis=1).all():
        return Branch(leaf.taken, leaf.left, leaf.free, math.inf, certified=True)
    certificate = None if answer.certificate is None else rounded(answer.certificate)
    bound = proven(answer.problem, certificate)
    if bound >= leaf.lower_bound - SAME * abs(leaf.lower_bound):
        return Branch(leaf.taken, leaf.left, leaf.free, bound, answer.problem, certificate, certified=True)
    return Branch(leaf.taken, leaf.left, leaf.free, leaf.lower_bound, answer.problem, certificate, proven_bound=bound)
