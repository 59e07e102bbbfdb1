"""A run as HTML, for notebooks: its groups and tasks by site. Pure; whatever tenants wrote is escaped."""

from collections.abc import Iterable
from html import escape

from moorage.client.statuses import RunStatus, TaskStatus
from moorage.objectives import BYTES, OBJECTIVES

_COLOURS = {
    "Succeeded": "#2e7d32",
    "Cached": "#2e7d32",
    "Running": "#1565c0",
    "Failed": "#c62828",
    "Lost": "#c62828",
    "Cancelled": "#c62828",
    "Infeasible": "#c62828",
}
_QUIET = "#757575"
_MOST_TASKS = 200


def run_html(name: str, status: RunStatus) -> str:
    """Return a heading, a bar for the bytes that cross, and a table with a row for each group."""
    parts = [f"<strong>{escape(name)}</strong>", _phase(status.phase)]
    if status.cost is not None:
        first = status.objective.partition(",")[0]
        objective = OBJECTIVES.get(first)
        amount = f"{status.cost:.6g}" if objective is None else objective.unit.amount(status.cost, status.currency)
        parts.append(escape(f"{first} {amount}"))
    rows = "".join(_rows(status))
    table = f"<table><tr><th>Site</th><th>Group</th><th>Tasks</th></tr>{rows}</table>" if rows else ""
    message = f"<div>{escape(status.message)}</div>" if status.message else ""
    return f"<div>{' · '.join(parts)}{_crossing(status)}{message}{table}</div>"


def _rows(status: RunStatus) -> Iterable[str]:
    left = list(status.tasks[:_MOST_TASKS])
    last = {group.site: group.id for group in status.groups}
    for group in sorted(status.groups, key=lambda each: each.site):
        here = [task for task in left if task.site == group.site] if last[group.site] == group.id else []
        message = f"<br><small>{escape(group.message)}</small>" if group.message else ""
        tasks = "<br>".join(_task(task) for task in here)
        yield (
            f"<tr><td>{escape(group.site)}</td><td>{escape(group.id)} {_phase(group.phase)}{message}</td>"
            f'<td style="text-align:left">{tasks}</td></tr>'
        )
    if len(status.tasks) > _MOST_TASKS:
        yield f'<tr><td colspan="3">and {len(status.tasks) - _MOST_TASKS} more tasks</td></tr>'


def _task(task: TaskStatus) -> str:
    again = f", attempt {task.attempt}" if task.attempt > 1 else ""
    return f"{escape(task.name)} {_phase(task.phase)}{again}"


def _phase(phase: str) -> str:
    return f'<span style="color:{_COLOURS.get(phase, _QUIET)}">{escape(phase)}</span>'


def _crossing(status: RunStatus) -> str:
    if not status.bytes_planned:
        return ""
    moved, planned = (escape(BYTES.unit.amount(float(each))) for each in (status.bytes_moved, status.bytes_planned))
    share = min(status.bytes_moved / status.bytes_planned, 1.0)
    return f'<div><progress value="{share:.3f}"></progress> {moved} of {planned} crossed</div>'
