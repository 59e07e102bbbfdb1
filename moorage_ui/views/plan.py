"""A plan beside what happened: the run's tasks and transfers, each planned and actual."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.model import DatasetRef, Governance
from moorage.runs import TaskEnd
from moorage.sites import Inventory
from moorage_ui.views.raw import items, mapping, number, text
from moorage_ui.views.run import RunView, phases_by_task, unit_of
from moorage_ui.views.times import read_time
from pipeline_splitter.graph import Graph, Language
from pipeline_splitter.plan import Group, Plan, PlannedTask
from pipeline_splitter.report import gather


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task of the run. Seconds and bytes are None where nobody knows."""

    name: str
    title: str
    site: str
    group: str
    phase: str
    attempt: int
    planned_seconds: float | None
    actual_seconds: float | None
    bytes_in: int | None
    bytes_out: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A transfer from one site to another."""

    what: str
    origin: str
    target: str
    planned_bytes: float
    planned_seconds: float
    actual_bytes: float | None
    actual_seconds: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a task's attempt; `task` is named as in the store."""

    task: str
    attempt: int
    end: TaskEnd


def task_rows(run: RunView, plan: Plan | None, ended: Sequence[Ended]) -> list[TaskRow]:
    """Return all tasks: of the plan, inside of its loops, and what the run tells besides; by their planned start."""
    planned = {task.name: task for task in plan.tasks} if plan is not None else {}
    last = {(each.task, each.attempt): each.end for each in ended}
    told = {task.name for task in run.tasks}
    inside = {unit for task in run.tasks if (unit := _planned(task.name, planned)) is not None}
    rows = []
    for task in run.tasks:
        unit = _planned(task.name, planned)
        own = planned.get(task.name)
        end = last.get((task.name, task.attempt))
        rows.append(
            TaskRow(
                name=task.name,
                title=own.title if own is not None else "",
                site=task.site,
                group=planned[unit].group if unit is not None else "",
                phase=task.phase,
                attempt=task.attempt,
                planned_seconds=None if own is None else own.end - own.start,
                actual_seconds=None if end is None else _seconds(end),
                bytes_in=None if end is None else end.bytes_in,
                bytes_out=None if end is None else end.bytes_out,
                reason="" if end is None else end.reason,
            )
        )
    rows += [
        TaskRow(task.name, task.title, task.site, task.group, "Pending", 0, task.end - task.start, None, None, None, "")
        for task in planned.values()
        if task.name not in told and task.name not in inside and len(run.tasks) > 0
    ]
    begins = {name: task.start for name, task in planned.items()}
    rows.sort(key=lambda row: (begins.get(_planned(row.name, planned) or "", 0.0), row.name))
    return rows


def transfer_rows(plan: Plan, report: Mapping[str, Any]) -> list[TransferRow]:
    """List the transfers, the largest first; `run.json` says what really crossed."""
    actual: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for each in items(report.get("transfers")):
        what = next((text(value) for value in mapping(each.get("what")).values()), "")
        actual[what, text(each.get("from")), text(each.get("to"))] = mapping(each.get("actual"))
    rows = []
    for transfer in plan.transfers:
        found = actual.get((transfer.key, transfer.origin, transfer.target), {})
        rows.append(
            TransferRow(
                transfer.key,
                transfer.origin,
                transfer.target,
                transfer.size_bytes,
                transfer.seconds,
                number(found.get("bytes")),
                number(found.get("seconds")),
            )
        )
    return sorted(rows, key=lambda row: (-row.planned_bytes, row.what, row.target))


def live_state(run: RunView, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that the drawing shows: a phase for each task and group, by their numbers there."""
    names = [text(each.get("name")) for each in items(facts.get("tasks"))]
    phases = phases_by_task(run, frozenset(names))
    groups = {group.id: group.phase for group in run.groups}
    return {
        "tasks": [phases.get(name, "") for name in names],
        "groups": [groups.get(text(each.get("id")), "") for each in items(facts.get("groups"))],
        "final": run.phase.is_final,
    }


def facts_of_status(run: RunView, inventory: Inventory) -> dict[str, Any]:
    """Return a drawing where the plan can't be read: each site's tasks in one box, and nothing between them."""
    tasks = tuple(
        PlannedTask(name, site, site, 0.0, 0.0, "", {})
        for name, site in sorted({unit_of(task.name): task.site for task in run.tasks}.items())
    )
    sites = sorted({task.site for task in tasks})
    groups = tuple(Group(site, site, tuple(task.name for task in tasks if task.site == site)) for site in sites)
    plan = Plan(
        pipeline_name=run.ref.name,
        pipeline_digest="",
        cost=(),
        costs=dict.fromkeys(("bytes", "money", "carbon", "time"), 0.0),
        tasks=tasks,
        transfers=(),
        groups=groups,
        releases=(),
    )
    return gather(plan, Graph(run.ref.name, "", Language.KFP, {}), inventory, (), ())


def planned_task(plan: Plan, task: str) -> PlannedTask | None:
    """Return the task of the plan that a task of the run is, or is inside of."""
    planned = {each.name: each for each in plan.tasks}
    name = _planned(task, planned)
    return None if name is None else planned[name]


def governance_of(plan: Plan, task: str) -> Mapping[DatasetRef, Governance] | None:
    """Return the rules that a task's outputs carry, at their strictest; None where the plan knows no such task."""
    found = planned_task(plan, task)
    return None if found is None else found.governance


def _planned(name: str, planned: Mapping[str, Any]) -> str | None:
    parts = unit_of(name).split("/")
    paths = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((path for path in paths if path in planned), None)


def _seconds(end: TaskEnd) -> float | None:
    begun, ended = read_time(end.start), read_time(end.end)
    return None if begun is None or ended is None else max((ended - begun).total_seconds(), 0.0)
