"""One run as its object tells it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.runs import RunPhase, RunRef
from moorage_ui.views.raw import items, mapping, text, whole

_ORDER = ("Failed", "Running", "Pending", "Cancelled", "Succeeded", "Cached", "Skipped")
"""The order of precedence: a loop has the first of these phases that any task inside has."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group. Times are RFC 3339, "" where there is none."""

    id: str
    site: str
    phase: str
    attempt: int
    start: str
    end: str
    message: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task, by its name in plan.json; inside of a loop with `#<i>`."""

    name: str
    phase: str
    site: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, as Kubernetes has them."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, as its page shows it.

    Attributes:
        plan_file: plan.json, below `R/plan/`; "": there is none yet.
        plan_digest: SHA-256 of its bytes.
        task_counts: by phase, where tasks are too many to be listed; else of those that are.
        version: changes whenever the object does.
    """

    ref: RunRef
    phase: RunPhase
    message: str
    created: str
    start: str
    end: str
    groups: tuple[GroupView, ...]
    tasks: tuple[TaskView, ...]
    task_counts: Mapping[str, int]
    bytes_moved: int
    bytes_planned: int
    objective: str
    plan_file: str
    plan_digest: str
    plan_revision: int
    reported: bool
    conditions: tuple[Condition, ...]
    parameters: Mapping[str, Any]
    account: str
    version: str

    @property
    def groups_done(self) -> tuple[int, int]:
        """The number of groups that succeeded, and of all groups."""
        return sum(group.phase == "Succeeded" for group in self.groups), len(self.groups)

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites of its groups, sorted."""
        return tuple(sorted({group.site for group in self.groups}))

    def task(self, name: str) -> TaskView | None:
        """Return the task of that name."""
        return next((task for task in self.tasks if task.name == name), None)


def read_run(raw: Mapping[str, Any]) -> RunView:
    """Read a run from a raw StretchedPipeline."""
    metadata, spec, status = (mapping(raw.get(part)) for part in ("metadata", "spec", "status"))
    plan = mapping(status.get("plan"))
    tasks = tuple(
        TaskView(
            text(each.get("name")), text(each.get("phase"), 40), text(each.get("site")), whole(each.get("attempt"))
        )
        for each in items(status.get("tasks"))
    )
    counts = {text(key, 40): whole(count) for key, count in mapping(status.get("taskCounts")).items()}
    phase = text(status.get("phase"), 40)
    return RunView(
        ref=RunRef(text(metadata.get("namespace")), text(metadata.get("name")), text(metadata.get("uid"))),
        phase=RunPhase(phase) if phase in set(RunPhase) else RunPhase.PLANNING,
        message=text(status.get("message")),
        created=text(metadata.get("creationTimestamp"), 40),
        start=text(status.get("startTime"), 40),
        end=text(status.get("completionTime"), 40),
        groups=tuple(
            GroupView(
                id=text(each.get("id")),
                site=text(each.get("site")),
                phase=text(each.get("phase"), 40),
                attempt=whole(each.get("attempt")),
                start=text(each.get("startTime"), 40),
                end=text(each.get("completionTime"), 40),
                message=text(each.get("message"), 1024),
            )
            for each in items(status.get("groups"))
        ),
        tasks=tasks,
        task_counts=counts or Counter(task.phase for task in tasks),
        bytes_moved=whole(status.get("bytesMoved")),
        bytes_planned=whole(status.get("bytesPlanned")),
        objective=text(plan.get("objective")) or text(spec.get("objective")) or "money",
        plan_file=text(plan.get("file"), 253),
        plan_digest=text(plan.get("digest"), 64),
        plan_revision=whole(plan.get("revision")),
        reported=status.get("reported") is True,
        conditions=tuple(
            Condition(*(text(each.get(key), 1024) for key in ("type", "status", "reason", "message")))
            for each in items(status.get("conditions"))
        ),
        parameters=mapping(spec.get("parameters")),
        account=text(spec.get("serviceAccountName")) or "default",
        version=text(metadata.get("resourceVersion"), 40),
    )


def unit_of(name: str) -> str:
    """Return the task of the plan that a task of the run belongs to: a loop's own name for what is inside of it."""
    return "/".join(part.partition("#")[0] for part in name.split("/"))


def phases_by_task(run: RunView, planned: frozenset[str]) -> dict[str, str]:
    """Return the phase of each planned task; for a loop, that of its tasks which comes first in failed, running, ..."""
    found: dict[str, set[str]] = {}
    for task in run.tasks:
        parts = unit_of(task.name).split("/")
        paths = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
        unit = next((path for path in paths if path in planned), None)
        if unit is not None:
            found.setdefault(unit, set()).add(task.phase)
    return {name: _together(phases) for name, phases in found.items()}


def _together(phases: set[str]) -> str:
    if "Pending" in phases and phases & {"Succeeded", "Cached"} and not phases & {"Failed", "Cancelled"}:
        return "Running"
    return next((phase for phase in _ORDER if phase in phases), "Pending")
