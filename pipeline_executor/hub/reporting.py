"""`run.json`: plan beside actual: per task seconds and bytes, per transfer bytes and seconds, totals. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from moorage.runs import RunRef, TaskEnd
from moorage.runs.reports import (
    ReportedGroup,
    ReportedTask,
    ReportedTransfer,
    RunReport,
    TaskActual,
    Totals,
    TransferActual,
)
from pipeline_executor.distribution.seen import SeenGroup
from pipeline_executor.hub.state import RunState
from pipeline_splitter.plan import Plan


@dataclass(frozen=True, slots=True)
class Ended:
    """How one attempt of a task ended; `task` as in the store, `train#2/evaluate` inside of a loop."""

    task: str
    attempt: int
    end: TaskEnd


def report(
    run: RunRef, state: RunState, plan: Plan, ended: Collection[Ended], seen: Collection[SeenGroup]
) -> RunReport:
    """Plan beside actual."""
    brought = {(each.what, group.site): each for group in seen for each in group.imports if each.origin != group.site}
    by_task = _by_task(plan, ended)
    return RunReport(
        run=run,
        pipeline=plan.pipeline_name,
        digest=plan.pipeline_digest,
        phase="" if state.phase is None else state.phase.value,
        plan_digest="" if state.plan is None else state.plan.digest,
        revision=0 if state.plan is None else state.plan.revision,
        tasks=tuple(
            ReportedTask(task.name, task.site, task.group, task.end - task.start, _actual(by_task.get(task.name, ())))
            for task in plan.tasks
        ),
        transfers=tuple(
            ReportedTransfer(
                transfer.kind.value,
                transfer.key,
                transfer.origin,
                transfer.target,
                transfer.size_bytes,
                transfer.seconds,
                None
                if (found := brought.get((transfer.key, transfer.target))) is None
                else TransferActual(found.size_bytes, found.seconds),
            )
            for transfer in plan.transfers
        ),
        planned=Totals(plan.costs["bytes"], plan.costs["time"]),
        actual=Totals(state.bytes_moved, seconds_between(state.start, state.end)),
        groups=tuple(ReportedGroup(group.id, group.site, group.phase.value, group.attempt) for group in state.groups),
        start=state.start,
        end=state.end,
    )


def _by_task(plan: Plan, ended: Iterable[Ended]) -> Mapping[str, list[Ended]]:
    """The attempts of each task of the plan: its own, and those inside where it is a loop or another unit."""
    names = {task.name for task in plan.tasks}
    found: dict[str, list[Ended]] = {}
    for each in ended:
        parts = each.task.split("/")
        paths = ["/".join(part.partition("#")[0] for part in parts[: count + 1]) for count in range(len(parts))]
        task = next((path for path in reversed(paths) if path in names), None)
        if task is not None:
            found.setdefault(task, []).append(each)
    return found


def _actual(ended: Collection[Ended]) -> TaskActual | None:
    """Wall time from the first start to the last end, bytes of all; None where nothing ran."""
    if not ended:
        return None
    starts = sorted(each.end.start for each in ended if each.end.start)
    ends = sorted(each.end.end for each in ended if each.end.end)
    last = max(ended, key=lambda each: (each.end.end, each.attempt))
    return TaskActual(
        seconds=seconds_between(starts[0], ends[-1]) if starts and ends else None,
        bytes_in=sum(each.end.bytes_in for each in ended),
        bytes_out=sum(each.end.bytes_out for each in ended),
        attempts=max(each.attempt for each in ended),
        phase=last.end.phase.value,
        start=starts[0] if starts else "",
        end=ends[-1] if ends else "",
    )


def seconds_between(start: str, end: str) -> float | None:
    """From one time to another, both RFC 3339; None where one is none."""
    try:
        seconds = (_time(end) - _time(start)).total_seconds()
    except ValueError:
        return None
    return max(seconds, 0.0)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time
