"""Temperature schedule: a few hard passes, then soft ones, colder each round, then HiGHS on what is left."""

import dataclasses
import math
from dataclasses import dataclass

from pipeline_splitter.problem import Limits
from pipeline_splitter.solving.search import SMALL_FLOWS, Search, bearable, flows
from pipeline_splitter.solving.smoothing.smoother import Smoother

_HARD_SWEEPS = 16
_HOT, _HARD_COLD, _COLD = 0.1, 1e-6, 1e-5
"""Temperatures at the start and at the end of a round, relative to the cost per block."""
_COOLER, _LEAST_HOT = 30.0, 1e-3
"""Later rounds begin at a temperature in proportion to the gap, and not below the least."""
_PACE, _ANY_PACE = 150.0, 1e9
_SOFT_SWEEPS, _MOST_SWEEPS = 150, 1200
_LEAST_SWEEPS = 24
_KNEE = 0.8
"""A round that has to be shorter goes as slowly as it would for so much of it, for that is where most is gained."""
_PACED_AT = (8, 24, 48, 96)
"""The sweeps after which a round looks how many more there is time for; the first ones take longer."""
_MOVE_EVERY, _HARD_MOVE_EVERY = 8, 4
_PROVE_EVERY, _LOOK_EVERY = 4, 12
_LOOKS = (1, 7)
_NARROW_FROM = 2_000_000
"""The flows below which a pass is so quick that a proof over all sites is worth more."""
_NARROW_AT = 0.6
_LIKELY_FLOWS = 12_000
_DECIDED_FLOWS_PER_SECOND = 1_200
"""The number of flows that HiGHS decides for sure in a second."""
_MOST_DECISIONS = 4
_PART = 0.25
"""The share of the time left that looking for a better placement may take."""


@dataclass(frozen=True, slots=True)
class _Round:
    """The settings of a round: sweeps, first temperature, and whether slack is moved now and then."""

    sweeps: int
    hot: float
    move: bool


def cool(search: Search, limits: Limits) -> None:
    """Searches until the gap is small enough or the time is over; all that is found is in the search."""
    smoother = smoothing(search)
    _hard(search, smoother, limits)
    decided, rounds, sweeps, hot = 0, 0, _SOFT_SWEEPS, _HOT
    while not _over(search, limits):
        left = flows(search.core, search.open_sites())
        seconds = limits.deadline - limits.clock()
        if left <= max(_DECIDED_FLOWS_PER_SECOND * seconds, min(SMALL_FLOWS, bearable(limits))):
            decided += 1
            if search.decide(limits) or decided == _MOST_DECISIONS:
                return
        if max(_NARROW_FROM, left / _NARROW_AT) < flows(search.core, search.core.allowed):
            search.narrow()
            smoother = smoothing(search)
        # Moving slack helps nearly always at first, later now and then.
        _soft(search, smoother, _Round(sweeps, hot, move=rounds == 0 or rounds % 2 == 1), limits)
        rounds += 1
        if _over(search, limits):
            return
        _try_likely(search, smoother, limits)
        sweeps = min(2 * sweeps, _MOST_SWEEPS)
        hot = min(_HOT, max(_LEAST_HOT, _COOLER * search.gap))


def smoothing(search: Search) -> Smoother:
    """Passes over what is left of a search, with a first bound and a first choice."""
    smoother = Smoother(search.core, search.core.costs[0], search.record, search.best())
    search.best = smoother.best
    smoother.prove()
    if not math.isfinite(search.record.value):
        smoother.look()
    return smoother


def _over(search: Search, limits: Limits) -> bool:
    return search.finished(limits) or not search.record.active.any() or limits.clock() >= limits.deadline


def _hard(search: Search, smoother: Smoother, limits: Limits) -> None:
    for number in range(_HARD_SWEEPS):
        if number % _HARD_MOVE_EVERY == 1:
            smoother.move()
            smoother.prove()
        softness = _HOT * (_HARD_COLD / _HOT) ** (number / _HARD_SWEEPS)
        smoother.sweep(search.record.heat(softness), _ANY_PACE, hard=True, prove=number % 2 == 0)
        if _ends(search, smoother, limits, look=number in _LOOKS or number == _HARD_SWEEPS - 1):
            return


def _soft(search: Search, smoother: Smoother, round_: _Round, limits: Limits) -> None:
    """One round; with less time than it takes, a shorter one that is as cold at its end."""
    since, seen, sweeps, hot = limits.clock(), 0, round_.sweeps, round_.hot
    number = 0
    while number < sweeps:
        if number in _PACED_AT:
            now = limits.clock()
            each = max((now - since) / (number - seen), 1e-9)
            sweeps = int(min(round_.sweeps, max(_LEAST_SWEEPS, number + (limits.deadline - now) / each)))
            since, seen = now, number
        softness = hot * (_COLD / hot) ** _cooled(number, sweeps, round_.sweeps)
        prove = number % _PROVE_EVERY == 0 or number == sweeps - 1
        smoother.sweep(search.record.heat(softness), _PACE, prove=prove)
        if round_.move and number % _MOVE_EVERY == _MOVE_EVERY - 1:
            smoother.move()
            smoother.prove()
        if _ends(search, smoother, limits, look=number % _LOOK_EVERY == _LOOK_EVERY - 1 or number == sweeps - 1):
            return
        number += 1


def _cooled(number: int, sweeps: int, planned: int) -> float:
    """Return how far a round has cooled, 0 to 1: as if there were time for all of it, and quickly at the end."""
    knee = _KNEE * sweeps
    if sweeps == planned or number <= knee:
        return number / planned
    return knee / planned + (1 - knee / planned) * (number - knee) / (sweeps - knee)


def _ends(search: Search, smoother: Smoother, limits: Limits, *, look: bool) -> bool:
    if look:
        smoother.look()
        if search.record.settle(limits.gap):
            smoother.focus()
        search.tell(limits)
    return _over(search, limits)


def _try_likely(search: Search, smoother: Smoother, limits: Limits) -> None:
    """Look for a better placement than passes find, among the sites that the messages like best."""
    now = limits.clock()
    seconds = _PART * (limits.deadline - now)
    most = int(min(_LIKELY_FLOWS, bearable(limits) * _PART))
    smoother.prove()
    search.try_likely(smoother.reduced(), most, dataclasses.replace(limits, deadline=now + seconds))
    if search.record.settle(limits.gap):
        smoother.focus()
