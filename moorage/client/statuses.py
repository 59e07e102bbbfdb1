"""A run's status as records. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from moorage.runs import GroupPhase, RunPhase, TaskPhase, read_phase


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """The status of one group of tasks; times in UTC, None: not yet."""

    id: str
    site: str
    phase: GroupPhase
    attempt: int
    message: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The status of one task; `attempt` 0: none has begun."""

    name: str
    site: str
    phase: TaskPhase
    attempt: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status of a run.

    Attributes:
        message: what it waits for, or why it ended so.
        plan_digest: SHA-256 of the plan in force; "": there is none yet.
        cost: its value by the first objective, in that objective's unit; None: there is no plan.
        currency: of the sites' prices, as `EUR`; "": none is named.
        tasks: at most 500; of a run with more there are none here, and `task_counts` tells.
        bytes_moved: what crossed between sites so far.
        bytes_planned: what the plan expects to cross; None: there is no plan.
    """

    phase: RunPhase
    message: str
    plan_digest: str
    objective: str
    cost: float | None
    currency: str
    groups: tuple[GroupStatus, ...]
    tasks: tuple[TaskStatus, ...]
    task_counts: Mapping[TaskPhase, int]
    bytes_moved: int
    bytes_planned: int | None
    start: datetime | None
    end: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether the phase is final."""
        return self.phase.is_final

    @property
    def succeeded(self) -> bool:
        """Whether the run has succeeded."""
        return self.phase is RunPhase.SUCCEEDED

    @classmethod
    def read(cls, raw: Mapping[str, Any] | None) -> Self:
        """Read an object's `status`; an empty one means that the run is to be planned."""
        raw = raw or {}
        plan = raw.get("plan") or {}
        planned = raw.get("bytesPlanned")
        return cls(
            phase=read_phase(raw.get("phase"), RunPhase.PLANNING, RunPhase.RUNNING),
            message=str(raw.get("message") or ""),
            plan_digest=str(plan.get("digest") or ""),
            objective=str(plan.get("objective") or ""),
            cost=_number(plan.get("value")),
            currency=str(plan.get("currency") or ""),
            groups=tuple(_read_group(each) for each in raw.get("groups") or ()),
            tasks=tuple(_read_task(each) for each in raw.get("tasks") or ()),
            task_counts=_read_counts(raw.get("taskCounts") or {}),
            bytes_moved=int(raw.get("bytesMoved") or 0),
            bytes_planned=None if planned is None else int(planned),
            start=moment(raw.get("startTime")),
            end=moment(raw.get("completionTime")),
        )


def moment(text: object) -> datetime | None:
    """Return a time in RFC 3339; None where it is none."""
    try:
        return datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None


def _read_group(raw: Mapping[str, Any]) -> GroupStatus:
    return GroupStatus(
        id=str(raw.get("id") or ""),
        site=str(raw.get("site") or ""),
        phase=read_phase(raw.get("phase"), GroupPhase.WAITING, GroupPhase.RUNNING),
        attempt=int(raw.get("attempt") or 0),
        message=str(raw.get("message") or ""),
        start=moment(raw.get("startTime")),
        end=moment(raw.get("completionTime")),
    )


def _read_task(raw: Mapping[str, Any]) -> TaskStatus:
    return TaskStatus(
        name=str(raw.get("name") or ""),
        site=str(raw.get("site") or ""),
        phase=read_phase(raw.get("phase"), TaskPhase.PENDING, TaskPhase.RUNNING),
        attempt=int(raw.get("attempt") or 0),
    )


def _read_counts(raw: Mapping[str, Any]) -> dict[TaskPhase, int]:
    counts: dict[TaskPhase, int] = {}
    for text, count in raw.items():
        phase = read_phase(text, TaskPhase.PENDING, TaskPhase.RUNNING)
        counts[phase] = counts.get(phase, 0) + int(count)
    return counts


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
