"""What a run leaves is deleted once nobody needs it any more: its objects in the stores, then the StretchedPipeline.

A run that waits costs one timer. Objects are deleted a page at a time, runs take turns, and a hub that is killed in
between goes on with what is left. Proof is an Event, the status (`expired`) and a metric.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Self

from moorage.errors import ConflictError, InputError, KubeError, NotFoundError, StoreError
from moorage.kube import STRETCHED_PIPELINES, Change, Client, RawObject, Recorder
from moorage.kube.statuses import replace_status
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.runs import RunKeys, RunRef, StretchedPipeline
from moorage.serving import metrics
from moorage.wire import read_stretched_pipeline
from moorage.wire.schedules import write_time
from pipeline_executor.hub.controller import Mark
from pipeline_executor.hub.expiring import expiry_of
from pipeline_executor.hub.referring import Readers
from pipeline_executor.hub.state import RunState, read_state
from pipeline_executor.store import ArtifactStore, SiteStores

_MOST_DELETED = 10_000
"""Objects, in one turn; then others have theirs."""
_LONGEST_SLEEP = timedelta(hours=6)
_REFERRED_AGAIN = timedelta(hours=1)
_SEE_AGAIN_SECONDS = 5.0
_WHOLE = ("",)
_WITHOUT_ARTIFACTS = ("groups/", "tasks/", "plan/")
"""Folders below R/ that are deleted where artifacts are kept; what the run made, and its report, stay."""


class RetentionController:
    """Deletes what has expired while its `async with` block runs.

    Args:
        client: the hub's cluster.
        recorder: writes Events.
        stores: the sites' stores.
        sees_all: whether all runs were told of as they are now; nothing is deleted from the stores before.
        now: the clock, in UTC.
    """

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        stores: SiteStores,
        *,
        sees_all: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._stores = stores
        self._sees_all = sees_all
        self._readers = Readers()
        self._now = now
        self._queue: WorkQueue[RunRef] = WorkQueue(
            "retention",
            self._reconcile,
            shares=lambda run: (Share("namespace", run.namespace),),
            at_once=2,
            each={"namespace": 1},
        )
        metrics.follow_depth(self._queue)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._queue.__aexit__(None, None, None)

    def run_changed(self, change: Change[Mark]) -> None:
        """A run changed."""
        before, after = (frozenset() if mark is None else mark.refers for mark in (change.before, change.after))
        self._readers.change(*change.key, before, after)
        if change.before is not None and (change.after is None or change.after.uid != change.before.uid):
            self._queue.forget(RunRef(*change.key, change.before.uid))
        if change.after is not None and change.after.expires is not None:
            self._sleep(RunRef(*change.key, change.after.uid), change.after.expires)

    def _sleep(self, ref: RunRef, until: datetime) -> None:
        pause = min(until - self._now(), _LONGEST_SLEEP)
        self._queue.add_after(ref, max(pause.total_seconds(), 0.05))

    async def _reconcile(self, ref: RunRef) -> None:
        try:
            raw = await self._client.get(STRETCHED_PIPELINES, ref.name, ref.namespace)
            run = read_stretched_pipeline(raw)
        except (NotFoundError, InputError):
            return
        if run.ref != ref or run.deleting:
            return
        state, now = read_state(raw.get("status")), self._now()
        expiry = expiry_of(raw["spec"], state)
        if expiry.stores is not None and expiry.stores <= now:
            await self._empty(raw, run, state)
        elif expiry.run is not None and expiry.run <= now:
            await self._tell(raw, "Deleted", "the run has ended long enough ago (ttlSecondsAfterFinished)")
            try:
                await self._client.delete(STRETCHED_PIPELINES, ref.name, ref.namespace, uid=ref.uid)
            except (NotFoundError, ConflictError):
                return
        elif (due := expiry.next()) is not None:
            self._sleep(ref, due)

    async def _empty(self, raw: RawObject, run: StretchedPipeline, state: RunState) -> None:
        """Delete what lies in the stores; what is left of it, in another turn."""
        if not self._sees_all():
            self._queue.add_after(run.ref, _SEE_AGAIN_SECONDS)
            return
        if name := self._readers.of(run.ref):
            await self._tell(raw, "StillReferred", f"is not deleted from the stores yet: run {name} reads what it left")
            self._sleep(run.ref, self._now() + _REFERRED_AGAIN)
            return
        folders = _WITHOUT_ARTIFACTS if run.keep_artifacts else _WHOLE
        for site in sorted({group.site for group in state.groups}):
            try:
                count, whole = await empty(await self._stores.get(site), run.ref, folders)
            except (StoreError, KubeError) as error:
                note = f"can't be deleted at site {site}, and is tried again: {error}"
                await self._tell(raw, "NotDeleted", note, bad=True)
                raise
            metrics.EXPIRED_OBJECTS.inc(count)
            if not whole:
                self._queue.add_after(run.ref, 0.05)
                return
        if await self._note(raw):
            kept = "; artifacts and values are kept" if run.keep_artifacts else ""
            await self._tell(raw, "Expired", f"what it left in the stores was deleted (spec.retention){kept}")
            # The object itself may be due, too: nothing else that is followed has changed.
            self._sleep(run.ref, self._now())

    async def _note(self, raw: RawObject) -> bool:
        status = {**(raw.get("status") or {}), "expired": write_time(self._now())}
        try:
            return await replace_status(self._client, STRETCHED_PIPELINES, raw, status)
        except ConflictError:
            metadata = raw["metadata"]
            self._queue.add_after(RunRef(metadata["namespace"], metadata["name"], metadata["uid"]), 0.2)
            return False

    async def _tell(self, raw: RawObject, reason: str, note: str, *, bad: bool = False) -> None:
        record = self._recorder.warning if bad else self._recorder.normal
        await record(raw, reason, note, action="Retention")


async def empty(store: ArtifactStore, run: RunRef, folders: Collection[str] = _WHOLE) -> tuple[int, bool]:
    """Delete a run's objects in one store, as many as one turn may.

    Args:
        store: the store.
        run: the run.
        folders: below R/; "" for all of it.

    Returns:
        How many were deleted, and whether none is left.

    Raises:
        StoreError: the store does not answer, or refuses.
    """
    root = RunKeys(store.prefix, run).root
    deleted = 0
    for folder in folders:
        while page := await store.first_keys(root + folder):
            if deleted >= _MOST_DELETED:
                return deleted, False
            await store.delete(page)
            deleted += len(page)
    return deleted, True
