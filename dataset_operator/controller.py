"""Keeps one entry for each Dataset, and makes its status tell the truth: gather -> decide -> apply.

Two kinds of work, so that a slow source holds nothing up: a *look* lists the sources (slow, on a timer and when they
change), a *reconcile* decides on what is known and writes the status (quick, whenever anything changes).
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from dataset_operator import status
from dataset_operator.conditions import Condition, State
from dataset_operator.findings import Findings, data_identity
from dataset_operator.looking import Looker
from dataset_operator.reconciling import Facts, reconcile
from dataset_operator.requeueing import Cause
from dataset_operator.verdict import LOOKING
from dataset_operator.work_queue import WorkQueue
from moorage.errors import InputError, NotFoundError
from moorage.kube import DATASETS, Client, Recorder
from moorage.model import API_VERSION, Dataset, DatasetRef
from moorage.sites import DIVERGED, Inventory
from moorage.wire import read_dataset

_RECONCILED_AT_ONCE = 16

_log = logging.getLogger(__name__)


@dataclass
class Entry:
    """What is known of one Dataset.

    Attributes:
        uid: its identity: a Dataset made anew under the same name starts anew.
        generation: of its spec.
        raw_status: as the API server has it.
        dataset: None where the spec can't be read.
        problem: why not.
        findings: the last look at the present sources.
        stop: ends the look under way.
        failures: looks in a row that could not list everything.
        about: which data the status so far tells of, see `findings.data_identity`; None: not known.
    """

    uid: str
    generation: int
    raw_status: Mapping[str, Any]
    dataset: Dataset | None
    problem: InputError | None
    findings: Findings | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    failures: int = 0
    about: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the controller asks of the rest of the cluster.

    Attributes:
        inventory: the sites as they are.
        users: the pods that use each Dataset now.
        changed: is told what may let waiting pods go.
    """

    inventory: Callable[[], Inventory]
    users: Callable[[DatasetRef], Sequence[str]]
    changed: Callable[[Cause], None]


class DatasetController:
    """All Datasets. Its methods are called on the event loop.

    Args:
        client: the API server.
        recorder: for Events.
        looker: lists sources.
        surroundings: sites, users, requeues.
        reread_seconds: how often sources are listed again.
    """

    def __init__(
        self, client: Client, recorder: Recorder, looker: Looker, surroundings: Surroundings, reread_seconds: float
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._looker = looker
        self._around = surroundings
        self._reread_seconds = reread_seconds
        self._entries: dict[DatasetRef, Entry] = {}
        self._looks: WorkQueue[DatasetRef] = WorkQueue("look", self._look)
        self._reconciles: WorkQueue[DatasetRef] = WorkQueue("reconcile", self._reconcile, at_once=_RECONCILED_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for entry in self._entries.values():
            entry.stop.set()
        await self._looks.__aexit__(None, None, None)
        await self._reconciles.__aexit__(None, None, None)

    # --- what happened ---

    def saw(self, raw: Mapping[str, Any]) -> None:
        """Take a Dataset as it now is."""
        metadata = raw["metadata"]
        ref = DatasetRef(metadata["namespace"], metadata["name"])
        entry = _read_entry(raw)
        known = self._entries.get(ref)
        if known is not None and known.uid == entry.uid:
            if known.generation == entry.generation:
                known.raw_status = entry.raw_status
                self._reconciles.add(ref)
                return
            known.stop.set()
            entry.about = known.about
            if known.dataset is not None and entry.dataset is not None:
                entry.findings = known.findings if known.dataset.sources == entry.dataset.sources else None
        self._entries[ref] = entry
        if _matters(known) != _matters(entry):
            self._around.changed(Cause(f"Dataset {ref}", dataset=ref))
        self._reconciles.add(ref)
        if entry.dataset is not None:
            self._looks.add(ref)

    def lost(self, namespace: str, name: str) -> None:
        """Take it that a Dataset is gone."""
        ref = DatasetRef(namespace, name)
        entry = self._entries.pop(ref, None)
        self._looks.forget(ref)
        self._reconciles.forget(ref)
        if entry is not None:
            entry.stop.set()
            self._around.changed(Cause(f"Dataset {ref}", dataset=ref, gone=True))

    def surroundings_changed(self, ref: DatasetRef | None = None) -> None:
        """Take it that sites, or the users of one Dataset, changed."""
        for known in [ref] if ref is not None else list(self._entries):
            if known in self._entries:
                self._reconciles.add(known)

    # --- looking ---

    async def _look(self, ref: DatasetRef) -> None:
        entry = self._entries.get(ref)
        if entry is None or entry.dataset is None:
            return
        entry.stop = threading.Event()
        began = time.monotonic()
        findings = await self._looker.look(entry.dataset, entry.stop, entry.findings)
        if self._entries.get(ref) is not entry or entry.stop.is_set():
            return  # it changed meanwhile, and is looked at anew
        entry.findings = findings
        entry.failures = entry.failures + 1 if findings.failed else 0
        pause = pause_after(self._reread_seconds, time.monotonic() - began, entry.failures)
        self._looks.add_after(ref, random.uniform(0.9, 1.1) * pause)  # noqa: S311 - spreads load
        self._reconciles.add(ref)

    # --- reconcile ---

    async def _reconcile(self, ref: DatasetRef) -> None:
        entry = self._entries.get(ref)
        if entry is None:
            return
        before = entry.raw_status
        wanted = reconcile(self._gather(ref, entry), datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if entry.dataset is not None:
            entry.about = data_identity(entry.dataset.sources)
        patch = status.patch_for(before, wanted)
        if patch is None:
            return
        about = {"namespace": ref.namespace, "name": ref.name, "uid": entry.uid}
        try:
            answer = await self._client.merge_patch(
                DATASETS, {"metadata": about, "status": patch}, subresource="status"
            )
        except NotFoundError:
            return
        if self._entries.get(ref) is not entry:
            return
        entry.raw_status = answer.get("status") or {}
        if _diverged(before) != _diverged(wanted):
            self._around.changed(Cause(f"Dataset {ref}", dataset=ref))
        await self._tell(about, status.transition(before, wanted))

    def _gather(self, ref: DatasetRef, entry: Entry) -> Facts:
        same = entry.dataset is not None and entry.about == data_identity(entry.dataset.sources)
        return Facts(
            dataset=entry.dataset,
            problem=entry.problem,
            generation=entry.generation,
            raw_status=entry.raw_status,
            status_is_about_it=same,
            findings=entry.findings,
            users=self._around.users(ref),
            inventory=self._around.inventory(),
        )

    async def _tell(self, metadata: Mapping[str, Any], ready: Condition | None) -> None:
        """An Event where readiness turned."""
        if ready is None or ready.reason == LOOKING:
            return
        name = f"{metadata['namespace']}/{metadata['name']}"
        _log.info("Dataset %s: Ready is %s, %s", name, ready.state.value, ready.reason)
        about = {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": dict(metadata)}
        tell = self._recorder.warning if ready.state is State.FALSE else self._recorder.normal
        await tell(about, ready.reason, ready.message, action="Look")


def pause_after(reread_seconds: float, look_seconds: float, failures: int) -> float:
    """How long to wait before the next look, in seconds.

    After a failure soon, then ever later up to the usual time: what a person mends should be seen soon. A source that
    takes long is read less often, so that listing takes a tenth of the time at most, and of the store's bill.
    """
    usual = max(reread_seconds, 10 * look_seconds)
    return min(usual, 2.0 ** min(failures, 32)) if failures else usual


def _read_entry(raw: Mapping[str, Any]) -> Entry:
    metadata = raw["metadata"]
    told = raw.get("status") or {}
    generation = int(metadata.get("generation") or 0)
    dataset: Dataset | None = None
    problem: InputError | None = None
    try:
        dataset = read_dataset(raw)
    except InputError as error:
        problem = error
    entry = Entry(str(metadata.get("uid") or ""), generation, told, dataset, problem)
    if dataset is not None and told.get("observedGeneration") == generation:
        entry.about = data_identity(dataset.sources)
    return entry


def _matters(entry: Entry | None) -> object:
    """What placement asks of a Dataset: when it changes, pods that were refused may be permitted."""
    if entry is None or entry.dataset is None:
        return None
    return entry.dataset.governance, tuple(source.site for source in entry.dataset.sources)


def _diverged(told: Mapping[str, Any]) -> set[str]:
    return {source["site"] for source in told.get("sources") or () if source.get("reason") == DIVERGED}
