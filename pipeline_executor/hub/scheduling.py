"""What a PipelineSchedule needs next: runs to be made, ended, deleted. Pure: the clock is passed in.

A run's name is made of the schedule's name and of what it is made for, so that making it twice is making it once: a hub
that is killed between a run and the status makes the same run again, which is there already.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from moorage.model import DatasetRef
from moorage.runs.schedules import ConcurrencyPolicy, PipelineSchedule, ScheduleState, Trigger, TriggerState

ON_TIME = timedelta(seconds=60)
"""A run that begins so soon after it was due was not missed."""
_PATIENCE = 10
"""A Dataset that never stands still makes a run after so many times its debounce."""
_MOST_DELETED = 50
"""At one look; the next one follows at once."""


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A run that the schedule made."""

    name: str
    created: str
    final: bool = False
    succeeded: bool = False
    cancelling: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """A run to be made.

    Attributes:
        due: the time that it is made for; None: a Dataset's change.
        parameters: that it gets besides the template's.
    """

    name: str
    due: datetime | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScheduleVerdict:
    """What is to be done.

    Attributes:
        state: the status once all of it is done.
        start: runs to be made, in this order.
        cancel: runs to be ended.
        delete: runs that are not kept.
        wake: when to look again though nothing changed; None: not at all.
        unmade: the status where a run can't be made: what it was for stays due.
    """

    state: ScheduleState
    unmade: ScheduleState
    start: tuple[Start, ...] = ()
    cancel: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    wake: datetime | None = None


def decide_schedule(
    schedule: PipelineSchedule,
    state: ScheduleState,
    runs: Collection[ScheduledRun],
    versions: Mapping[DatasetRef, str],
    now: datetime,
) -> ScheduleVerdict:
    """What the schedule needs next.

    Args:
        schedule: as it is now.
        state: its status.
        runs: all that it made and that are there.
        versions: of the Datasets that trigger it, as far as they are there and it may know them.
        now: the time.
    """
    triggers = tuple(
        _seen(each, _known(state, each.dataset), versions.get(each.dataset), now) for each in schedule.triggers
    )
    active = [run for run in runs if not run.final]
    delete = _not_kept(schedule, runs)
    if schedule.suspend:
        resting = replace(state, triggers=triggers, suspended=True, next=None, active=len(active), problem="")
        return ScheduleVerdict(resting, resting, delete=delete)
    # What was due while it was suspended was not missed.
    last = now if state.suspended else state.last
    replacing = schedule.concurrency is ConcurrencyPolicy.REPLACE
    room = 1 if replacing else max(schedule.room - len(active), 0)
    there = {run.name for run in runs}
    start: list[Start] = []
    for due in _due(schedule, last, now):
        name = run_name(schedule, due)
        if name in there:
            # Made by a hub that was killed before it wrote so.
            start, last = [], due
        else:
            start.append(Start(name, due))
    start = (start[-1:] if replacing else start)[:room]
    unmade = replace(state, last=last, triggers=triggers, suspended=False)
    if start:
        last = start[-1].due
    triggered = state.triggered
    if len(start) < room and any(
        _ripe(each, known, now) for each, known in zip(schedule.triggers, triggers, strict=True)
    ):
        triggered += 1
        told = {
            each.parameter: versions[each.dataset]
            for each in schedule.triggers
            if each.parameter and each.dataset in versions
        }
        start.append(Start(f"{schedule.name}-t{triggered}", None, told))
        triggers = tuple(
            TriggerState(known.dataset, known.pending) if _ripe(each, known, now) else known
            for each, known in zip(schedule.triggers, triggers, strict=True)
        )
    cancel = tuple(run.name for run in active if not run.cancelling) if replacing and start else ()
    following = None if schedule.timing is None else schedule.timing.following(max(now, last or now))
    after = ScheduleState(
        last=last,
        next=following,
        triggered=triggered,
        triggers=triggers,
        active=len(active) + len(start),
    )
    wakes = [_ripens(each, known) for each, known in zip(schedule.triggers, triggers, strict=True) if known.pending]
    wake = min((each for each in (following, *wakes) if each is not None), default=None)
    return ScheduleVerdict(after, unmade, tuple(start), cancel, delete, wake)


def run_name(schedule: PipelineSchedule, due: datetime) -> str:
    """What the run is called that is made for a time."""
    return f"{schedule.name}-{due.astimezone(UTC):%Y%m%dt%H%M%S}"


def _due(schedule: PipelineSchedule, last: datetime | None, now: datetime) -> list[datetime]:
    """The times for which runs are to be made now, oldest first."""
    if schedule.timing is None:
        return []
    earliest = last or schedule.timing.start - timedelta(seconds=1)
    if schedule.deadline is not None:
        earliest = max(earliest, now - schedule.deadline - timedelta(seconds=1))
    if schedule.catch_up == 0:
        earliest = max(earliest, now - ON_TIME)
    return schedule.timing.missed(earliest, now, max(schedule.catch_up, 1))


def _known(state: ScheduleState, dataset: DatasetRef) -> TriggerState | None:
    return next((each for each in state.triggers if each.dataset == dataset), None)


def _seen(trigger: Trigger, known: TriggerState | None, version: str | None, now: datetime) -> TriggerState:
    """What is known of a Dataset after this look. The version of the first look makes no run."""
    if known is None:
        return TriggerState(trigger.dataset, version or "")
    if not version:
        return known
    if version == known.version:
        return TriggerState(trigger.dataset, version)
    if version == known.pending:
        return known
    return replace(known, pending=version, changed=now, since=known.since or now)


def _ripens(trigger: Trigger, known: TriggerState) -> datetime | None:
    """When a pending version makes a run."""
    if not known.pending or known.changed is None or known.since is None:
        return None
    quiet = known.changed + timedelta(seconds=trigger.debounce_seconds)
    return min(quiet, known.since + timedelta(seconds=trigger.debounce_seconds * _PATIENCE))


def _ripe(trigger: Trigger, known: TriggerState, now: datetime) -> bool:
    ripens = _ripens(trigger, known)
    return ripens is not None and ripens <= now


def _not_kept(schedule: PipelineSchedule, runs: Collection[ScheduledRun]) -> tuple[str, ...]:
    """The oldest of those that have ended, beyond as many as are kept."""
    found: list[str] = []
    for succeeded, kept in ((True, schedule.kept_succeeded), (False, schedule.kept_failed)):
        ended = sorted(
            (run for run in runs if run.final and run.succeeded is succeeded), key=lambda run: (run.created, run.name)
        )
        found += [run.name for run in ended[: max(len(ended) - kept, 0)]]
    return tuple(found[:_MOST_DELETED])
