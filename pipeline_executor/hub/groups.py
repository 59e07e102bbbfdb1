"""One group of a run: which phase it is in, from its status, its PipelineGroup and its manifests. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from moorage.runs import GroupPhase
from pipeline_executor.distribution.seen import SeenGroup
from pipeline_executor.hub.inforce import PlannedGroup, PlannedImport
from pipeline_executor.hub.state import GroupState

_OVER = {GroupPhase.FAILED, GroupPhase.CANCELLED, GroupPhase.LOST}


@dataclass(frozen=True, slots=True)
class SiteSight:
    """How well a group's site is seen.

    Attributes:
        lost_seconds: how long nothing can have been heard from there.
        answers: whether its API server can be written to.
        problem: why it can't, or what is amiss there; "" where all is well.
        store_problem: why nothing is known of what its artifact store holds; "" where it answers.
    """

    lost_seconds: float = 0.0
    answers: bool = True
    problem: str = ""
    store_problem: str = ""


@dataclass(frozen=True, slots=True)
class Datum:
    """An artifact or a value at the site that made it: it exists when its manifest does."""

    site: str
    name: str
    is_value: bool = False


def datum(each: PlannedImport) -> Datum:
    """What an import waits for."""
    return Datum(each.site, each.datum, each.is_value)


def exports(group: PlannedGroup) -> frozenset[Datum]:
    """What a group gives out."""
    return frozenset(
        Datum(group.site, each.artifact or each.value or "", each.artifact is None) for each in group.exports
    )


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What is known of one group besides its status.

    Attributes:
        seen: its PipelineGroups, by attempt.
        planned: None where the plan in force has it no more.
        manifests: the data that are known to exist.
        sight: of its site.
        lost: whether its site has been out of sight for too long.
        now: RFC 3339.
    """

    seen: Mapping[int, SeenGroup]
    planned: PlannedGroup | None
    manifests: Collection[Datum]
    sight: SiteSight
    lost: bool
    now: str


def observe(state: GroupState, facts: GroupFacts) -> GroupState:
    """The group as it is, before anything new is asked of it."""
    newest = max(facts.seen, default=0)
    if newest > state.attempt and state.phase is not GroupPhase.SUCCEEDED:
        # It was submitted, and the hub ended before it could write that down.
        state = replace(state, attempt=newest, next_attempt=0, phase=GroupPhase.WAITING, start="", end="", message="")
    if state.phase in {GroupPhase.SUCCEEDED, GroupPhase.FAILED, GroupPhase.CANCELLED}:
        return state
    return _ended(state, facts) or _complete(state, facts) or _under_way(state, facts)


def _ended(state: GroupState, facts: GroupFacts) -> GroupState | None:
    """As its spoke says that it ended; None where that is not so. Of a group that was lost only a success counts."""
    group = facts.seen.get(state.attempt)
    if group is None or group.phase is None or not group.is_final or state.next_attempt:
        return None
    if state.phase is GroupPhase.LOST and group.phase is not GroupPhase.SUCCEEDED:
        return None
    phase = GroupPhase.FAILED if group.phase is GroupPhase.LOST else group.phase
    start, end = group.start or state.start, group.end or facts.now
    return replace(state, phase=phase, message=group.message, start=start, end=end)


def _complete(state: GroupState, facts: GroupFacts) -> GroupState | None:
    """As ended well, where nobody tells of it any more and all that it gives out exists; None where that is not so."""
    given = frozenset() if facts.planned is None else exports(facts.planned)
    told = facts.seen.get(state.attempt) is not None and state.phase is not GroupPhase.LOST
    if told or not given or not given <= set(facts.manifests):
        return None
    message = "all that it gives out exists"
    return replace(state, phase=GroupPhase.SUCCEEDED, next_attempt=0, end=facts.now, message=message)


def _under_way(state: GroupState, facts: GroupFacts) -> GroupState:
    """As lost, waiting or running."""
    if state.phase is GroupPhase.LOST:
        return state
    if facts.lost:
        message = f"site {state.site} was lost: {facts.sight.problem or 'it is out of sight'}"
        return replace(state, phase=GroupPhase.LOST, end=facts.now, message=message)
    group = facts.seen.get(state.attempt)
    if not state.submitted:
        return state
    if group is None:
        # Whether it is gone, or the cache is behind, is made sure of before it is submitted again.
        gone = replace(state, phase=GroupPhase.WAITING, message="its PipelineGroup is not there")
        return gone if facts.sight.answers else state
    running = group.phase is GroupPhase.RUNNING
    phase = GroupPhase.RUNNING if running else GroupPhase.WAITING
    problem = f": {facts.sight.problem}" if facts.sight.problem else ""
    said = group.message or ("" if running else f"its spoke has not begun yet{problem}")
    return replace(state, phase=phase, start=group.start or state.start, message=said)


def again(state: GroupState) -> GroupState:
    """A group that is over without success, to be tried once more."""
    if state.phase not in _OVER:
        return state
    following = state.attempt + 1 if state.attempt else 0
    return replace(
        state, phase=GroupPhase.WAITING, next_attempt=following, start="", end="", message="waits to be tried again"
    )


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a group can't be submitted now; `for_good`: unless somebody asks for another try."""

    message: str
    for_good: bool = False


def hindrance(
    group: PlannedGroup,
    states: Mapping[str, GroupState],
    manifests: Collection[Datum],
    sites: Mapping[str, SiteSight],
) -> Hindrance | None:
    """What a group waits for: None once each import has a manifest and the other groups before it have succeeded."""
    for each in group.imports:
        if datum(each) in manifests:
            continue
        if problem := sites.get(each.site, SiteSight()).store_problem:
            return Hindrance(f"waits for {each.datum}, and can't see whether it is there: {problem}")
        kind = "value" if each.is_value else "artifact"
        return _of(states.get(each.group), each.group, f"{kind} {each.datum} of group {each.group}")
    for before in group.only_after:
        state = states.get(before)
        if state is None or state.phase is not GroupPhase.SUCCEEDED:
            return _of(state, before, f"group {before}")
    site = sites.get(group.site, SiteSight())
    if not site.answers:
        return Hindrance(f"waits for the cluster of site {group.site}: {site.problem}")
    return None


def _of(state: GroupState | None, name: str, what: str) -> Hindrance:
    if state is None:
        return Hindrance(f"waits for {what}, which the plan has no more")
    if state.phase in {GroupPhase.FAILED, GroupPhase.CANCELLED}:
        word = "failed" if state.phase is GroupPhase.FAILED else "was cancelled"
        return Hindrance(f"does not run: group {name} {word}", for_good=True)
    if state.phase is GroupPhase.SUCCEEDED:
        return Hindrance(f"waits for the manifest of {what}, which has succeeded")
    return Hindrance(f"waits for {what}")
