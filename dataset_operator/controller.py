"""The controller of Datasets: a cache entry for each, work queues, and a reconcile that writes its status.

Two kinds of work, so that a slow source holds nothing up: a *look* lists the sources (slow, on a timer and when they
change), a *reconcile* decides on what is known and writes the status (quick, whenever anything changes). Each has
queues of its own, in which namespaces take turns.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import orjson

from dataset_operator import status
from dataset_operator.claims import Desired
from dataset_operator.conditions import Condition, State
from dataset_operator.entries import Entry, Written, names_bucket, new_entry
from dataset_operator.findings import data_identity, endpoints
from dataset_operator.lanes import Lanes
from dataset_operator.listing import Cancellation
from dataset_operator.looking import Looker
from dataset_operator.reconciling import Facts, reconcile
from dataset_operator.requeueing import Cause
from dataset_operator.settings import OperatorSettings
from dataset_operator.verdict import LOOKING
from moorage.errors import NotFoundError
from moorage.kube import DATASETS, Client, Recorder
from moorage.model import API_VERSION, Dataset, DatasetRef
from moorage.queueing.backing_off import backoff_seconds
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.serving import metrics
from moorage.sites import DIVERGED, Inventory
from moorage.sources import Location

CONCURRENT_WRITERS = "ConcurrentWriters"
_RECONCILED_AT_ONCE = 16
_WRITERS_SHOWN = 8
_READ_AT_ONCE = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The controller's queries of the rest of the cluster.

    Attributes:
        inventory: the sites as they are.
        users: the pods that use each Dataset now.
        writers: those of them that may write to it.
        changed: is told what may let waiting pods go.
        claim: how the claim of a Dataset stands; None where that is not known yet.
    """

    inventory: Callable[[], Inventory]
    users: Callable[[DatasetRef], Sequence[str]]
    writers: Callable[[DatasetRef], Sequence[str]]
    changed: Callable[[Cause], None]
    claim: Callable[[DatasetRef], Condition | None]


class DatasetController:
    """The controller of all Datasets. Its methods are called on the event loop.

    Args:
        client: the API server.
        recorder: the recorder of Events.
        looker: lists sources.
        surroundings: sites, users, requeues.
        settings: how often sources are listed again, and how many at once.
    """

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        looker: Looker,
        surroundings: Surroundings,
        settings: OperatorSettings,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._looker = looker
        self._around = surroundings
        self._settings = settings
        self._entries: dict[DatasetRef, Entry] = {}
        self._looks: Lanes[DatasetRef] = Lanes(self._look, self._shares, settings)
        self._reconciles: WorkQueue[DatasetRef] = WorkQueue(
            "reconcile",
            self._reconcile,
            shares=lambda ref: (Share("namespace", ref.namespace),),
            at_once=_RECONCILED_AT_ONCE,
            each={"namespace": _RECONCILED_AT_ONCE // 2},
        )
        metrics.follow_depth(self._reconciles)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for entry in self._entries.values():
            entry.stop.cancel()
        await self._looks.__aexit__(None, None, None)
        await self._reconciles.__aexit__(None, None, None)

    def problem(self) -> str | None:
        """Return why Datasets wait too long to be listed; None where they do not."""
        return self._looks.problem()

    # --- what happened ---

    def saw(self, written: Written) -> None:
        """Take a Dataset as it now is."""
        ref = written.ref
        known = self._entries.get(ref)
        if known is not None and _same_spec(known.written, written):
            known.written, known.status = written, written.status
            self._reconciles.add(ref)
            return
        entry = new_entry(written)
        before, after = None if known is None else known.dataset(), entry.dataset()
        if known is not None:
            known.stop.cancel()
            if known.written.uid == written.uid:
                entry.about = known.about
                if before is not None and after is not None and before.sources == after.sources:
                    entry.findings = known.findings
        if entry.findings is None:
            self._looks.turned_out(ref, quick=True)
        self._entries[ref] = entry
        if _matters(before) != _matters(after):
            self._around.changed(Cause(f"Dataset {ref}", dataset=ref))
        self._reconciles.add(ref)
        if after is not None:
            self._looks.add(ref)

    def lost(self, ref: DatasetRef) -> None:
        """Take it that a Dataset is gone."""
        entry = self._entries.pop(ref, None)
        self._looks.forget(ref)
        self._reconciles.forget(ref)
        if entry is not None:
            entry.stop.cancel()
            self._around.changed(Cause(f"Dataset {ref}", dataset=ref, gone=True))

    def surroundings_changed(self, ref: DatasetRef | None = None) -> None:
        """Take it that sites, or the users of one Dataset, changed."""
        for known in [ref] if ref is not None else list(self._entries):
            if known in self._entries:
                self._reconciles.add(known)

    def desired(self, ref: DatasetRef) -> Desired | None:
        """Return the claim that a Dataset asks for, or None where the Dataset is unknown or its spec unreadable."""
        entry = self._entries.get(ref)
        dataset = None if entry is None else entry.dataset()
        return None if dataset is None else Desired(dataset.uid, dataset.claim)

    async def user_of_bucket(self, location: Location) -> DatasetRef | None:
        """Return a Dataset that names the bucket of a location, or None where none does.

        Others get their turn meanwhile, however many Datasets there are.
        """
        bucket = location.bucket_name
        for number, (ref, entry) in enumerate(list(self._entries.items()), start=1):
            if number % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            if names_bucket(entry.written, bucket):
                return ref
        return None

    # --- looking ---

    def _shares(self, ref: DatasetRef) -> tuple[Share, ...]:
        entry = self._entries.get(ref)
        dataset = None if entry is None else entry.dataset()
        asked = () if dataset is None else endpoints(dataset, self._settings.web_identity_roles)
        return Share("namespace", ref.namespace), *(Share("endpoint", name) for name in asked)

    async def _look(self, ref: DatasetRef, quick: bool) -> None:  # noqa: FBT001 - which queue it came from
        entry = self._entries.get(ref)
        dataset = None if entry is None else entry.dataset()
        if entry is None or dataset is None:
            return
        stop = entry.stop = Cancellation()
        began = time.monotonic()
        findings = await self._looker.look(dataset, self._looker.budget(quick=quick), stop, entry.findings)
        if self._entries.get(ref) is not entry or (stop.cancelled and not stop.late):
            return  # it changed meanwhile, and is listed again
        if quick and findings.too_slow:
            self._looks.turned_out(ref, quick=False)
            self._looks.add(ref)
            return
        took_seconds = time.monotonic() - began
        if took_seconds < self._settings.quick_seconds / 2:
            self._looks.turned_out(ref, quick=True)
        entry.findings = findings
        entry.failures = entry.failures + 1 if findings.failed else 0
        pause = pause_after(self._settings.reread_seconds, took_seconds, entry.failures)
        self._looks.add_after(ref, random.uniform(0.9, 1.1) * pause)  # noqa: S311 - spreads load
        self._reconciles.add(ref)

    # --- reconcile ---

    async def _reconcile(self, ref: DatasetRef) -> None:
        entry = self._entries.get(ref)
        if entry is None:
            return
        await self._follow_writers(ref, entry)
        facts = self._gather(ref, entry)
        before = facts.raw_status
        wanted = reconcile(facts, datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if facts.dataset is not None:
            entry.about = data_identity(facts.dataset.sources)
        patch = status.patch_for(before, wanted)
        if patch is None:
            return
        about = {"namespace": ref.namespace, "name": ref.name, "uid": entry.written.uid}
        try:
            answer = await self._client.merge_patch(
                DATASETS, {"metadata": about, "status": patch}, subresource="status"
            )
        except NotFoundError:
            return
        if self._entries.get(ref) is not entry:
            return
        entry.status = orjson.dumps(answer.get("status") or {})
        if _diverged(before) != _diverged(wanted):
            self._around.changed(Cause(f"Dataset {ref}", dataset=ref))
        await self._tell(about, status.transition(before, wanted))

    async def _follow_writers(self, ref: DatasetRef, entry: Entry) -> None:
        """List anew what a pod has written once it has ended; warn where several write at the same time."""
        before, now = entry.writers, frozenset(self._around.writers(ref))
        entry.writers = now
        if before - now:
            self._looks.add(ref)
        if len(now) > 1 and now - before:
            shown = ", ".join(sorted(now)[:_WRITERS_SHOWN])
            more = f" and {len(now) - _WRITERS_SHOWN} more" if len(now) > _WRITERS_SHOWN else ""
            about = {"namespace": ref.namespace, "name": ref.name, "uid": entry.written.uid}
            await self._recorder.warning(
                {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": about},
                CONCURRENT_WRITERS,
                f"pods {shown}{more} may write to it at the same time: of two that write the same object, the last one "
                "to close it wins; give each a folder of its own",
                action="Write",
            )

    def _gather(self, ref: DatasetRef, entry: Entry) -> Facts:
        dataset = entry.dataset()
        same = dataset is not None and entry.about == data_identity(dataset.sources)
        return Facts(
            dataset=dataset,
            problem=entry.written.problem,
            generation=entry.written.generation,
            raw_status=entry.raw_status(),
            status_is_about_it=same,
            findings=entry.findings,
            users=self._around.users(ref),
            inventory=self._around.inventory(),
            claim=self._around.claim(ref),
        )

    async def _tell(self, metadata: Mapping[str, Any], ready: Condition | None) -> None:
        """Write an Event where readiness turned."""
        if ready is None or ready.reason == LOOKING:
            return
        name = f"{metadata['namespace']}/{metadata['name']}"
        _log.info("Dataset %s: Ready is %s, %s", name, ready.state.value, ready.reason)
        about = {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": dict(metadata)}
        tell = self._recorder.warning if ready.state is State.FALSE else self._recorder.normal
        await tell(about, ready.reason, ready.message, action="Look")


def pause_after(reread_seconds: float, look_seconds: float, failures: int) -> float:
    """Return the seconds until the next listing.

    After a failure soon, then ever later up to the usual time: what a person mends should be seen soon. A source that
    takes long is read less often, so that listing takes a tenth of the time at most, and of the store's bill; one that
    fails after long, half of the time.
    """
    usual = max(reread_seconds, 10 * look_seconds)
    return min(usual, max(backoff_seconds(failures, 2.0, usual), look_seconds)) if failures else usual


def _same_spec(one: Written, other: Written) -> bool:
    return (one.uid, one.generation) == (other.uid, other.generation)


def _matters(dataset: Dataset | None) -> object:
    """Return the fields of a Dataset that placement reads: when one changes, refused pods may be permitted."""
    if dataset is None:
        return None
    return dataset.governance, tuple(source.site for source in dataset.sources)


def _diverged(told: Mapping[str, Any]) -> set[str]:
    return {source["site"] for source in told.get("sources") or () if source.get("reason") == DIVERGED}
