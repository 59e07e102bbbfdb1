"""The controller: makes right what each PipelineGroup asks for, level-triggered.

One look at a group: is it ours and the newest attempt; are its imports here; how far does the runner say it is; which
exports are due; what does the status say now. Whatever can't be said now is said later: the queue tries again.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from moorage.errors import ConflictError, InputError, MoorageError, NotFoundError, StoreError
from moorage.kube import PIPELINE_GROUPS, SITES, Change, Client, Recorder, Reflector
from moorage.model import Site
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.runs import GroupPhase, ImportSpec, Manifest, PipelineGroup, RunKeys, TaskPhase, Value
from moorage.serving import metrics
from moorage.watching import Bundle
from moorage.wire import read_site
from pipeline_executor.runners.protocol import GroupKey, GroupRun, Progress, Runner, TaskState
from pipeline_executor.spoke.accepting import newest_seen, read_documents
from pipeline_executor.spoke.attempts import Attempts
from pipeline_executor.spoke.events import events_between
from pipeline_executor.spoke.exports import exports_of
from pipeline_executor.spoke.group_objects import GroupObject, read_group_object
from pipeline_executor.spoke.importers import fill_importers
from pipeline_executor.spoke.importing import Arrival, Datum, Importing, Transfer
from pipeline_executor.spoke.publishing import publish
from pipeline_executor.spoke.settings import SpokeSettings
from pipeline_executor.spoke.status import ACCEPTED, COMPLETE, IMPORTED, Condition, Facts, status_of
from pipeline_executor.spoke.summaries import summary_of
from pipeline_executor.store import ArtifactStore, SiteStores

_log = logging.getLogger(__name__)

_SETTLE_SECONDS: Final = 2.0
_PACE_SECONDS: Final = 0.2
_LOOK_AGAIN_SECONDS: Final = 300.0

_PHASES: Final = {
    TaskPhase.SUCCEEDED: GroupPhase.SUCCEEDED,
    TaskPhase.CACHED: GroupPhase.SUCCEEDED,
    TaskPhase.SKIPPED: GroupPhase.SUCCEEDED,
    TaskPhase.FAILED: GroupPhase.FAILED,
    TaskPhase.CANCELLED: GroupPhase.CANCELLED,
}


@dataclass(slots=True)
class Held:
    """What is kept of a group while it runs; all of it can be had again.

    Attributes:
        documents: its pipeline, as the hub wrote it.
        run: what the runner gets, once its imports are here.
        arrivals: its imports, in the spec's order.
        published: outputs whose export is written.
        tasks: as the runner said last.
    """

    uid: str
    documents: Sequence[Mapping[str, Any]] = ()
    accepted: bool = False
    run: GroupRun | None = None
    arrivals: list[tuple[ImportSpec, Arrival]] = field(default_factory=list)
    published: set[str] = field(default_factory=set)
    tasks: Mapping[str, TaskState] | None = None
    looked_at: float = 0.0
    due_at: float | None = None


class Ended(Exception):  # noqa: N818 - it is no error of ours: it ends a look
    """A group has ended before or beside its tasks."""

    def __init__(self, phase: GroupPhase, reason: str, message: str) -> None:
        super().__init__(message)
        self.phase = phase
        self.reason = reason


class Controller:
    """Follows PipelineGroups; `async with` runs it.

    Args:
        client: the spoke's cluster.
        settings: what it is told.
        stores: of all Sites of the cluster.
        transfer: copies an artifact from store to store.
        recorder: writes Events.
    """

    def __init__(self, client: Client, settings: SpokeSettings, transfer: Transfer, recorder: Recorder) -> None:
        self._client = client
        self._settings = settings
        self._recorder = recorder
        self._runner: Runner | None = None
        self._held: dict[GroupKey, Held] = {}
        self._attempts = Attempts()
        self.groups: Reflector[GroupObject] = Reflector(
            client, PIPELINE_GROUPS, project=read_group_object, on_change=self._changed
        )
        self.sites: Reflector[Site] = Reflector(client, SITES, project=read_site)
        self.bundle = Bundle({"pipelinegroups": self.groups, "sites": self.sites})
        self.stores = SiteStores(client, settings.namespace, self._site)
        self._importing = Importing(self.stores, transfer, self.poke)
        self._queue: WorkQueue[GroupKey] = WorkQueue(
            "pipelinegroups",
            self._work,
            shares=lambda key: (Share("namespace", key[0]),),
            at_once=settings.groups_at_once,
            each={"namespace": settings.groups_per_namespace},
        )

    def is_open(self, key: GroupKey, uid: str) -> bool:
        """Whether there is such a PipelineGroup that has not ended, as far as is known yet."""
        found = self.groups.snapshot().get(key)
        if found is None:
            return not self.groups.synced.is_set()
        return found.uid == uid and not found.is_final

    def use(self, runner: Runner) -> None:
        """Run groups by this runner; before the controller is entered."""
        self._runner = runner

    async def __aenter__(self) -> Self:
        await self.stores.__aenter__()
        await self._importing.__aenter__()
        await self._queue.__aenter__()
        await self.bundle.__aenter__()
        metrics.follow_depth(self._queue)
        metrics.follow_depth(self._importing.queue)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in (self.bundle, self._queue, self._importing, self.stores):
            await part.__aexit__(kind, error, trace)

    def poke(self, key: GroupKey) -> None:
        """Have a group looked at, a little later where that was just done: changes come in swarms."""
        held = self._held.get(key)
        if held is None:
            self._queue.add(key)
        else:
            self._look_at(key, held, max(held.looked_at + _PACE_SECONDS - time.monotonic(), 0.0))

    def _look_at(self, key: GroupKey, held: Held, seconds: float) -> None:
        """Have it looked at in so many seconds, or earlier where that was asked for."""
        due_at = time.monotonic() + seconds
        if held.due_at is None or due_at < held.due_at:
            held.due_at = due_at
            self._queue.add_after(key, seconds)

    def _changed(self, change: Change[GroupObject]) -> None:
        self._attempts.follow(change)
        before, after = change.before, change.after
        if before is not None and after is not None and before.asks_as(after):
            return  # our own word
        self.poke(change.key)

    def _serves(self, found: GroupObject) -> bool:
        """Whether it is ours to run; one that can't be read is everybody's to refuse."""
        sites = self._settings.sites
        return not sites or found.group is None or found.group.spec.site in sites

    def _site(self, name: str) -> Site | None:
        return self.sites.snapshot().get(("", name))

    # --- one look ---

    async def _work(self, key: GroupKey) -> None:
        await self.sites.synced.wait()
        await self.groups.synced.wait()
        found = self.groups.snapshot().get(key)
        if found is None:
            self._forget(key)
            return
        if not self._serves(found):
            return
        held = self._held.get(key)
        if held is None or held.uid != found.uid:
            held = self._held[key] = Held(found.uid)
        held.looked_at, held.due_at = time.monotonic(), None
        if found.is_final:
            await self._settle(found)
            return
        try:
            facts, wake = await self._look(found, held)
        except Ended as end:
            facts, wake = self._facts(found, held, end.phase, str(end), end.reason), None
        except InputError as error:
            facts, wake = self._facts(found, held, GroupPhase.FAILED, str(error), "Invalid"), None
        except MoorageError as error:
            phase = GroupPhase.RUNNING if held.run is not None else GroupPhase.WAITING
            reason = error.reason if isinstance(error, StoreError) else "CannotProceed"
            await self._say(found, self._facts(found, held, phase, str(error), reason))
            raise
        await self._say(found, facts)
        if facts.phase.is_final:
            wake = _PACE_SECONDS
        self._look_at(key, held, _LOOK_AGAIN_SECONDS if wake is None else min(wake, _LOOK_AGAIN_SECONDS))

    async def _look(self, found: GroupObject, held: Held) -> tuple[Facts, float | None]:
        group = found.group
        if group is None:
            raise Ended(GroupPhase.FAILED, "Invalid", found.problem)
        site = self._site(group.spec.site)
        store = await self.stores.get(group.spec.site)
        keys = RunKeys(store.prefix, group.spec.run)
        replaced = await self._replaced(group, held, store, keys)
        cancelling = group.spec.cancel or group.deleting or replaced
        # An earlier process may have run it: its tasks are ended by the runner then.
        if cancelling and held.run is None and found.phase is not GroupPhase.RUNNING:
            raise Ended(GroupPhase.CANCELLED, "Cancelled", "it was cancelled before its tasks began")
        if not held.documents:
            held.documents = await read_documents(store, keys, group.spec)
        if held.run is None:
            if not self._imports_are_here(found, group, held):
                return self._facts(found, held, GroupPhase.WAITING, "waits for its imports"), None
            held.run = self._ready(group, held, site, store, keys)
        run = held.run = _with(held.run, group, site, store)
        progress = await self._runner_().advance(run, cancelling=cancelling)
        held.tasks = progress.tasks
        await self._publish(run, held, progress)
        phase = _PHASES.get(progress.phase, GroupPhase.RUNNING)
        message = progress.message
        if replaced and phase.is_final and phase is not GroupPhase.SUCCEEDED:
            phase, message = GroupPhase.FAILED, f"attempt {self._attempts.newest(group)} of this group replaces it"
        return self._facts(found, held, phase, message), progress.wake_in_seconds

    async def _replaced(self, group: PipelineGroup, held: Held, store: ArtifactStore, keys: RunKeys) -> bool:
        """Whether a newer attempt of the group has been seen; one that was refused from the start ends here."""
        spec = group.spec
        if not held.accepted:
            newest = await newest_seen(store, keys, spec)
            self._attempts.see(group, newest)
            if newest > spec.attempt and held.run is None:
                message = f"attempt {spec.attempt} is older than attempt {newest}, which was seen at Site {spec.site}"
                raise Ended(GroupPhase.FAILED, "Superseded", message)
            for other, attempt in self._attempts.unfinished_others(group):
                if attempt < spec.attempt:
                    self._queue.add(other)
                    raise MoorageError(f"waits until attempt {attempt} of this group has ended")
            held.accepted = True
        return self._attempts.newest(group) > spec.attempt

    def _imports_are_here(self, found: GroupObject, group: PipelineGroup, held: Held) -> bool:
        key = found.namespace, found.name
        held.arrivals = [(spec, self._importing.want(key, Datum.of(group.spec, spec))) for spec in group.spec.imports]
        for spec, arrival in held.arrivals:
            if arrival.problem:
                what = spec.artifact or spec.value
                raise Ended(GroupPhase.FAILED, "ImportFailed", f"{what} can't be brought: {arrival.problem}")
        return all(arrival.content is not None for _, arrival in held.arrivals)

    @staticmethod
    def _ready(group: PipelineGroup, held: Held, site: Site | None, store: ArtifactStore, keys: RunKeys) -> GroupRun:
        parameters = dict(group.spec.parameters)
        manifests: dict[str, Manifest] = {}
        for spec, arrival in held.arrivals:
            if isinstance(arrival.content, Manifest):
                manifests[spec.parameter] = arrival.content
                parameters[spec.parameter] = arrival.content.uri
            elif isinstance(arrival.content, Value):
                parameters[spec.parameter] = arrival.content.value
        if site is None:
            raise MoorageError(f"Site {group.spec.site} is not there: create it again, or run the pipeline anew")
        return GroupRun(
            group=group,
            site=site,
            store=store,
            keys=keys,
            documents=fill_importers(held.documents, manifests),
            parameters=parameters,
            imported={manifest.uri: manifest.files for manifest in manifests.values()},
        )

    async def _publish(self, run: GroupRun, held: Held, progress: Progress) -> None:
        wanted = [spec for spec in run.group.spec.exports if spec.output not in held.published]
        due, missing = exports_of(run.documents, wanted, progress, run.group.spec.task_names)
        for each in due:
            await publish(run, self._runner_(), each)
            held.published.add(each.spec.output)
        if missing:
            raise Ended(GroupPhase.FAILED, "ExportMissing", missing[0].problem)

    # --- what it says ---

    def _facts(self, found: GroupObject, held: Held, phase: GroupPhase, message: str = "", reason: str = "") -> Facts:
        group = found.group
        imported = held.run is not None
        conditions = [Condition(ACCEPTED, held.accepted, reason or "Accepted" if held.accepted else reason or "Waits")]
        if group is not None and group.spec.imports:
            conditions.append(Condition(IMPORTED, imported, "Imported" if imported else "Waits"))
        said = reason or phase.value
        complete = {GroupPhase.SUCCEEDED: True, GroupPhase.WAITING: None, GroupPhase.RUNNING: None}
        conditions.append(Condition(COMPLETE, complete.get(phase, False), said, message))
        return Facts(
            phase=phase,
            message=message,
            generation=0 if group is None else group.generation,
            imports=held.arrivals,
            tasks=held.tasks,
            exports=len(held.published),
            conditions=conditions,
        )

    async def _say(self, found: GroupObject, facts: Facts) -> None:
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        current = self.groups.snapshot().get((found.namespace, found.name), found)
        status = status_of(facts, current.status, now)
        if found.wants_summary:
            status["summary"] = summary_of(status)
        if status == current.status:
            return
        body = {
            "metadata": {"namespace": found.namespace, "name": found.name, "uid": found.uid},
            "status": status,
        }
        try:
            await self._client.apply(PIPELINE_GROUPS, body, subresource="status")
        except (NotFoundError, ConflictError):
            return  # it is gone, or another of its name is there
        for told in events_between(current.status, status):
            tell = self._recorder.warning if told.warning else self._recorder.normal
            await tell(found.reference, told.reason, told.note)

    async def _settle(self, found: GroupObject) -> None:
        """It has ended: nothing of it may be left, in the cluster or in memory."""
        key = found.namespace, found.name
        self._importing.forget(key)
        self._runner_().forget(key)
        if found.group is not None and not await self._runner_().settle(found.group):
            self._queue.add_after(key, _SETTLE_SECONDS)
            return
        self._held.pop(key, None)
        for other, _ in self._attempts.unfinished_others(found.group) if found.group is not None else ():
            self._queue.add(other)

    def _forget(self, key: GroupKey) -> None:
        """It was deleted: its pods go with it, by their owner reference."""
        self._held.pop(key, None)
        self._importing.forget(key)
        self._runner_().forget(key)
        self._queue.forget(key)

    def _runner_(self) -> Runner:
        if self._runner is None:
            message = "no runner was given"
            raise RuntimeError(message)
        return self._runner


def _with(run: GroupRun, group: PipelineGroup, site: Site | None, store: ArtifactStore) -> GroupRun:
    """The same run with the object, the Site and the store as they are now."""
    return GroupRun(
        group=group,
        site=run.site if site is None else site,
        store=store,
        keys=run.keys,
        documents=run.documents,
        parameters=run.parameters,
        imported=run.imported,
    )
