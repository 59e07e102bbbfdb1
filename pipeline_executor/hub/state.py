"""A StretchedPipeline's status as a record: what the hub knows of a run when it starts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from moorage.runs import GroupPhase, RunPhase

_LONGEST_MESSAGE = 4096
_LONGEST_GROUP_MESSAGE = 1024

P = TypeVar("P", RunPhase, GroupPhase)


@dataclass(frozen=True, slots=True)
class GroupState:
    """How far one group is.

    Attributes:
        attempt: the last that was submitted; 0: none was.
        next_attempt: the one that is to be submitted next, where `attempt` is over; 0: none, or the first.
    """

    id: str
    site: str
    phase: GroupPhase = GroupPhase.WAITING
    attempt: int = 0
    next_attempt: int = 0
    start: str = ""
    end: str = ""
    message: str = ""

    @property
    def submitted(self) -> bool:
        """Whether its last attempt is at its spoke, and no other is wanted."""
        return self.attempt > 0 and not self.next_attempt

    @property
    def wanted(self) -> int:
        """The attempt that is to be submitted, or was."""
        return self.next_attempt or max(self.attempt, 1)


@dataclass(frozen=True, slots=True)
class PlanMark:
    """Which plan is in force: `file` lies below `R/plan/`, its bytes have the `digest`.

    `currency` is that of the sites' prices; "" where none is named.
    """

    revision: int
    digest: str
    file: str
    objective: str = ""
    value: str = ""
    gap: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition: `turned` is when its status last changed, RFC 3339."""

    type: str
    holds: bool
    reason: str
    message: str
    turned: str = ""


@dataclass(frozen=True, slots=True)
class RunState:
    """A run's status.

    Attributes:
        phase: None before the first look.
        retries: those of the spec that were acted on.
        groups: those of the plan in force, then earlier ones that ended.
        reported: whether `run.json` is written.
        expired: when what it left in the stores was deleted; "" where it is there.
    """

    phase: RunPhase | None = None
    message: str = ""
    plan: PlanMark | None = None
    groups: tuple[GroupState, ...] = ()
    retries: int = 0
    reported: bool = False
    expired: str = ""
    start: str = ""
    end: str = ""
    conditions: tuple[Condition, ...] = ()
    tasks: tuple[Mapping[str, Any], ...] = ()
    task_counts: Mapping[str, int] = field(default_factory=dict)
    bytes_moved: int = 0
    bytes_planned: int | None = None


def read_state(raw: Mapping[str, Any] | None) -> RunState:
    """What a raw status says; only the hub writes it, and what it did not write counts as not said."""
    raw = raw or {}
    plan = raw.get("plan") or {}
    return RunState(
        phase=_phase(RunPhase, raw.get("phase")),
        message=str(raw.get("message") or ""),
        plan=_read_plan(plan) if plan.get("digest") else None,
        groups=tuple(_read_group(entry) for entry in raw.get("groups") or ()),
        retries=int(raw.get("retries") or 0),
        reported=bool(raw.get("reported")),
        expired=str(raw.get("expired") or ""),
        start=str(raw.get("startTime") or ""),
        end=str(raw.get("completionTime") or ""),
        conditions=tuple(_read_condition(entry) for entry in raw.get("conditions") or ()),
        tasks=tuple(raw.get("tasks") or ()),
        task_counts=dict(raw.get("taskCounts") or {}),
        bytes_moved=int(raw.get("bytesMoved") or 0),
        bytes_planned=None if raw.get("bytesPlanned") is None else int(raw["bytesPlanned"]),
    )


def write_state(state: RunState, generation: int) -> dict[str, Any]:
    """The whole status."""
    done = sum(group.phase is GroupPhase.SUCCEEDED for group in state.groups)
    lost = sum(group.phase is GroupPhase.LOST for group in state.groups)
    written: dict[str, Any] = {
        "observedGeneration": generation,
        "phase": None if state.phase is None else state.phase.value,
        "message": state.message[:_LONGEST_MESSAGE],
        "groupsDone": f"{done}/{len(state.groups) - lost}" if state.groups else None,
        "plan": None if state.plan is None else _write_plan(state.plan),
        "groups": [_write_group(group) for group in state.groups] or None,
        "retries": state.retries or None,
        "reported": state.reported or None,
        "expired": state.expired or None,
        "startTime": state.start or None,
        "completionTime": state.end or None,
        "tasks": [dict(task) for task in state.tasks] or None,
        "taskCounts": dict(state.task_counts) or None,
        "bytesMoved": state.bytes_moved,
        "bytesPlanned": state.bytes_planned,
        "conditions": [_write_condition(each, generation) for each in state.conditions] or None,
    }
    return {key: value for key, value in written.items() if value is not None}


def restored(state: RunState, before: RunState, problems: Mapping[str, tuple[str, bool]]) -> RunState:
    """The groups that were not submitted after all, as they were before.

    Args:
        state: as if all had been.
        before: as it was.
        problems: by group, why not, and whether it never will be.
    """
    known = {group.id: group for group in before.groups}
    groups = []
    for group in state.groups:
        if group.id not in problems:
            groups.append(group)
            continue
        message, for_good = problems[group.id]
        was = known.get(group.id, GroupState(group.id, group.site))
        phase = GroupPhase.FAILED if for_good else GroupPhase.WAITING
        groups.append(
            replace(group, phase=phase, attempt=was.attempt, next_attempt=was.next_attempt, start="", message=message)
        )
    return replace(state, groups=tuple(groups))


def _read_plan(raw: Mapping[str, Any]) -> PlanMark:
    return PlanMark(
        revision=int(raw.get("revision") or 1),
        digest=str(raw["digest"]),
        file=str(raw.get("file") or "plan.json"),
        objective=str(raw.get("objective") or ""),
        value=str(raw.get("value") or ""),
        gap=str(raw.get("gap") or ""),
        currency=str(raw.get("currency") or ""),
    )


def _write_plan(plan: PlanMark) -> dict[str, Any]:
    return {
        "digest": plan.digest,
        "revision": plan.revision,
        "file": plan.file,
        "objective": plan.objective,
        "value": plan.value,
        "gap": plan.gap,
    } | ({"currency": plan.currency} if plan.currency else {})


def _read_group(raw: Mapping[str, Any]) -> GroupState:
    return GroupState(
        id=str(raw.get("id")),
        site=str(raw.get("site")),
        phase=_phase(GroupPhase, raw.get("phase")) or GroupPhase.WAITING,
        attempt=int(raw.get("attempt") or 0),
        next_attempt=int(raw.get("nextAttempt") or 0),
        start=str(raw.get("startTime") or ""),
        end=str(raw.get("completionTime") or ""),
        message=str(raw.get("message") or ""),
    )


def _write_group(group: GroupState) -> dict[str, Any]:
    written = {
        "id": group.id,
        "site": group.site,
        "phase": group.phase.value,
        "attempt": group.attempt,
        "nextAttempt": group.next_attempt,
        "startTime": group.start,
        "completionTime": group.end,
        "message": group.message[:_LONGEST_GROUP_MESSAGE],
    }
    return {key: value for key, value in written.items() if value}


def _read_condition(raw: Mapping[str, Any]) -> Condition:
    return Condition(
        type=str(raw.get("type")),
        holds=raw.get("status") == "True",
        reason=str(raw.get("reason") or ""),
        message=str(raw.get("message") or ""),
        turned=str(raw.get("lastTransitionTime") or ""),
    )


def _write_condition(each: Condition, generation: int) -> dict[str, Any]:
    return {
        "type": each.type,
        "status": "True" if each.holds else "False",
        "reason": each.reason,
        "message": each.message[:_LONGEST_MESSAGE],
        "lastTransitionTime": each.turned,
        "observedGeneration": generation,
    }


def with_conditions(before: tuple[Condition, ...], now: tuple[Condition, ...], time: str) -> tuple[Condition, ...]:
    """The conditions as they are now; those whose status did not change keep the time when it last did."""
    turned = {each.type: each for each in before}
    return tuple(
        Condition(
            each.type,
            each.holds,
            each.reason,
            each.message,
            turned[each.type].turned if each.type in turned and turned[each.type].holds is each.holds else time,
        )
        for each in now
    )


def _phase(kind: type[P], raw: object) -> P | None:
    try:
        return kind(str(raw))
    except ValueError:
        return None
