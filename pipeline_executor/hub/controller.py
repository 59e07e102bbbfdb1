"""The StretchedPipeline controller: gather, decide, apply, one run at a time each, namespaces taking turns.

What it does in one turn, in this order, so that it may end between any two steps: end PipelineGroups that are not
wanted, submit groups, write the status. A plan comes into force in a turn of its own, before anything of it is
submitted.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from moorage.errors import ConflictError, InputError, KubeError, NotFoundError, StoreError
from moorage.kube import STRETCHED_PIPELINES, Change, Client, RawObject, Recorder, Reflector
from moorage.kube.statuses import replace_status
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.runs import RunPhase, RunRef, StretchedPipeline, group_name
from moorage.runs.pipelines import GROUP_LABEL, HUB_LABEL, QUEUE_LABEL, RUN_LABEL
from moorage.runs.schedules import SCHEDULE_LABEL
from moorage.serving import metrics
from moorage.watching import Bundle
from moorage.wire import read_stretched_pipeline, write_pipeline_group_spec
from pipeline_executor.distribution import Distribution
from pipeline_executor.hub.conditions import conditions_of
from pipeline_executor.hub.deciding import Verdict, World, decide
from pipeline_executor.hub.ending import Ending, write_end
from pipeline_executor.hub.expiring import expiry_of
from pipeline_executor.hub.inforce import InForce, PlannedGroup, group_spec
from pipeline_executor.hub.plannings import Plannings, Wish
from pipeline_executor.hub.referring import Refers, referred
from pipeline_executor.hub.settings import HubSettings
from pipeline_executor.hub.state import RunState, read_state, restored, with_conditions, write_state
from pipeline_executor.hub.tasks import moved_bytes, tasks_of
from pipeline_executor.hub.world import Gatherer
from pipeline_executor.store import SiteStores

_log = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 30.0
_GOING_SECONDS = 5.0
_INVALID = 422


@dataclass(frozen=True, slots=True)
class Mark:
    """What is kept of each StretchedPipeline: enough to know when to look at it.

    `schedule`: the uid of the PipelineSchedule that made it; "" for none. `expires`: when something of it is deleted.
    `refers`: the runs that it reads from.
    """

    uid: str
    generation: int
    phase: RunPhase | None
    reported: bool
    sites: frozenset[str]
    schedule: str = ""
    created: str = ""
    cancel: bool = False
    expires: datetime | None = None
    refers: Refers = frozenset()

    @property
    def at_rest(self) -> bool:
        """Whether nothing can happen to it before somebody changes it."""
        return self.phase is not None and self.phase.is_final and self.reported


def read_mark(raw: RawObject) -> Mark:
    """Of a raw StretchedPipeline."""
    metadata = raw["metadata"]
    state, uid = read_state(raw.get("status")), str(metadata.get("uid") or "")
    return Mark(
        uid=uid,
        generation=int(metadata.get("generation") or 0),
        phase=state.phase,
        reported=state.reported or state.plan is None,
        sites=frozenset(group.site for group in state.groups if not group.phase.is_final),
        schedule=str((metadata.get("labels") or {}).get(SCHEDULE_LABEL) or ""),
        created=str(metadata.get("creationTimestamp") or ""),
        cancel=bool((raw.get("spec") or {}).get("cancel")),
        expires=expiry_of(raw.get("spec") or {}, state).next(),
        refers=referred(raw.get("spec"), RunRef(metadata["namespace"], metadata["name"], uid)),
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What the controller works with."""

    client: Client
    recorder: Recorder
    distribution: Distribution
    stores: SiteStores
    plannings: Plannings
    gatherer: Gatherer
    hub: str


class RunController:
    """Follows StretchedPipelines while its `async with` block runs."""

    def __init__(
        self, parts: Parts, settings: HubSettings, tell: Collection[Callable[[Change[Mark]], None]] = ()
    ) -> None:
        """Make it; all in `tell` are told of each change of a run, too."""
        self._parts = parts
        self._tell_others = tell
        self.runs: Reflector[Mark] = Reflector(
            parts.client, STRETCHED_PIPELINES, project=read_mark, on_change=self._changed
        )
        self.bundle = Bundle({"stretchedpipelines": self.runs})
        self._queue: WorkQueue[RunRef] = WorkQueue(
            "run",
            self._reconcile,
            shares=lambda run: (Share("namespace", run.namespace),),
            at_once=settings.runs_at_once,
            each={"namespace": settings.runs_per_namespace},
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

    def sees_all(self) -> bool:
        """Whether all runs are known as they are now: what waits on nobody's account may go only then."""
        return self.runs.synced.is_set() and not self.runs.age_seconds

    # --- what makes it look ---

    def look(self, run: RunRef) -> None:
        """Look at a run in its turn."""
        self._queue.add(run)

    def sights_changed(self) -> None:
        """A cluster went out of sight, or came back."""
        for (namespace, name), mark in self.runs.snapshot().items():
            if not mark.at_rest:
                self._queue.add(RunRef(namespace, name, mark.uid))

    def _changed(self, change: Change[Mark]) -> None:
        for tell in self._tell_others:
            tell(change)
        for mark in (change.before, change.after):
            if mark is not None and (mark is change.after or change.after is None or change.after.uid != mark.uid):
                self._queue.add(RunRef(*change.key, mark.uid))

    # --- gather, decide, apply ---

    async def _reconcile(self, ref: RunRef) -> None:
        try:
            raw = await self._parts.client.get(STRETCHED_PIPELINES, ref.name, ref.namespace)
        except NotFoundError:
            await self._clear(ref)
            return
        if raw["metadata"].get("uid") != ref.uid or raw["metadata"].get("deletionTimestamp"):
            await self._clear(ref)
            return
        state = read_state(raw.get("status"))
        if state.expired:
            # Nothing of it is in the stores any more: there is nothing to look at.
            return
        try:
            run = read_stretched_pipeline(raw)
        except InputError as error:
            failed = replace(state, phase=RunPhase.FAILED, message=str(error))
            await self._write(raw, failed if state.phase is None or not state.phase.is_final else state)
            return
        try:
            world = await self._parts.gatherer.world(run, state)
        except StoreError as error:
            await self._write(raw, replace(state, phase=state.phase or RunPhase.PLANNING, message=str(error)))
            self._queue.add_after(ref, _LOOK_AGAIN_SECONDS)
            return
        await self._apply(raw, world, decide(world))

    async def _apply(self, raw: RawObject, world: World, verdict: Verdict) -> None:
        run, parts, plan = world.run, self._parts, verdict.plan
        newly = plan is not None and plan.mark != world.state.plan
        wakes = [verdict.wake_seconds, await self._cancel(verdict)]
        if newly:
            state = restored(verdict.state, world.state, {group.id: ("", False) for group, _ in verdict.submit})
        else:
            state, going = await self._submit_all(world, verdict)
            wakes.append(going)
        state = _told(state, world, plan)
        ended = state.phase is not None and state.phase.is_final
        if ended and plan is not None and not state.reported:
            # First the report, then the phase: who waits for the phase finds the report.
            ending = Ending(run, state, plan, world.seen, parts.gatherer.speeds())
            state = replace(state, reported=await write_end(parts.client, parts.stores, ending))
            wakes.append(None if state.reported else _LOOK_AGAIN_SECONDS)
        if await self._write(raw, state):
            await self._tell(raw, world.state, state)
        if newly and plan is not None:
            parts.gatherer.known.keep(run.ref, plan)
            self._queue.add(run.ref)
        elif verdict.make_plan:
            revision = 1 if world.state.plan is None else world.state.plan.revision + 1
            parts.plannings.wish(run.ref, Wish(revision, verdict.without))
        elif ended or (plan is not None and world.found is None):
            parts.plannings.forget(run.ref)
        if due := [wake for wake in wakes if wake is not None]:
            self._queue.add_after(run.ref, min(due))

    async def _cancel(self, verdict: Verdict) -> float | None:
        """End what is not wanted; when to look again, where somebody did not let us."""
        wake = None
        for group in verdict.cancel:
            cluster = self._parts.distribution.cluster(group.site)
            if cluster is None or not cluster.sight().takes_writes:
                continue
            try:
                await cluster.cancel(group)
            except KubeError as error:
                _log.warning("PipelineGroup %s/%s was not cancelled: %s", group.namespace, group.name, error)
                wake = _LOOK_AGAIN_SECONDS
        return wake

    async def _submit_all(self, world: World, verdict: Verdict) -> tuple[RunState, float | None]:
        """Submit groups; the status as it is then, and when to look again where one could not be submitted."""
        problems: dict[str, tuple[str, bool]] = {}
        for group, attempt in verdict.submit:
            problem = await self._submit(world.run, group, attempt, sure=group.id not in verdict.resubmitted)
            if problem is not None:
                problems[group.id] = problem
            else:
                metrics.GROUPS_SUBMITTED.inc()
        state = restored(verdict.state, world.state, problems)
        if not problems:
            return state, None
        first = min(problems)
        return replace(state, message=f"group {first}: {problems[first][0]}"), _GOING_SECONDS

    async def _submit(
        self, run: StretchedPipeline, group: PlannedGroup, attempt: int, *, sure: bool
    ) -> tuple[str, bool] | None:
        """Submit a group; None where that went well, else why not and whether it never will."""
        cluster = self._parts.distribution.cluster(group.site)
        if cluster is None:
            return self._parts.distribution.problem(group.site), False
        spec = group_spec(group, run.ref, attempt, run.parameters, run.service_account)
        labels = {RUN_LABEL: run.ref.uid, GROUP_LABEL: group.id, HUB_LABEL: self._parts.hub}
        if run.queue:
            labels[QUEUE_LABEL] = run.queue
        body: dict[str, Any] = {
            "metadata": {
                "namespace": run.ref.namespace,
                "name": group_name(run.ref.uid, group.id, attempt),
                "labels": labels,
            },
            "spec": write_pipeline_group_spec(spec),
        }
        try:
            if not sure and await cluster.exists(run.ref.namespace, group_name(run.ref.uid, group.id, attempt - 1)):
                return "its PipelineGroup is being looked for", False
            await cluster.submit(body)
        except NotFoundError:
            where = f"namespace {run.ref.namespace} is not in the cluster of site {group.site}"
            return f"waits: {where}, or PipelineGroups are not known there: create it, install Moorage there", False
        except KubeError as error:
            return f"can't be submitted at site {group.site}: {error}", error.status == _INVALID
        return None

    async def _clear(self, ref: RunRef) -> None:
        """A run that is gone leaves nothing that runs. A cluster that is out of sight is cleared when it comes back."""
        self._parts.plannings.forget(ref)
        self._parts.gatherer.known.forget(ref)
        for cluster in self._parts.distribution.clusters():
            if not cluster.sight().takes_writes:
                continue
            for group in list(cluster.groups_of(ref.uid).values()):
                await cluster.delete(group)

    async def _write(self, raw: RawObject, state: RunState) -> bool:
        """Write the status where it is another; whether it was. Where somebody else wrote first, look again."""
        metadata = raw["metadata"]
        status = write_state(state, int(metadata.get("generation") or 0))
        if status == raw.get("status"):
            return False
        try:
            return await replace_status(self._parts.client, STRETCHED_PIPELINES, raw, status)
        except ConflictError:
            self._queue.add_after(RunRef(metadata["namespace"], metadata["name"], metadata["uid"]), 0.2)
            return False

    async def _tell(self, raw: RawObject, before: RunState, after: RunState) -> None:
        """An Event for each phase that a person waits for."""
        if after.phase is None or after.phase is before.phase:
            return
        metrics.RUN_PHASES.labels(after.phase.value).inc()
        bad = after.phase in {RunPhase.FAILED, RunPhase.INFEASIBLE}
        record = self._parts.recorder.warning if bad else self._parts.recorder.normal
        note = after.message or f"the run is {after.phase.value}"
        await record(raw, after.phase.value, note, action="Run")


def _told(state: RunState, world: World, plan: InForce | None) -> RunState:
    """The status with all that only tells: tasks, bytes, conditions."""
    tasks, counts = tasks_of(state, plan, world.seen)
    return replace(
        state,
        tasks=tasks,
        task_counts=counts,
        bytes_moved=moved_bytes(state, world.seen),
        conditions=with_conditions(world.state.conditions, conditions_of(state, world, plan), world.now),
    )
