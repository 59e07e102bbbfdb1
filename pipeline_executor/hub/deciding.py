"""What a run needs next. Pure: the world in, a verdict out.

Three steps: each group as it is (`groups.observe`), the run's phase, and what is to be done: groups to submit, old
PipelineGroups to end, a plan to be made.

A group that failed stops those that need what it gives, and no others: what is under way goes on, and what does not
depend on it is still released, so that a later try has less to do. The run has failed once nothing more can run.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from moorage.runs import GroupPhase, RunPhase, StretchedPipeline
from pipeline_executor.distribution.seen import SeenGroup
from pipeline_executor.hub.groups import Datum, GroupFacts, SiteSight, again, exports, hindrance, observe
from pipeline_executor.hub.groups import datum as datum_of
from pipeline_executor.hub.inforce import InForce, PlannedGroup
from pipeline_executor.hub.state import GroupState, RunState

PLANNING_AGAIN_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class PlanFound:
    """What came of planning, where something did: a plan, or why there is none.

    Attributes:
        plan: a plan that is not in force yet, its files in the stores.
        problem: why there is none.
        infeasible: there can't be one.
        lasting: asking again would give the same answer.
        asked_without: the sites that were left out as lost.
    """

    plan: InForce | None = None
    problem: str = ""
    infeasible: bool = False
    lasting: bool = True
    asked_without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    """All that a decision asks for.

    Attributes:
        state: the run's status.
        plan: the one in force; None where there is none.
        found: what came of a planning since.
        seen: the run's PipelineGroups, at all clusters.
        sites: of each site of a group.
        manifests: the data that exist, as far as `wanted` asked.
        refusal: asks the policy, for a group that could be submitted.
        now: RFC 3339.
    """

    run: StretchedPipeline
    state: RunState
    plan: InForce | None
    found: PlanFound | None
    seen: tuple[SeenGroup, ...]
    sites: Mapping[str, SiteSight]
    manifests: Collection[Datum]
    refusal: Callable[[PlannedGroup], str | None]
    now: str

    def is_lost(self, site: str) -> bool:
        """Whether the site is lost for this run."""
        sight = self.sites.get(site, SiteSight())
        return sight.lost_seconds > 0 and sight.lost_seconds >= self.run.lost_after_seconds


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done.

    Attributes:
        state: the status that the run should have (tasks, bytes and conditions are others' to fill in).
        plan: the plan in force from now on.
        make_plan: whether a plan is to be made.
        without: the sites that are lost to it.
        submit: groups, each with the attempt.
        resubmitted: those of them whose last attempt's PipelineGroup is gone: to be made sure of first.
        cancel: PipelineGroups that are to end.
        wake_seconds: when to look again though nothing changed; None: not at all.
    """

    state: RunState
    plan: InForce | None = None
    make_plan: bool = False
    without: frozenset[str] = frozenset()
    submit: tuple[tuple[PlannedGroup, int], ...] = ()
    resubmitted: frozenset[str] = frozenset()
    cancel: tuple[SeenGroup, ...] = ()
    wake_seconds: float | None = None


@dataclass
class _Deciding:
    """The groups by id, as the decision proceeds."""

    groups: dict[str, GroupState]
    history: list[GroupState]
    submit: list[tuple[PlannedGroup, int]] = field(default_factory=list)
    resubmitted: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)

    def all(self) -> tuple[GroupState, ...]:
        return (*self.groups.values(), *self.history)


def wanted(state: RunState, plan: InForce | None, seen: Collection[SeenGroup]) -> frozenset[Datum]:
    """The data whose manifests a decision asks for.

    These are what groups that were not submitted wait for, and what groups that are not seen may have given out.
    """
    if plan is None or (state.phase is not None and state.phase.is_final and state.phase is not RunPhase.FAILED):
        return frozenset()
    at = {(group.group, group.attempt) for group in seen}
    known = {group.id: group for group in state.groups}
    found: set[Datum] = set()
    for group in plan.groups.values():
        now = known.get(group.id, GroupState(group.id, group.site))
        if now.phase is GroupPhase.SUCCEEDED:
            continue
        if not now.submitted or now.phase.is_final:
            found |= {datum_of(each) for each in group.imports}
        if (now.id, now.attempt) not in at or now.phase.is_final:
            found |= exports(group)
    return frozenset(found)


def decide(world: World) -> Verdict:
    """What the run needs next."""
    state = world.state
    phase = state.phase or RunPhase.PLANNING
    # What was deleted from the stores can't be gone on from.
    tries = world.run.retries > state.retries and not state.expired
    if tries and phase in {RunPhase.FAILED, RunPhase.INFEASIBLE}:
        tried = tuple(_tried_again(group, world) for group in state.groups)
        phase = RunPhase.PLANNING if world.plan is None else RunPhase.RUNNING
        state = replace(state, groups=tried, reported=False, end="")
        world = replace(world, state=state, found=None)
    state = replace(state, phase=phase, retries=max(world.run.retries, state.retries), start=state.start or world.now)
    world = replace(world, state=state)
    if phase.is_final:
        return Verdict(state, world.plan, cancel=_unfinished(world.seen))
    if world.run.cancel:
        return _cancelling(world)
    if world.plan is None and (world.found is None or world.found.plan is None):
        return _without_plan(world)
    return _running(world)


def _tried_again(group: GroupState, world: World) -> GroupState:
    planned = None if world.plan is None else world.plan.groups.get(group.id)
    if planned is not None and group.phase is GroupPhase.FAILED:
        given = exports(planned)
        if given and given <= set(world.manifests):
            said = (
                "all that it gives out exists, so it is not run again; create another run to have its other tasks done"
            )
            return replace(group, message=said)
    return again(group)


def _without_plan(world: World) -> Verdict:
    found, state = world.found, world.state
    lost = frozenset(site for site in world.sites if world.is_lost(site))
    if found is None:
        return Verdict(_told(state, "is being planned"), make_plan=True, without=lost)
    if not found.lasting:
        said = f"can't be planned yet: {found.problem}"
        return Verdict(_told(state, said), make_plan=True, without=lost, wake_seconds=PLANNING_AGAIN_SECONDS)
    phase = RunPhase.INFEASIBLE if found.infeasible else RunPhase.FAILED
    return Verdict(replace(state, phase=phase, message=found.problem, end=world.now))


def _running(world: World) -> Verdict:
    plan, state = world.plan, world.state
    deciding = _observed(world)
    replanned = world.found is not None and world.found.plan is not None
    if world.found is not None and world.found.plan is not None:
        plan = world.found.plan
        deciding = _under(plan, deciding)
    if plan is None:
        raise ValueError("there is no plan to go by")  # `decide` saw to it
    approved = not world.run.approval or world.run.approved_plan == plan.mark.digest
    without = frozenset(site for site in {*world.sites, *plan.sites} if world.is_lost(site))
    make_plan, stuck = (False, "") if replanned else _what_of_the_lost(world, deciding, without)
    if approved:
        _release(world, plan, deciding)
    else:
        _hold(plan, deciding)
    state = replace(state, plan=plan.mark, bytes_planned=plan.bytes_planned, groups=deciding.all())
    state = _phase_of(state, deciding, "" if approved else plan.mark.digest, stuck, world.now)
    unwanted = _unwanted(world, state, deciding)
    wake = _wake(world, deciding)
    if make_plan and world.found is not None:
        wake = min(PLANNING_AGAIN_SECONDS, wake or PLANNING_AGAIN_SECONDS)
    return Verdict(
        state,
        plan,
        make_plan=make_plan and not (state.phase is not None and state.phase.is_final),
        without=without,
        submit=tuple(deciding.submit),
        resubmitted=frozenset(deciding.resubmitted),
        cancel=unwanted,
        wake_seconds=wake,
    )


def _what_of_the_lost(world: World, deciding: _Deciding, without: frozenset[str]) -> tuple[bool, str]:
    """Whether a plan without the lost sites is to be made, and what the run waits for meanwhile.

    Where the sites are back before there is another plan, their groups are tried again there.
    """
    lost = sorted(group.id for group in deciding.groups.values() if group.phase is GroupPhase.LOST)
    if not lost:
        return False, ""
    if all(not world.sites.get(deciding.groups[name].site, SiteSight()).lost_seconds for name in lost):
        for name in lost:
            deciding.groups[name] = again(deciding.groups[name])
        return False, ""
    found = world.found
    if found is None or found.asked_without != without:
        return True, "is being planned anew"
    if not found.lasting:
        return True, f"can't be planned anew yet: {found.problem}"
    sites = ", ".join(sorted(found.asked_without))
    return False, f"can't go on without site {sites}, and goes on once it is back: {found.problem}"


def _observed(world: World) -> _Deciding:
    """Every group as it is."""
    planned = {} if world.plan is None else world.plan.groups
    by_group: dict[str, dict[int, SeenGroup]] = {}
    for each in world.seen:
        by_group.setdefault(each.group, {})[each.attempt] = each
    known = {group.id: group for group in world.state.groups}
    groups = {}
    for name, group in planned.items():
        state = known.get(name, GroupState(name, group.site))
        seen = by_group.get(name, {})
        sight = world.sites.get(group.site, SiteSight())
        lost = world.is_lost(group.site)
        groups[name] = observe(state, GroupFacts(seen, group, world.manifests, sight, lost, world.now))
    history = [group for name, group in known.items() if name not in planned]
    return _Deciding(groups, history)


def _under(plan: InForce, deciding: _Deciding) -> _Deciding:
    """The same under another plan: groups that it has no more become history; of these only what ended is told."""
    groups = {name: deciding.groups.get(name, GroupState(name, group.site)) for name, group in plan.groups.items()}
    gone = [group for name, group in deciding.groups.items() if name not in groups]
    kept = [
        group if group.phase.is_final else replace(group, phase=GroupPhase.CANCELLED, message="was planned anew")
        for group in gone
        if group.attempt
    ]
    return _Deciding(groups, [*deciding.history, *kept])


def _release(world: World, plan: InForce, deciding: _Deciding) -> None:
    """Submit what can be submitted, and say of the others what they wait for; until nothing more follows of it."""
    going = True
    while going:
        going = False
        for name, group in plan.groups.items():
            state = deciding.groups[name]
            if state.phase is not GroupPhase.WAITING or any(each.id == name for each, _ in deciding.submit):
                continue
            if state.submitted:
                if any(each.group == name and each.attempt == state.attempt for each in world.seen):
                    continue
                if not world.sites.get(group.site, SiteSight()).answers:
                    continue
            refused = _offer(world, group, deciding)
            going = going or refused


def _offer(world: World, group: PlannedGroup, deciding: _Deciding) -> bool:
    """Submit a group or say why not; whether it failed, so that others may be hindered for good."""
    state = deciding.groups[group.id]
    hindered = hindrance(group, deciding.groups, world.manifests, world.sites)
    if hindered is not None:
        deciding.groups[group.id] = replace(state, message=hindered.message)
        if hindered.for_good:
            deciding.blocked.add(group.id)
            deciding.groups[group.id] = replace(state, phase=GroupPhase.CANCELLED, message=hindered.message)
        return hindered.for_good
    refused = world.refusal(group)
    if refused is not None:
        failed = replace(state, phase=GroupPhase.FAILED, message=refused, start=world.now, end=world.now)
        deciding.groups[group.id] = failed
        return True
    attempt = state.wanted
    if state.submitted:
        attempt = state.attempt + 1
        deciding.resubmitted.add(group.id)
    deciding.submit.append((group, attempt))
    deciding.groups[group.id] = replace(
        state, attempt=attempt, next_attempt=0, start=world.now, end="", message="its spoke has not begun yet"
    )
    return False


def _hold(plan: InForce, deciding: _Deciding) -> None:
    for name in plan.groups:
        state = deciding.groups[name]
        if state.phase is GroupPhase.WAITING and not state.submitted:
            deciding.groups[name] = replace(state, message="waits for the plan's approval")


def _phase_of(state: RunState, deciding: _Deciding, needs_approval: str, stuck: str, now: str) -> RunState:
    """The run's phase, from its groups'. `needs_approval`: the digest of a plan that nobody has approved, else ""."""
    groups = list(deciding.groups.values())
    phases = [group.phase for group in groups]
    if all(phase is GroupPhase.SUCCEEDED for phase in phases):
        return replace(state, phase=RunPhase.SUCCEEDED, message="", end=now)
    active = any(phase in {GroupPhase.WAITING, GroupPhase.RUNNING} for phase in phases)
    failed = [group for group in groups if group.phase is GroupPhase.FAILED]
    over = [group for group in groups if group.phase in {GroupPhase.FAILED, GroupPhase.CANCELLED}]
    if over and not active:
        told = (failed or over)[0]
        why = (
            f"group {told.id} at site {told.site} failed: {told.message}"
            if failed
            else f"group {told.id}: {told.message}"
        )
        return replace(state, phase=RunPhase.FAILED, message=why, end=now)
    if needs_approval:
        said = f"waits for approval: `moorage runs approve`, or spec.approvedPlan: {needs_approval}"
        return replace(state, phase=RunPhase.AWAITING_APPROVAL, message=said)
    return replace(state, phase=RunPhase.RUNNING, message=stuck or _waits_for(groups, failed))


def _waits_for(groups: Collection[GroupState], failed: Collection[GroupState]) -> str:
    """One sentence: what runs, and what the first that waits waits for."""
    running = sorted(group.id for group in groups if group.phase is GroupPhase.RUNNING)
    troubled = sorted((g.id, g.message) for g in groups if g.phase is GroupPhase.RUNNING and g.message)
    waiting = sorted((group for group in groups if group.phase is GroupPhase.WAITING), key=lambda group: group.id)
    parts = [f"group {group.id} failed" for group in list(failed)[:1]]
    if running:
        parts.append(f"{_listed(running)} {'runs' if len(running) == 1 else 'run'}")
    parts += [f"{name}: {message}" for name, message in troubled[:1]]
    if waiting:
        parts.append(f"{waiting[0].id}: {waiting[0].message}" if waiting[0].message else f"{waiting[0].id} waits")
    return "; ".join(parts)


def _listed(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _cancelling(world: World) -> Verdict:
    deciding = _observed(world)
    for name, group in deciding.groups.items():
        if not group.phase.is_final and (not group.submitted or not _seen(world, group)):
            answers = world.sites.get(group.site, SiteSight()).answers
            if not group.submitted or answers:
                deciding.groups[name] = replace(
                    group, phase=GroupPhase.CANCELLED, next_attempt=0, end=world.now, message="the run was cancelled"
                )
    left = sorted(group.id for group in deciding.groups.values() if not group.phase.is_final)
    message = f"waits for {_listed(left)} to end" if left else "cancelled on demand"
    phase = RunPhase.CANCELLING if left else RunPhase.CANCELLED
    end = "" if left else world.now
    state = replace(world.state, phase=phase, message=message, groups=deciding.all(), end=end)
    return Verdict(state, world.plan, cancel=_unfinished(world.seen), wake_seconds=_wake(world, deciding))


def _seen(world: World, group: GroupState) -> bool:
    return any(each.group == group.id and each.attempt == group.attempt for each in world.seen)


def _unfinished(seen: Collection[SeenGroup]) -> tuple[SeenGroup, ...]:
    return tuple(group for group in seen if not group.is_final and not group.cancel)


def _unwanted(world: World, state: RunState, deciding: _Deciding) -> tuple[SeenGroup, ...]:
    """What still runs somewhere and is no attempt in force: of a group that was lost, or planned anew.

    It is ended once the status says so, a turn later: else a hub that was killed in between would take its end for the
    group's own. That goes for an attempt, too, that the status does not know yet.
    """
    if state.phase is not None and state.phase.is_final:
        return _unfinished(world.seen)
    current = {
        (group.id, group.attempt)
        for group in (*deciding.groups.values(), *world.state.groups)
        if group.submitted and group.phase is not GroupPhase.LOST
    }
    written = {group.id: group.attempt for group in world.state.groups}
    current |= {
        (group.id, group.attempt) for group in deciding.groups.values() if group.attempt > written.get(group.id, 0)
    }
    return tuple(group for group in _unfinished(world.seen) if (group.group, group.attempt) not in current)


def _wake(world: World, deciding: _Deciding) -> float | None:
    """When the next site with unfinished groups would be lost, or what should be there is looked for again."""
    waiting = {name for name, group in deciding.groups.items() if not group.phase.is_final and not group.submitted}
    due = [
        _LOOK_AGAIN_SECONDS
        for name in waiting
        if world.plan is not None and name in world.plan.groups
        for each in world.plan.groups[name].imports
        if datum_of(each) not in world.manifests
        and (
            world.sites.get(each.site, SiteSight()).store_problem
            or (each.group in deciding.groups and deciding.groups[each.group].phase is GroupPhase.SUCCEEDED)
        )
    ][:1]
    due += [
        world.run.lost_after_seconds - sight.lost_seconds
        for site, sight in world.sites.items()
        if 0 < sight.lost_seconds < world.run.lost_after_seconds
        and any(group.site == site and not group.phase.is_final for group in deciding.groups.values())
    ]
    return max(min(due), 1.0) if due else None


def _told(state: RunState, message: str) -> RunState:
    return replace(state, message=message)
