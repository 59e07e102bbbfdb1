"""Tasks and bytes of a run, from what its groups' spokes say. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from moorage.runs import GroupPhase, TaskPhase
from moorage.runs.pipelines import MOST_TASKS_IN_STATUS
from pipeline_executor.distribution.seen import SeenGroup
from pipeline_executor.hub.inforce import InForce
from pipeline_executor.hub.state import GroupState, RunState

_UNTOLD = {
    GroupPhase.SUCCEEDED: TaskPhase.SUCCEEDED,
    GroupPhase.CANCELLED: TaskPhase.CANCELLED,
}
"""What is taken of the tasks of a group that ended and of which nothing is seen any more."""
_MOST_MESSAGES: Final = 100


def tasks_of(
    state: RunState, plan: InForce | None, seen: Collection[SeenGroup]
) -> tuple[tuple[Mapping[str, Any], ...], dict[str, int]]:
    """Each task, where there are at most 500, by name; and how many there are in each phase."""
    if plan is None:
        return (), {}
    by_attempt = {(group.group, group.attempt): group for group in seen}
    told = {str(task.get("name")): task for task in state.tasks}
    states = {group.id: group for group in state.groups}
    tasks: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for group in plan.groups.values():
        at = states.get(group.id, GroupState(group.id, group.site))
        found = by_attempt.get((group.id, at.attempt))
        if found is not None and (found.tasks or found.task_counts):
            tasks += [_task(each.name, each.phase, group.site, each.attempt, each.message) for each in found.tasks]
            listed = Counter(each.phase.value for each in found.tasks)
            counts.update({phase.value: count for phase, count in found.task_counts} or listed)
            continue
        for name in group.tasks:
            known = told.get(name)
            if known is not None and known.get("site") == group.site and at.phase.is_final:
                tasks.append(dict(known))
            else:
                tasks.append(_task(name, _UNTOLD.get(at.phase, TaskPhase.PENDING), group.site, max(at.attempt, 1)))
            counts[str(tasks[-1]["phase"])] += 1
    whole = len(tasks) <= MOST_TASKS_IN_STATUS and sum(counts.values()) <= MOST_TASKS_IN_STATUS
    listed_tasks = sorted(_with_few_messages(tasks), key=lambda task: str(task["name"])) if whole else ()
    return tuple(listed_tasks), dict(sorted(counts.items()))


def moved_bytes(state: RunState, seen: Collection[SeenGroup]) -> int:
    """What crossed between sites, as far as it is known; what was known once stays known."""
    crossed = (each.size_bytes for group in seen for each in group.imports if each.origin != group.site)
    return max(state.bytes_moved, sum(crossed))


def _task(name: str, phase: TaskPhase, site: str, attempt: int, message: str = "") -> dict[str, Any]:
    task: dict[str, Any] = {"name": name, "phase": phase.value, "site": site, "attempt": attempt}
    return task | ({"message": message} if message else {})


def _with_few_messages(tasks: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The same with at most 100 messages, those of failed tasks first: the object may hold a long pipeline, too."""
    told = sorted((task for task in tasks if "message" in task), key=lambda task: task["phase"] != TaskPhase.FAILED)
    untold = {str(task["name"]) for task in told[_MOST_MESSAGES:]}
    return [
        {key: value for key, value in task.items() if key != "message"} if task["name"] in untold else task
        for task in tasks
    ]
