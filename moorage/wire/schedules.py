"""PipelineSchedule objects: specs in, statuses in and out. The template goes into runs as it is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage.errors import InputError
from moorage.model import DatasetRef
from moorage.reading.fields import Fields, Raw, object_fields
from moorage.runs.cron import Timing
from moorage.runs.schedules import (
    LONGEST_SCHEDULE_NAME,
    MOST_TRIGGERS,
    ConcurrencyPolicy,
    PipelineSchedule,
    ScheduleState,
    Trigger,
    TriggerState,
)

_MOST = 1000


def read_schedule(raw: Raw) -> PipelineSchedule:
    """Read the schedule that a raw object means.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    subject, name, metadata = object_fields(raw, "PipelineSchedule")
    if len(name) > LONGEST_SCHEDULE_NAME:
        raise InputError(subject, "metadata.name", f"must have at most {LONGEST_SCHEDULE_NAME} characters")
    spec = Fields(subject, "", raw).required_sub("spec")
    namespace = str(metadata.get("namespace") or "default")
    created = read_time(metadata.get("creationTimestamp")) or datetime(1970, 1, 1, tzinfo=UTC)
    template = spec.required_sub("template")
    account = template.required_sub("spec").value("serviceAccountName")
    deadline = spec.count("startingDeadlineSeconds")
    triggers = tuple(_read_trigger(entry, namespace) for entry in spec.subs("triggers"))
    if len(triggers) > MOST_TRIGGERS or len({each.dataset for each in triggers}) < len(triggers):
        spec.fail("triggers", f"must be at most {MOST_TRIGGERS}, each with a Dataset of its own")
    schedule = PipelineSchedule(
        namespace=namespace,
        name=name,
        uid=str(metadata.get("uid") or ""),
        created=created,
        timing=_read_timing(spec, subject, created),
        deadline=None if deadline is None else timedelta(seconds=deadline),
        catch_up=_bounded(spec, "catchUp", 1),
        concurrency=spec.choice("concurrencyPolicy", ConcurrencyPolicy) or ConcurrencyPolicy.ALLOW,
        max_active=_bounded(spec, "maxActiveRuns", 10),
        suspend=spec.flag("suspend"),
        kept_succeeded=_bounded(spec, "successfulRunsHistoryLimit", 10),
        kept_failed=_bounded(spec, "failedRunsHistoryLimit", 10),
        triggers=triggers,
        service_account=account if isinstance(account, str) and account else "default",
        generation=int(metadata.get("generation") or 0),
        deleting=bool(metadata.get("deletionTimestamp")),
    )
    if schedule.timing is None and not triggers:
        spec.fail("schedule", "or everySeconds or triggers is required: say when it is to run")
    spec.finish()
    return schedule


def _read_timing(spec: Fields, subject: str, created: datetime) -> Timing | None:
    cron, every = spec.text("schedule"), spec.count("everySeconds", least=1)
    zone, start, end = spec.text("timeZone"), spec.value("startTime"), spec.value("endTime")
    if cron is not None and every is not None:
        spec.fail("everySeconds", "can't stand beside schedule: leave one of them out")
    if cron is None and every is None:
        return None
    times = {}
    for key, value in (("startTime", start), ("endTime", end)):
        times[key] = read_time(value)
        if value is not None and times[key] is None:
            spec.fail(key, "must be a time such as 2026-12-01T00:00:00Z")
    timing = Timing(
        cron=cron or "",
        zone=zone or "UTC",
        every_seconds=every or 0,
        start=times["startTime"] or created,
        end=times["endTime"],
    )
    timing.check(subject)
    return timing


def _read_trigger(fields: Fields, namespace: str) -> Trigger:
    dataset = fields.required_sub("dataset")
    ref = DatasetRef(dataset.text("namespace") or namespace, dataset.name("name"))
    dataset.finish()
    seconds = fields.count("debounceSeconds")
    trigger = Trigger(ref, fields.text("parameter") or "", 60.0 if seconds is None else float(seconds))
    fields.finish()
    return trigger


def _bounded(fields: Fields, key: str, default: int) -> int:
    number = fields.count(key)
    return default if number is None else min(number, _MOST)


def read_schedule_state(raw: Mapping[str, Any] | None) -> ScheduleState:
    """Read a raw status; only the hub writes it, and a missing field counts as not stated."""
    raw = raw or {}
    triggers = []
    for entry in raw.get("triggers") or ():
        namespace, _, name = str(entry.get("dataset")).partition("/")
        triggers.append(
            TriggerState(
                DatasetRef(namespace, name),
                str(entry.get("version") or ""),
                str(entry.get("pendingVersion") or ""),
                read_time(entry.get("pendingSince")),
                read_time(entry.get("changedAt")),
            )
        )
    ready = _ready(raw)
    return ScheduleState(
        last=read_time(raw.get("lastScheduleTime")),
        next=read_time(raw.get("nextScheduleTime")),
        triggered=int(raw.get("triggered") or 0),
        triggers=tuple(triggers),
        suspended=bool(raw.get("suspended")),
        active=int(raw.get("active") or 0),
        problem=str(ready.get("message") or "") if ready.get("status") == "False" else "",
    )


def _ready(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the condition of a raw status; empty where there is none."""
    return next((each for each in raw.get("conditions") or () if each.get("type") == "Ready"), {})


def write_schedule_state(state: ScheduleState, before: Mapping[str, Any] | None, generation: int, now: str) -> Raw:
    """Write the whole status; `before`: the raw status until now, whose condition keeps its time until it turns."""
    known = _ready(before or {})
    holds = "False" if state.problem else "True"
    written: dict[str, Any] = {
        "observedGeneration": generation,
        "lastScheduleTime": write_time(state.last),
        "nextScheduleTime": write_time(state.next),
        "triggered": state.triggered or None,
        "suspended": state.suspended or None,
        "active": state.active,
        "triggers": [_write_trigger(each) for each in state.triggers] or None,
        "conditions": [
            {
                "type": "Ready",
                "status": holds,
                "reason": "RunsCannotBeMade" if state.problem else "Scheduled",
                "message": state.problem[:4096],
                "lastTransitionTime": known.get("lastTransitionTime") if known.get("status") == holds else now,
                "observedGeneration": generation,
            }
        ],
    }
    return {key: value for key, value in written.items() if value is not None}


def _write_trigger(state: TriggerState) -> dict[str, Any]:
    written = {
        "dataset": str(state.dataset),
        "version": state.version or None,
        "pendingVersion": state.pending or None,
        "pendingSince": write_time(state.since),
        "changedAt": write_time(state.changed),
    }
    return {key: value for key, value in written.items() if value is not None}


def read_time(value: object) -> datetime | None:
    """Read a time in RFC 3339 as UTC; None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if time.tzinfo is None else time.astimezone(UTC)


def write_time(time: datetime | None) -> str | None:
    """Format a time as the API does: RFC 3339, UTC, whole seconds."""
    return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
