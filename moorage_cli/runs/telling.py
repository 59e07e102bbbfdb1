"""What a StretchedPipeline's status says, in lines for people. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moorage.objectives import BYTES, OBJECTIVES
from moorage.objectives.units import plain
from moorage.runs import RunPhase, read_phase
from moorage_cli.running import INFEASIBLE

Status = Mapping[str, Any]

SUCCEEDED, FAILED = 0, 1
MARKS = {
    "Succeeded": "✓",
    "Cached": "✓",
    "Failed": "✗",
    "Lost": "✗",
    "Cancelled": "✗",
    "Running": "▶",
    "Skipped": "-",
    "Pending": "·",
    "Waiting": "·",
}
_STYLES = {"✓": "green", "✗": "red", "▶": "cyan"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree: how deep it stands, its mark, what it says, how long it took, and why it is so."""

    depth: int
    phase: str
    text: str
    note: str = ""
    took: str = ""

    @property
    def mark(self) -> str:
        """A sign for the phase."""
        return MARKS.get(self.phase, "·")

    @property
    def style(self) -> str:
        """A colour for the sign."""
        return _STYLES.get(self.mark, "")


def phase_of(status: Status) -> RunPhase:
    """The run's phase; one that nobody has looked at yet is to be planned."""
    return read_phase(status.get("phase"), RunPhase.PLANNING, RunPhase.RUNNING)


def exit_code(phase: RunPhase) -> int:
    """What a script gets: 0 succeeded, 1 failed or cancelled, 3 infeasible."""
    if phase is RunPhase.INFEASIBLE:
        return INFEASIBLE
    return SUCCEEDED if phase is RunPhase.SUCCEEDED else FAILED


def summary(name: str, status: Status, now: datetime | None = None) -> str:
    """The run in one sentence; `now` tells how long one takes that has not ended."""
    took = duration(status, now)
    parts = [f"{name}: {phase_of(status).value}{f' after {took}' if took else ''}"]
    if groups := status.get("groups"):
        done = sum(group.get("phase") == "Succeeded" for group in groups)
        parts.append(f"{done} of {len(groups)} groups done")
    if cost := cost_of(status):
        parts.append(cost)
    if moved := crossed(status):
        parts.append(moved)
    return ", ".join(parts)


def cost_of(status: Status) -> str:
    """What the plan costs by its first objective; "" where there is no plan."""
    plan = status.get("plan") or {}
    first = str(plan.get("objective") or "").partition(",")[0]
    try:
        value = float(plan["value"])
    except (KeyError, TypeError, ValueError):
        return ""
    objective = OBJECTIVES.get(first)
    currency = str(plan.get("currency") or "")
    return f"{first} {objective.unit.amount(value, currency) if objective else plain(value)}"


def crossed(status: Status) -> str:
    """How much has crossed of what the plan expects."""
    moved, planned = status.get("bytesMoved"), status.get("bytesPlanned")
    if not moved and not planned:
        return ""
    return f"{BYTES.unit.amount(float(moved or 0))} of {BYTES.unit.amount(float(planned or 0))} crossed"


def duration(entry: Status, now: datetime | None) -> str:
    """How long a run or a group has taken, as `1 h 5 min`; "" where it has not begun, or no time is given."""
    start, end = _moment(entry.get("startTime")), _moment(entry.get("completionTime")) or now
    if start is None or end is None:
        return ""
    seconds = max(int((end - start).total_seconds()), 0)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def bar(status: Status, width: int) -> tuple[str, str]:
    """What has crossed of what the plan expects, drawn: what is done, and the rest; empty where nothing crosses."""
    moved, planned = float(status.get("bytesMoved") or 0), float(status.get("bytesPlanned") or 0)
    if not planned or width < 1:
        return "", ""
    done = min(int(width * moved / planned), width)
    return "━" * done, "━" * (width - done)


def folded(lines: Sequence[Line], most: int) -> list[Line]:
    """At most so many lines: of tasks those go first that have ended well, then those that have not begun."""
    lines = list(lines)
    hidden: Counter[str] = Counter()
    for phases in (("Succeeded", "Cached", "Skipped"), ("Pending", "Waiting"), ("Running",)):
        if len(lines) + bool(hidden) <= most:
            break
        chosen = [index for index, line in enumerate(lines) if line.depth and line.phase in phases]
        chosen = chosen[: len(lines) + 1 - most]
        hidden.update(lines[index].phase for index in chosen)
        gone = set(chosen)
        lines = [line for index, line in enumerate(lines) if index not in gone]
    if hidden:
        told = ", ".join(f"{count} {phase}" for phase, count in sorted(hidden.items()))
        lines.append(Line(1, "", f"and {hidden.total()} more tasks: {told}"))
    return lines


def tree(status: Status, now: datetime | None = None) -> list[Line]:
    """The groups by site, a site's tasks below its last group; counts where tasks are too many to be listed."""
    tasks: dict[str, list[Status]] = {}
    for task in status.get("tasks") or ():
        tasks.setdefault(str(task.get("site") or ""), []).append(task)
    lines = []
    groups = sorted(status.get("groups") or (), key=lambda group: str(group.get("site") or ""))
    last = {str(group.get("site") or ""): str(group.get("id") or "") for group in groups}
    for group in groups:
        name, site = str(group.get("id") or ""), str(group.get("site") or "")
        attempt = int(group.get("attempt") or 1)
        again = f", attempt {attempt}" if attempt > 1 else ""
        phase = str(group.get("phase") or "Waiting")
        took = duration(group, now) if group.get("attempt") else ""
        lines.append(Line(0, phase, f"{name} at {site}: {phase}{again}", str(group.get("message") or ""), took))
        if last[site] == name:
            lines += [_task_line(task) for task in tasks.pop(site, [])]
    lines += [_task_line(task) for rest in tasks.values() for task in rest]
    if (counts := status.get("taskCounts")) and not status.get("tasks"):
        told = ", ".join(f"{count} {phase}" for phase, count in sorted(counts.items()))
        lines.append(Line(0, "Running", f"tasks: {told}"))
    return lines


def _task_line(task: Status) -> Line:
    phase = str(task.get("phase") or "Pending")
    return Line(1, phase, f"{task.get('name')}: {phase}", str(task.get("message") or ""))


def changes(before: Status, after: Status) -> Iterator[str]:
    """What is new in a status, a line each: for logs and pipes, where nothing can be drawn over."""
    if before.get("phase") != after.get("phase") or before.get("message") != after.get("message"):
        message = f": {after['message']}" if after.get("message") else ""
        yield f"{phase_of(after).value}{message}"
    yield from _changed(_by(before.get("groups"), "id"), _by(after.get("groups"), "id"), "group")
    yield from _changed(_by(before.get("tasks"), "name"), _by(after.get("tasks"), "name"), "task")


def _changed(before: Mapping[str, Status], after: Mapping[str, Status], what: str) -> Iterator[str]:
    for name, now in after.items():
        earlier = before.get(name, {})
        same = all(earlier.get(key) == now.get(key) for key in ("phase", "attempt"))
        # A group's message tells how far it is; a task's, what is wrong with it.
        if same and (what == "group" or now.get("message") in {None, "", earlier.get("message")}):
            continue
        site = f" at {now['site']}" if now.get("site") else ""
        message = f": {now['message']}" if now.get("message") else ""
        yield f"{what} {name}{site} {now.get('phase')}{message}"


def _by(entries: Any, key: str) -> dict[str, Status]:  # noqa: ANN401 - raw JSON
    return {str(entry.get(key)): entry for entry in entries or ()}


def next_steps(status: Status, name: str, namespace: str) -> list[str]:
    """What a person may do about a run that has come to a stop, with the command for it; empty where it goes on."""
    phase, where = phase_of(status), f"{name} -n {namespace}"
    if phase is RunPhase.AWAITING_APPROVAL:
        return [f"To run it: moorage runs approve {where}"]
    if phase is RunPhase.INFEASIBLE:
        return [f"To plan it again once that is fixed: moorage runs retry {where}"]
    if phase is not RunPhase.FAILED:
        return []
    has_logs = any(task.get("phase") == "Failed" for task in status.get("tasks") or ())
    steps = [f"To see what failed tasks printed: moorage runs logs {where}"] if has_logs else []
    if not status.get("expired"):
        steps.append(f"To continue from what failed once that is fixed: moorage runs retry {where}")
    return steps


def waits_for(status: Status) -> str:
    """What a person has to do, or what the run waits for; "" where it is under way or over."""
    if phase_of(status) is RunPhase.AWAITING_APPROVAL:
        digest = str((status.get("plan") or {}).get("digest") or "")
        return f"The plan {digest[:12]} waits for approval."
    return ""
