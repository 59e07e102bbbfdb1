"""Branch and bound over choices of releases; whenever it stops, it knows how good the best can be.

A slot is one artifact of one reader; it takes the original, or one of the releases that the reader accepts there.
Branching decides one slot after another. Choices with few completions are solved one by one; others get a bound from a
relaxation (`relaxing`) first, and are decided further only where that bound leaves room for a better plan.

The leaves of the tree cover every choice, none twice: each names what is taken, what is left, and (where its bound
comes from a relaxation) what was not decided. In a slot of which one candidate is taken, all others are left.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pipeline_splitter.flow.carrying import Datasets
from pipeline_splitter.flow.relaxing import Choice, choose
from pipeline_splitter.flow.releases import Artifact, Candidate
from pipeline_splitter.graph import Graph

FEW_COMPLETIONS = 4
"""The number of choices that are solved one by one sooner than relaxed."""
_TIE = 1e-9


class Answer(Protocol):
    """A solver's answer for one graph. Costs are never negative."""

    @property
    def value(self) -> float:
        """The cost of the best plan found; infinite without one."""

    @property
    def lower_bound(self) -> float:
        """Holds for every plan of the graph."""

    @property
    def infeasible(self) -> bool:
        """It was proven that there is none."""


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Leaf(Generic[A]):
    """One part of all choices, and what was proven of it.

    Attributes:
        taken, left, free: of the candidates.
        lower_bound: for every plan of every completion; infinite where there is none.
        answer: what was solved (the relaxation, where something is free); None where time ran out before.
    """

    taken: tuple[Candidate, ...]
    left: tuple[Candidate, ...]
    free: tuple[Candidate, ...]
    lower_bound: float
    answer: A | None


@dataclass(frozen=True, slots=True)
class Searched(Generic[A]):
    """The outcome of a search over choices.

    Attributes:
        best: of the solved choices, the cheapest; among equals the one with fewest inserted tasks, then fewest readers,
            then smallest names. None where none has a plan.
        choice: of the best; what was asked for first where there is none.
        lower_bound: over all choices; infinite: it was proven that none has a plan.
        leaves: cover all choices, none twice; sorted by what is taken.
    """

    best: A | None
    choice: Choice
    lower_bound: float
    leaves: tuple[Leaf[A], ...]


def best_over_choices(  # noqa: PLR0913 - all but the first four have defaults
    graph: Graph,
    candidates: Iterable[Candidate],
    datasets: Datasets,
    solve: Callable[[Choice], A],
    *,
    gap: float = 1e-6,
    expired: Callable[[], bool] = lambda: False,
    progress: Callable[[float | None, float], None] = lambda _value, _bound: None,
) -> Searched[A]:
    """Return the best plan over all choices of releases, choosing none included.

    Args:
        graph: without inserted tasks.
        candidates: of `release_candidates`.
        datasets: all that are known.
        solve: plans a choice's graph; of a relaxation only the lower bound counts.
        gap: relative: a part of the choices that can't be better by more than this is not looked at any further.
        expired: asked between two calls of `solve`, of which there is at least one: whether to stop.
        progress: told the best value and the bound over all choices, now and then.
    """
    search = _Search(graph, tuple(sorted(set(candidates))), datasets, solve, gap, expired)
    return search.run(progress)


class _Search(Generic[A]):
    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self,
        graph: Graph,
        candidates: tuple[Candidate, ...],
        datasets: Datasets,
        solve: Callable[[Choice], A],
        gap: float,
        expired: Callable[[], bool],
    ) -> None:
        self._graph, self._candidates, self._datasets = graph, candidates, datasets
        self._solve, self._gap, self._expired = solve, gap, expired
        self._slots = _slots(graph, candidates)
        self._solved: dict[tuple[Candidate, ...], A] = {}
        self._best: tuple[float, _Key, Choice, A] | None = None

    def run(self, progress: Callable[[float | None, float], None]) -> Searched[A]:
        """Decide slot after slot, the most promising part first."""
        nothing = self._choose((), ())
        node: Leaf[A] | None = self._exactly(nothing)
        if self._candidates:
            node = Leaf((), (), self._candidates, 0.0, None)
        if _completions(self._candidates) > FEW_COMPLETIONS:
            if not self._expired():
                self._exactly(self._choose(tuple(slot[0] for slot in self._slots), ()))
            node = self._relaxed((), self._candidates) if not self._expired() else node
        done: list[Leaf[A]] = []
        waiting: list[tuple[float, int, Leaf[A]]] = []
        pushed = 0
        while node is not None:
            children = self._branch(node) if self._may_hold_better(node) else None
            for leaf in (node,) if children is None else children:
                if children is not None and leaf.free:
                    pushed += 1
                    heapq.heappush(waiting, (leaf.lower_bound, -pushed, leaf))
                else:
                    done.append(leaf)
            bound = min(leaf.lower_bound for leaf in (*done, *(each[2] for each in waiting[:1])))
            progress(None if self._best is None else self._best[0], bound)
            node = heapq.heappop(waiting)[2] if waiting else None
        leaves = tuple(sorted(done, key=lambda leaf: (leaf.taken, leaf.left)))
        bound = min(leaf.lower_bound for leaf in leaves)
        if self._best is None:
            return Searched(None, nothing, bound, leaves)
        value, _, choice, answer = self._best
        return Searched(answer, choice, min(bound, value), leaves)

    def _may_hold_better(self, leaf: Leaf[A]) -> bool:
        """Return whether a completion may be cheaper by more than the gap, or as cheap with fewer insertions."""
        if not leaf.free or math.isinf(leaf.lower_bound):
            return False
        if self._best is None:
            return True
        value, key, *_ = self._best
        if leaf.lower_bound < value * (1 - self._gap):
            return True
        return leaf.lower_bound <= value * (1 + _TIE) and _key(leaf.taken) < key

    def _branch(self, leaf: Leaf[A]) -> list[Leaf[A]] | None:
        """Return the leaf's parts; None where time ran out before all of them were solved."""
        parts: list[Leaf[A]] = []
        for taken, free in self._parts(leaf.taken, leaf.free):
            if self._expired():
                return None
            parts.append(self._relaxed(taken, free) if free else self._exactly(self._choose(taken, ())))
        return parts

    def _parts(
        self, taken: tuple[Candidate, ...], free: tuple[Candidate, ...]
    ) -> Iterator[tuple[tuple[Candidate, ...], tuple[Candidate, ...]]]:
        """Yield the ways to decide one more slot; all of them, where few are left."""
        slot = next(slot for slot in self._slots if slot[0] in free)
        rest = tuple(each for each in free if each not in slot)
        for option in ((), *((each,) for each in slot)):
            if rest and _completions(rest) <= FEW_COMPLETIONS:
                yield from self._parts((*taken, *option), rest)
            else:
                yield (*taken, *option), rest

    def _choose(self, taken: tuple[Candidate, ...], free: tuple[Candidate, ...]) -> Choice:
        return choose(self._graph, self._candidates, self._datasets, taken, free)

    def _relaxed(self, taken: tuple[Candidate, ...], free: tuple[Candidate, ...]) -> Leaf[A]:
        choice = self._choose(taken, free)
        answer = self._solve(choice)
        return Leaf(choice.taken, choice.left, choice.free, _bound(answer), answer)

    def _exactly(self, choice: Choice) -> Leaf[A]:
        if choice.taken not in self._solved:
            answer = self._solved[choice.taken] = self._solve(choice)
            key = _key(choice.taken)
            if not math.isinf(answer.value) and (self._best is None or _precedes(answer.value, key, *self._best[:2])):
                self._best = (answer.value, key, choice, answer)
        answer = self._solved[choice.taken]
        return Leaf(choice.taken, choice.left, (), _bound(answer), answer)


_Key = tuple[int, int, tuple[Candidate, ...]]


def _slots(graph: Graph, candidates: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], ...]:
    """Return the candidates by slot; those whose artifact is largest first, because most hangs on them."""
    slots: dict[tuple[str, Artifact], list[Candidate]] = {}
    for candidate in candidates:
        slots.setdefault(candidate.slot, []).append(candidate)
    largest_first = sorted(slots.values(), key=lambda slot: (-graph.data[slot[0].datum].size_bytes, slot))
    return tuple(tuple(slot) for slot in largest_first)


def _completions(free: tuple[Candidate, ...]) -> int:
    """Return the number of open choices."""
    options: dict[tuple[str, Artifact], int] = {}
    for candidate in free:
        options[candidate.slot] = options.get(candidate.slot, 1) + 1
    return math.prod(options.values())


def _key(taken: tuple[Candidate, ...]) -> _Key:
    """Among equally good choices the smallest is preferred; whatever is added to a choice makes it larger."""
    tasks = {(each.artifact, each.dataset, each.release) for each in taken}
    return len(tasks), len(taken), tuple(sorted(taken))


def _precedes(value: float, key: _Key, other_value: float, other_key: _Key) -> bool:
    if abs(value - other_value) <= _TIE * max(abs(value), abs(other_value)):
        return key < other_key
    return value < other_value


def _bound(answer: Answer) -> float:
    return math.inf if answer.infeasible else answer.lower_bound
