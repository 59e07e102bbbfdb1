"""What a PipelineSchedule and its status say, in words for people. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from moorage.errors import InputError
from moorage.kube import RawObject
from moorage.model import DatasetRef
from moorage.runs.schedules import PipelineSchedule, ScheduleState, TriggerState
from moorage.wire.schedules import read_schedule, read_schedule_state, write_time
from moorage_cli.output import MISSING, age

PAUSED, READY, NOT_READY, UNSEEN = "paused", "ready", "not ready", "unseen"
_VERSION_LETTERS = 12
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def row(raw: RawObject, now: datetime) -> list[str]:
    """A schedule in a table, its namespace first."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    return [
        metadata.get("namespace", ""),
        metadata["name"],
        when(raw.get("spec") or {}),
        state_of(raw),
        str(status.get("nextScheduleTime") or MISSING),
        age(status.get("lastScheduleTime"), now),
        str(status.get("active") or 0),
        age(metadata.get("creationTimestamp"), now),
        problem_of(raw),
    ]


def when(spec: Mapping[str, Any]) -> str:
    """When a raw spec's pipeline runs."""
    told = []
    if spec.get("schedule"):
        told.append(f"{spec['schedule']} ({spec.get('timeZone') or 'UTC'})")
    if spec.get("everySeconds"):
        told.append(f"every {_span(int(spec['everySeconds']))}")
    for trigger in spec.get("triggers") or ():
        dataset = trigger.get("dataset") or {}
        told.append(f"on {'/'.join(each for each in (dataset.get('namespace'), dataset.get('name')) if each)}")
    return ", ".join(told) or MISSING


def state_of(raw: RawObject) -> str:
    """Whether it makes runs, in one word or two."""
    if (raw.get("spec") or {}).get("suspend"):
        return PAUSED
    if not (raw.get("status") or {}).get("conditions"):
        return UNSEEN
    return NOT_READY if problem_of(raw) else READY


def problem_of(raw: RawObject) -> str:
    """Why it can make no runs; "" where it can, or the hub has not said."""
    return read_schedule_state(raw.get("status")).problem


def next_times(raw: RawObject, now: datetime, count: int) -> list[str]:
    """The next times at which it is due, as the API writes them; none where it can't be read or waits for data."""
    try:
        timing = read_schedule(raw).timing
    except InputError:
        return []
    found: list[datetime] = []
    while timing is not None and len(found) < count and (due := timing.following(found[-1] if found else now)):
        found.append(due)
    return [str(write_time(due)) for due in found]


def facts(raw: RawObject, now: datetime, count: int = 3) -> list[tuple[str, str]]:
    """What `show` tells, as names and values."""
    told = [("when", when(raw["spec"])), ("state", state_of(raw))]
    if problem := problem_of(raw):
        told.append(("problem", problem))
    state = read_schedule_state(raw.get("status"))
    times = [] if state_of(raw) == PAUSED else next_times(raw, now, count)
    if times:
        told.append(("next", ", ".join(times)))
    if state.last is not None:
        told.append(("last", str(write_time(state.last))))
    try:
        schedule = read_schedule(raw)
    except InputError:
        return told
    told += [("data", each) for each in _data(schedule, state)]
    return [*told, ("overlap", _overlap(schedule)), ("missed", _missed(schedule)), ("keeps", _keeps(schedule))]


def _data(schedule: PipelineSchedule, state: ScheduleState) -> Sequence[str]:
    """A sentence for each Dataset that makes runs."""
    known = {each.dataset: each for each in state.triggers}
    return [_version(each.dataset, known.get(each.dataset)) for each in schedule.triggers]


def _version(dataset: DatasetRef, known: TriggerState | None) -> str:
    if known is None:
        return f"{dataset}: not seen yet"
    if known.pending:
        return f"{dataset}: version {known.pending[:_VERSION_LETTERS]} waits until it stands"
    if known.version:
        return f"{dataset}: version {known.version[:_VERSION_LETTERS]}"
    return f"{dataset}: has no version, or this namespace is not among its consumers"


def _overlap(schedule: PipelineSchedule) -> str:
    if schedule.room > 1:
        return f"{schedule.concurrency.value}: up to {schedule.room} runs at once"
    return f"{schedule.concurrency.value}: one run at a time"


def _missed(schedule: PipelineSchedule) -> str:
    if schedule.catch_up == 0:
        return "none is caught up"
    if schedule.catch_up == 1:
        return "the latest is caught up"
    return f"the latest {schedule.catch_up} are caught up"


def _keeps(schedule: PipelineSchedule) -> str:
    return f"the last {schedule.kept_succeeded} runs that succeeded, and the last {schedule.kept_failed} others"


def _span(seconds: int) -> str:
    for unit_seconds, name in _UNITS:
        if seconds % unit_seconds == 0:
            return f"{seconds // unit_seconds}{name}"
    return f"{seconds}s"
