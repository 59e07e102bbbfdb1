"""What stays where it is when a run is planned anew because a site was lost. Pure.

Groups that have ended, or that run where the hub still sees them, keep their tasks, their place and their id. All other
tasks may go to any site that is left.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from moorage.runs import GroupPhase
from pipeline_executor.hub.inforce import InForce
from pipeline_executor.hub.state import GroupState


@dataclass(frozen=True, slots=True)
class Staying:
    """What is asked of the planner besides the run itself.

    Attributes:
        settled: by task, the group that it stays in.
        pins: by task, the sites where it may be; tasks that the planner inserts have none.
        taken: every id that a group of this run has had.
        without: sites that take no part at all: lost, with nothing on them that is needed.
    """

    settled: Mapping[str, str]
    pins: Mapping[str, tuple[str, ...]]
    taken: tuple[str, ...]
    without: tuple[str, ...]


def staying(
    plan: InForce,
    groups: Collection[GroupState],
    lost: Collection[str],
    sites: Collection[str],
    unreadable: Collection[str],
) -> Staying:
    """What stays.

    Args:
        plan: the one in force.
        groups: of the run's status.
        lost: sites that are out of sight for too long.
        sites: all that there are.
        unreadable: groups that have succeeded, and whose outputs can't be read any more.
    """
    states = {group.id: group for group in groups}
    settled: dict[str, str] = {}
    for group in plan.groups.values():
        state = states.get(group.id)
        if state is not None and _stays(state, lost) and group.id not in unreadable:
            settled |= dict.fromkeys(group.tasks, group.id)
    needed = {plan.groups[name].site for name in settled.values()}
    left = tuple(sorted(set(sites) - set(lost)))
    pins = {
        task: (plan.groups[settled[task]].site,) if task in settled else left
        for group in plan.groups.values()
        for task in group.tasks
        if task not in plan.inserted
    }
    return Staying(
        settled=settled,
        pins=pins,
        taken=tuple(sorted({*states, *plan.groups})),
        without=tuple(sorted(set(lost) - needed)),
    )


def _stays(state: GroupState, lost: Collection[str]) -> bool:
    if state.phase is GroupPhase.SUCCEEDED:
        return True
    if state.site in lost or state.phase is GroupPhase.LOST:
        return False
    # What was never submitted is as free as if it had not been planned.
    return state.attempt > 0
