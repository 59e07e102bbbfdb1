"""The PipelineSchedule controller: gather, decide, apply, one schedule at a time each, namespaces taking turns.

At rest a schedule costs one timer, and no request: what is needed to see that nothing is due is in memory. What it does
in one turn, in this order, so that it may end between any two steps: delete runs that are not kept, end runs, make
runs, write the status.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from moorage.errors import ConflictError, InputError, KubeError, NotFoundError
from moorage.kube import PIPELINE_SCHEDULES, STRETCHED_PIPELINES, Change, Client, RawObject, Recorder, Reflector
from moorage.kube.statuses import replace_status
from moorage.model import API_VERSION, Dataset, DatasetRef, Reader
from moorage.policy.rules import is_consumer
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.runs.schedules import DUE_ANNOTATION, SCHEDULE_LABEL, PipelineSchedule, ScheduleState
from moorage.serving import metrics
from moorage.watching import Bundle
from moorage.wire.schedules import read_schedule, read_schedule_state, write_schedule_state, write_time
from pipeline_executor.hub.runs_of_schedules import RunsOfSchedules
from pipeline_executor.hub.scheduling import ScheduleVerdict, Start, decide_schedule

_LONGEST_SLEEP = timedelta(hours=6)
"""Clocks are set, and time zones change by law."""
_TRY_AGAIN_SECONDS = 60.0

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ScheduleMark:
    """What is kept of each PipelineSchedule. `schedule` None: its spec can't be read, and `problem` says why."""

    schedule: PipelineSchedule | None
    state: ScheduleState
    problem: str = ""


def read_schedule_mark(raw: RawObject) -> ScheduleMark:
    """Of a raw PipelineSchedule, whatever stands in it."""
    state = read_schedule_state(raw.get("status"))
    try:
        return ScheduleMark(read_schedule(raw), state)
    except InputError as error:
        return ScheduleMark(None, state, str(error))


class ScheduleController:
    """Follows PipelineSchedules while its `async with` block runs.

    Args:
        client: the hub's cluster.
        recorder: writes Events.
        runs: the runs that schedules made.
        dataset: a Dataset by its name, as it is now.
        at_once: how many schedules are looked at at once.
        now: the clock, in UTC.
    """

    def __init__(  # noqa: PLR0913 - the last two are keywords
        self,
        client: Client,
        recorder: Recorder,
        runs: RunsOfSchedules,
        dataset: Callable[[DatasetRef], Dataset | None],
        *,
        at_once: int = 8,
        now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._runs = runs
        runs.controller = self
        self._dataset = dataset
        self._now = now
        self._by_uid: dict[str, Key] = {}
        self._by_dataset: dict[DatasetRef, set[Key]] = {}
        self.schedules: Reflector[ScheduleMark] = Reflector(
            client, PIPELINE_SCHEDULES, project=read_schedule_mark, on_change=self._changed
        )
        self.bundle = Bundle({"pipelineschedules": self.schedules})
        self._queue: WorkQueue[Key] = WorkQueue(
            "schedule",
            self._reconcile,
            shares=lambda key: (Share("namespace", key[0]),),
            at_once=at_once,
            each={"namespace": max(at_once // 2, 1)},
        )
        metrics.follow_depth(self._queue)

    async def __aenter__(self) -> Self:
        await self.bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.bundle.__aexit__(kind, error, trace)
        await self._queue.__aexit__(kind, error, trace)

    # --- what makes it look ---

    def run_changed(self, uid: str) -> None:
        """A run of the schedule with this uid changed."""
        if uid in self._by_uid:
            self._queue.add(self._by_uid[uid])

    def dataset_changed(self, change: Change[Dataset]) -> None:
        """A Dataset changed: its version, perhaps."""
        before, after = change.before, change.after
        if after is None or (before is not None and before.status.version == after.status.version):
            return
        for key in self._by_dataset.get(after.ref, ()):
            self._queue.add(key)

    def _changed(self, change: Change[ScheduleMark]) -> None:
        before = None if change.before is None else change.before.schedule
        after = None if change.after is None else change.after.schedule
        if before is not None:
            self._by_uid.pop(before.uid, None)
            for trigger in before.triggers:
                keys = self._by_dataset.get(trigger.dataset, set())
                keys.discard(change.key)
                if not keys:
                    self._by_dataset.pop(trigger.dataset, None)
        if after is not None:
            self._by_uid[after.uid] = change.key
            for trigger in after.triggers:
                self._by_dataset.setdefault(trigger.dataset, set()).add(change.key)
        if change.after is None:
            self._queue.forget(change.key)
        else:
            self._queue.add(change.key)

    # --- gather, decide, apply ---

    async def _reconcile(self, key: Key) -> None:
        mark = self.schedules.snapshot().get(key)
        if mark is not None and self._is_at_rest(mark):
            return
        try:
            raw = await self._client.get(PIPELINE_SCHEDULES, key[1], key[0])
        except NotFoundError:
            return
        if raw["metadata"].get("deletionTimestamp"):
            return
        state = read_schedule_state(raw.get("status"))
        try:
            schedule = read_schedule(raw)
        except InputError as error:
            await self._write(raw, replace(state, problem=str(error)))
            return
        verdict = self._decide(schedule, state)
        problem = await self._apply(raw, schedule, verdict)
        if problem:
            # What was due stays due, and is made up for once it can be.
            self._queue.add_after(key, _TRY_AGAIN_SECONDS)
            await self._write(raw, replace(verdict.unmade, problem=problem))
            return
        if await self._write(raw, verdict.state):
            self._sleep(key, verdict)
        else:
            self._queue.add_after(key, 0.2)

    def _is_at_rest(self, mark: ScheduleMark) -> bool:
        """Whether nothing is to be done; then the timer is set."""
        if mark.schedule is None:
            return mark.state.problem == mark.problem
        verdict = self._decide(mark.schedule, mark.state)
        if verdict.start or verdict.cancel or verdict.delete or verdict.state != mark.state:
            return False
        self._sleep((mark.schedule.namespace, mark.schedule.name), verdict)
        return True

    def _sleep(self, key: Key, verdict: ScheduleVerdict) -> None:
        if verdict.delete:
            self._queue.add(key)
        elif verdict.wake is not None:
            pause = min(verdict.wake - self._now(), _LONGEST_SLEEP)
            self._queue.add_after(key, max(pause.total_seconds(), 0.05))

    def _decide(self, schedule: PipelineSchedule, state: ScheduleState) -> ScheduleVerdict:
        now = self._now()
        return decide_schedule(schedule, state, self._runs.of(schedule.uid, now), self._versions(schedule), now)

    def _versions(self, schedule: PipelineSchedule) -> Mapping[DatasetRef, str]:
        """Of the Datasets that trigger it and that its runs may read: others' changes are none of its business."""
        reader = Reader(schedule.namespace, schedule.service_account)
        found = {}
        for trigger in schedule.triggers:
            dataset = self._dataset(trigger.dataset)
            if dataset is None or not is_consumer(trigger.dataset, dataset.governance, reader):
                continue
            if dataset.status.version:
                found[trigger.dataset] = dataset.status.version
        return found

    async def _apply(self, raw: RawObject, schedule: PipelineSchedule, verdict: ScheduleVerdict) -> str:
        """Do it; why a run can't be made, "" where all were."""
        namespace = schedule.namespace
        for name in verdict.delete:
            try:
                await self._client.delete(STRETCHED_PIPELINES, name, namespace)
            except NotFoundError:
                continue
        for name in verdict.cancel:
            about = {"namespace": namespace, "name": name}
            try:
                await self._client.merge_patch(STRETCHED_PIPELINES, {"metadata": about, "spec": {"cancel": True}})
            except NotFoundError:
                continue
        for start in verdict.start:
            try:
                await self._make(raw, schedule, start)
            except KubeError as error:
                if not error.status:
                    raise
                problem = f"run {start.name} can't be made: {error}"
                await self._tell(raw, "RunNotMade", problem, bad=True)
                return problem
        return ""

    async def _make(self, raw: RawObject, schedule: PipelineSchedule, start: Start) -> None:
        """Make a run; the same one twice is one.

        Raises:
            KubeError: the API server refuses it, or did not answer.
        """
        body = run_of(raw, start)
        try:
            await self._client.create(STRETCHED_PIPELINES, body)
        except ConflictError:
            there = await self._client.get(STRETCHED_PIPELINES, start.name, schedule.namespace)
            if (there["metadata"].get("labels") or {}).get(SCHEDULE_LABEL) != schedule.uid:
                raise
            return
        self._runs.made(schedule.uid, start.name, self._now())
        metrics.SCHEDULED_RUNS.labels("time" if start.due is not None else "dataset").inc()
        why = "a Dataset has a new version" if start.due is None else f"it was due at {write_time(start.due)}"
        await self._tell(raw, "RunMade", f"run {start.name} was made: {why}")

    async def _tell(self, raw: RawObject, reason: str, note: str, *, bad: bool = False) -> None:
        record = self._recorder.warning if bad else self._recorder.normal
        await record(raw, reason, note, action="Schedule")

    async def _write(self, raw: RawObject, state: ScheduleState) -> bool:
        """Write the status where it is another. Where somebody else wrote first, it has to be looked at again."""
        now = write_time(self._now()) or ""
        status = write_schedule_state(state, raw.get("status"), int(raw["metadata"].get("generation") or 0), now)
        if status == raw.get("status"):
            return True
        try:
            await replace_status(self._client, PIPELINE_SCHEDULES, raw, status)
        except ConflictError:
            return False
        return True


def run_of(raw: RawObject, start: Start) -> RawObject:
    """The StretchedPipeline that a raw PipelineSchedule means by its template. Pure."""
    template, metadata = raw["spec"]["template"], raw["metadata"]
    about: Mapping[str, Any] = template.get("metadata") or {}
    annotations = dict(about.get("annotations") or {})
    if start.due is not None:
        annotations[DUE_ANNOTATION] = write_time(start.due)
    spec = dict(template["spec"])
    if start.parameters:
        spec["parameters"] = {**(spec.get("parameters") or {}), **start.parameters}
    return {
        "apiVersion": API_VERSION,
        "kind": STRETCHED_PIPELINES.kind,
        "metadata": {
            "namespace": metadata["namespace"],
            "name": start.name,
            "labels": {**(about.get("labels") or {}), SCHEDULE_LABEL: metadata["uid"]},
            "annotations": annotations,
        },
        "spec": spec,
    }
