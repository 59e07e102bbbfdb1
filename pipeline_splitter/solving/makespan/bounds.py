"""Lower bounds on the makespan: critical paths, the work that slots can do, and both together.

Everything is counted under a supposed makespan: a task can't be at a site where even the shortest way before it, it
itself and the shortest way after it take longer. A makespan is *refuted* when a task has no site left, or when the work
that must be done in a window of time exceeds what the slots can do in it. What is refuted is a lower bound.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline_splitter.problem import Flags, Floats
from pipeline_splitter.solving.makespan.network import Network

_MARGIN = 1e-9
"""Relative: a contradiction must be larger than this, so that rounding makes none."""
_MOST_TASKS_FOR_ANCESTORS = 2500
_ROUNDS = 4
_WINDOWS = 7
_WEIGHT_STEPS = 40


@dataclass(frozen=True, slots=True)
class Times:
    """The earliest and latest times of tasks, under a supposed makespan.

    Attributes:
        allowed: (t, s): where a task can still be.
        heads: (t, s): no earlier start.
        tails: (t, s): at least so long from its end to the last end.
    """

    allowed: Flags
    heads: Floats
    tails: Floats

    def through(self, seconds: Floats) -> Floats:
        """Return (t, s): the least makespan with the task there; infinite where it can't be."""
        return np.where(self.allowed, self.heads + seconds + self.tails, np.inf)


def heads(network: Network, allowed: Flags, least: Floats) -> Floats:
    """Return (t, s): the earliest start of each task at each site, by paths; `least`: (t,) known from elsewhere."""
    arrays = network.arrays
    early = np.maximum(arrays.release, least[:, None])
    ends = np.full_like(early, np.inf)
    starts, task_of, datum_of = arrays.in_starts.tolist(), arrays.in_task.tolist(), arrays.in_datum.tolist()
    block_of = arrays.block_of.tolist()
    for task in network.order.tolist():
        row = early[task]
        for wait in range(starts[task], starts[task + 1]):
            earlier, datum = task_of[wait], datum_of[wait]
            if block_of[earlier] == block_of[task]:
                there = ends[earlier]
            elif datum < 0:
                there = ends[earlier].min()
            else:
                there = (ends[earlier][:, None] + arrays.delay[datum]).min(axis=0)
            np.maximum(row, there, out=row)
        ends[task] = np.where(allowed[task], row + arrays.seconds[task], np.inf)
    return early


def tails(network: Network, allowed: Flags, least: Floats) -> Floats:
    """Return (t, s): the least time from the end of each task at each site to the last end, by paths."""
    arrays = network.arrays
    late = np.repeat(least[:, None], arrays.seconds.shape[1], axis=1)
    whole = np.full_like(late, np.inf)
    starts, task_of, datum_of = arrays.out_starts.tolist(), arrays.out_task.tolist(), arrays.out_datum.tolist()
    block_of = arrays.block_of.tolist()
    for task in network.order[::-1].tolist():
        row = late[task]
        for wait in range(starts[task], starts[task + 1]):
            later, datum = task_of[wait], datum_of[wait]
            if block_of[later] == block_of[task]:
                rest = whole[later]
            elif datum < 0:
                rest = whole[later].min()
            else:
                rest = (whole[later] + arrays.delay[datum]).min(axis=1)
            np.maximum(row, rest, out=row)
        whole[task] = np.where(allowed[task], row + arrays.seconds[task], np.inf)
    return late


def times(network: Network, allowed: Flags) -> Times:
    """Compute times by paths alone, whatever the makespan."""
    none = np.zeros(len(network.order))
    return Times(allowed, heads(network, allowed, none), tails(network, allowed, none))


def by_paths(network: Network, known: Times) -> float:
    """Return the longest shortest way through a task; infinite where a task has no site."""
    if len(network.order) == 0:
        return 0.0
    seconds = network.arrays.seconds
    # Ends are added up as in a schedule, so that rounding keeps them below any: no margin.
    ends = np.where(known.allowed, known.heads + seconds, np.inf).min(axis=1).max()
    return float(max(ends, known.through(seconds).min(axis=1).max() * (1 - _MARGIN)))


class Refuter:
    """A refuter, which proves that no makespan is so short, or nothing."""

    def __init__(self, network: Network, known: Times, expired: Callable[[], bool]) -> None:
        self._network = network
        self._known = known
        self._expired = expired
        arrays = network.arrays
        self._before = None
        self._slots = arrays.slots.astype(np.float64)
        if (arrays.slots > 0).any() and len(network.order) <= _MOST_TASKS_FOR_ANCESTORS:
            self._before = _ancestors(network)
        self._weights: dict[tuple[int, int], Floats] = {}

    def supposed(self, makespan: float) -> Times | None:
        """Return the times under a supposed makespan; None: there is no schedule so short."""
        seconds = self._network.arrays.seconds
        longest = makespan * (1 + _MARGIN)
        known = self._known
        for _ in range(_ROUNDS):
            allowed = known.through(seconds) <= longest
            if not allowed.any(axis=1).all():
                return None
            if not self._fits(Times(allowed, known.heads, known.tails), longest):
                return None
            before, after = self._by_work(Times(allowed, known.heads, known.tails))
            closer = Times(allowed, heads(self._network, allowed, before), tails(self._network, allowed, after))
            same = bool((closer.through(seconds) <= longest).sum() == allowed.sum())
            known = closer
            if same or self._expired():
                break
        allowed = known.through(seconds) <= longest
        if not allowed.any(axis=1).all():
            return None
        known = Times(allowed, known.heads, known.tails)
        return known if self._fits(known, longest) else None

    def bound(self, low: float, high: float, tell: Callable[[float], None] = lambda _bound: None) -> float:
        """Return the largest lower bound found between a known one and a known makespan, by bisection."""
        steps = 14
        while steps > 0 and high - low > 1e-4 * high and not self._expired():
            steps -= 1
            # Refutations near the known makespan are rarer than near the bound.
            middle = (low + high) / 2
            if self.supposed(middle) is None:
                low = middle
                tell(low)
            else:
                high = middle
        return low

    def _by_work(self, known: Times) -> tuple[Floats, Floats]:
        """(t,) earliest starts and least rests by the work of all that must be done before and after each task."""
        none = np.zeros(len(self._network.order))
        if self._before is None:
            return none, none
        work = _least_work(known, self._network.arrays.seconds, self._weights.get((0, 0), self._even()))
        first = np.where(known.allowed, known.heads, np.inf).min(axis=1)
        last = np.where(known.allowed, known.tails, np.inf).min(axis=1)
        return _piled(self._before, first, work), _piled(self._before.T, last, work)

    def _even(self) -> Floats:
        """Return a weight for each site's slots, all alike, that sum to 1 over the slots."""
        total = self._slots.sum()
        return np.where(self._slots > 0, 1.0 / total, 0.0) if total > 0 else np.zeros(len(self._slots))

    def _fits(self, known: Times, makespan: float) -> bool:
        """Return whether the work of each window of time fits the slots, as far as can be told."""
        if not (self._slots > 0).any() or not (known.allowed <= (self._slots > 0)).any():
            return True
        first = np.where(known.allowed, known.heads, np.inf).min(axis=1)
        last = np.where(known.allowed, known.tails, np.inf).min(axis=1)
        opens = np.unique(np.quantile(first, np.linspace(0, 1, _WINDOWS + 1)[:-1], method="lower"))
        closes = makespan - np.unique(np.quantile(last, np.linspace(0, 1, _WINDOWS + 1)[:-1], method="lower"))
        seconds = self._network.arrays.seconds
        for a, opening in enumerate(opens.tolist()):
            for b, closing in enumerate(closes.tolist()):
                span = closing - opening
                if span <= 0:
                    continue
                if self._expired():
                    return True
                early = known.heads + seconds - opening
                late = closing - (makespan - known.tails - seconds)
                inside = np.minimum(np.minimum(seconds, span), np.maximum(np.minimum(early, late), 0.0))
                weights, load = _heaviest(
                    np.where(known.allowed, inside, np.inf),
                    self._slots,
                    self._weights.get((a, b), self._even()),
                    span,
                )
                self._weights[a, b] = weights
                if load > span * (1 + _MARGIN):
                    return False
        return True


def _least_work(known: Times, seconds: Floats, weights: Floats) -> Floats:
    """Return (t,): the least of a task's weighted seconds over its sites."""
    least: Floats = np.where(known.allowed, seconds * weights, np.inf).min(axis=1)
    return least


def _heaviest(inside: Floats, slots: Floats, weights: Floats, enough: float) -> tuple[Floats, float]:
    """Weights of slots (sum over slots 1) under which the least weighted work is largest, and that work.

    Any weights give a valid bound; these are sought by multiplicative steps towards the loaded sites.

    Args:
        inside: (t, s): seconds that must be done; infinite where a task can't be.
        slots: (s,).
        weights: where to begin.
        enough: stop above this.
    """
    best_weights, best = weights, -math.inf
    rows = np.arange(len(inside))
    finite = np.where(np.isfinite(inside), inside, 0.0)
    barred = ~np.isfinite(inside)
    step = 0.5
    for turn in range(_WEIGHT_STEPS):
        weighted = inside * np.where(weights > 0, weights, 1.0)
        weighted[:, weights <= 0] = 0.0
        weighted[barred] = np.inf
        chosen = weighted.argmin(axis=1)
        work = math.fsum(weighted[rows, chosen].tolist()) * (1 - _MARGIN)
        if work > best:
            best, best_weights = work, weights
        if best > enough * (1 + 2 * _MARGIN) or (turn == 8 and best < 0.8 * enough):  # noqa: PLR2004  # hopeless
            break
        loads = np.bincount(chosen, finite[rows, chosen], minlength=len(slots))
        busy = np.divide(loads, slots, out=np.zeros_like(loads), where=slots > 0)
        mean = float((busy * slots * weights).sum())
        if mean <= 0:
            break
        weights = np.where(slots > 0, weights * np.exp(step * np.clip(busy / mean - 1, -1, 1)), 0.0)
        weights = np.maximum(weights, np.where(slots > 0, 1e-9, 0.0))
        weights /= (weights * slots).sum()
        step *= 0.93
    return best_weights, best


def _ancestors(network: Network) -> Flags:
    """Return (t, t): whether the column's task must end before the row's begins."""
    arrays = network.arrays
    before = np.zeros((len(network.order), len(network.order)), dtype=bool)
    starts, task_of = arrays.in_starts.tolist(), arrays.in_task.tolist()
    for task in network.order.tolist():
        for earlier in task_of[starts[task] : starts[task + 1]]:
            before[task] |= before[earlier]
            before[task, earlier] = True
    return before


def _piled(before: Flags, first: Floats, work: Floats) -> Floats:
    """Return (t,): when the work of all that comes before each task can be done at the earliest."""
    arranged = np.argsort(-first, kind="stable")
    piled = np.cumsum(before[:, arranged] * work[arranged], axis=1)
    begun = np.where(before[:, arranged], first[arranged] + piled, 0.0)
    latest: Floats = begun.max(axis=1, initial=0.0) * (1 - _MARGIN)
    return latest
