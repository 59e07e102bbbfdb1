"""The Kubeflow runner: submits a group as one run, follows its pods, and takes what it gave out from ML Metadata."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from moorage.errors import MoorageError
from moorage.kube import Client
from moorage.runs import PipelineGroup, TaskPhase
from pipeline_executor.engine import Artifact, Outputs
from pipeline_executor.runners.kubeflow.answers import BackendRun, RunState
from pipeline_executor.runners.kubeflow.client import KubeflowClient
from pipeline_executor.runners.kubeflow.decisions import CACHED, REFUSED, phase_of, task_states, unbegun
from pipeline_executor.runners.kubeflow.index import RunIndex
from pipeline_executor.runners.kubeflow.lineage import Lineage
from pipeline_executor.runners.kubeflow.looking import Look, Looker
from pipeline_executor.runners.kubeflow.metadata_client import MetadataClient
from pipeline_executor.runners.kubeflow.opening import open_state
from pipeline_executor.runners.kubeflow.outcomes import Outcomes, outcomes_of
from pipeline_executor.runners.kubeflow.pods import MAIN
from pipeline_executor.runners.kubeflow.recording import Recording
from pipeline_executor.runners.kubeflow.run_ids import run_id
from pipeline_executor.runners.kubeflow.settings import KubeflowSettings
from pipeline_executor.runners.kubeflow.state import State
from pipeline_executor.runners.kubeflow.storing import copy, hashed_files
from pipeline_executor.runners.kubeflow.submitting import Submitting, places_of
from pipeline_executor.runners.live_logs import LiveLogs, Speaker
from pipeline_executor.runners.mounts import MountEvents
from pipeline_executor.runners.program_paths import renamed
from pipeline_executor.runners.protocol import GroupKey, GroupRun, Kept, Progress, TaskState

_ASK_SECONDS: Final = 5.0
"""Between two questions about a run whose Workflow is not there (any more)."""
_SELDOM_SECONDS: Final = 30.0
"""Between two about one whose Workflow goes on."""
_READ_SECONDS: Final = 1.0
"""Between two readings of ML Metadata, where pods or the Workflow have changed."""
_READ_SELDOM_SECONDS: Final = 10.0
"""The interval of reading where nothing has changed."""
_TERMINATE_SECONDS: Final = 10.0
_COMPLETE_SECONDS: Final = 30.0
"""The time in which ML Metadata may complete its record of a run that has SUCCEEDED."""
_FORGOTTEN_SECONDS: Final = 5.0


class KubeflowRunner:
    """A runner of groups in Kubeflow Pipelines; `async with` follows its pods and Workflows.

    Args:
        client: the API server.
        settings: its settings.
        on_change: told the namespace and name of the PipelineGroup of which something changed.
        now: the clock, in seconds since the epoch.
    """

    def __init__(
        self,
        client: Client,
        settings: KubeflowSettings,
        on_change: Callable[[GroupKey], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._poke = on_change
        self._states: dict[GroupKey, State] = {}
        self._keys: dict[str, GroupKey] = {}
        self._unread: set[str] = set()
        self._forgotten: dict[str, asyncio.Task[None]] = {}
        trusted = settings.certificates
        self.backend = KubeflowClient(settings.endpoint, settings.token_file, trusted)
        self._metadata_at = settings.metadata, b"" if trusted is None else trusted.read_bytes()
        self._metadata: MetadataClient | None = None
        self.index = RunIndex(client, settings.namespace, self._changed)
        self._looker = Looker(self.index, MountEvents(client), settings.patience, now)
        self._recording = Recording(client, self.backend, settings.log_bytes, now)
        self._live_logs = LiveLogs(client, settings.live_logs)
        self._submitting = Submitting(self.backend, settings.namespace, now)

    async def __aenter__(self) -> Self:
        self._metadata = await MetadataClient(*self._metadata_at).__aenter__()
        await self.backend.__aenter__()
        await self.index.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._forgotten.values():
            task.cancel()
        await asyncio.gather(*self._forgotten.values(), return_exceptions=True)
        await self._live_logs.__aexit__(kind, error, trace)
        for part in (self.index, self.backend, self._metadata):
            if part is not None:
                await part.__aexit__(kind, error, trace)

    # --- what the spoke asks ---

    async def advance(self, run: GroupRun, *, cancelling: bool) -> Progress:
        """Implement `Runner.advance` with Kubeflow Pipelines."""
        await self.index.synced()
        state = await self._open(run)
        waits = await self._ask(state, cancelling=cancelling)
        if state.backend is None:
            phase = TaskPhase.CANCELLED if cancelling and not waits else TaskPhase.RUNNING
            return Progress(
                phase=phase, message="waits for Kubeflow Pipelines to say that it runs", wake_in_seconds=waits
            )
        terminating = _why_ended(state, cancelling=cancelling)
        names = run.group.spec.task_names
        pods = [replace(pod, task=renamed(pod.task, names)) for pod in self.index.pods_of(state.run_id)]
        over = state.backend.state.is_final
        state.lineage = await self._read(state, over=over)
        outcomes = outcomes_of(
            state.program, state.lineage, places_of(run), unbegun(state.backend, cancelling=cancelling)
        )
        seen = await self._looker.look(state, pods, outcomes, terminating)
        await self._write_down(state, seen, outcomes)
        state.hopeless = state.hopeless or seen.hopeless
        if (cancelling or state.hopeless) and not over:
            await self._terminate(state)
        return self._progress(state, seen, outcomes, cancelling=cancelling)

    async def kept(self, run: GroupRun, artifact: Artifact, target_key: str) -> Kept | None:
        """See `Runner`. What a cache gave out lies with an earlier run, which may be deleted first: it is copied."""
        imported = run.imported.get(artifact.uri)
        if imported is not None:
            return Kept(artifact.uri, imported)
        # Its place was judged when it was taken for an output.
        key, uri = run.store.key(artifact.uri), artifact.uri
        if key is None:
            return None
        if not key.startswith(run.keys.root):
            uri = await copy(run.store, uri, target_key)
        return Kept(uri, await hashed_files(run.store, uri))

    async def settle(self, group: PipelineGroup) -> bool:
        """Implement `Runner.settle` with Kubeflow Pipelines."""
        found = await self.backend.get(run_id(group.spec))
        if found is None or found.state.is_final:
            return True
        await self.backend.terminate(found.run_id or run_id(group.spec))
        return False

    def forget(self, key: GroupKey) -> None:
        """See `Runner`. A group that was deleted owns no run of Kubeflow's that would go with it: it is ended here."""
        state = self._states.pop(key, None)
        if state is None:
            return
        self._keys.pop(state.run_id, None)
        self._unread.discard(state.run_id)
        if state.backend is None or not state.backend.state.is_final:
            self._forgotten[state.run_id] = asyncio.create_task(self._end(state.run.group), name=f"end {state.run_id}")

    async def _end(self, group: PipelineGroup) -> None:
        try:
            while True:
                try:
                    if await self.settle(group):
                        return
                except MoorageError:
                    pass  # asked again
                await asyncio.sleep(_FORGOTTEN_SECONDS)
        finally:
            self._forgotten.pop(run_id(group.spec), None)

    # --- gather ---

    async def _open(self, run: GroupRun) -> State:
        state = self._states.get(run.key)
        if state is not None and state.run.group.uid == run.group.uid:
            state.run = run
            return state
        state = self._states[run.key] = await open_state(run, self._recording)
        self._keys[state.run_id] = run.key
        return state

    async def _ask(self, state: State, *, cancelling: bool) -> float | None:
        """Ask Kubeflow how the run is, and start it where there is none; when to ask again where that can't be yet."""
        if not self._must_ask(state):
            return None
        state.asked_at = self._now()
        known, state.backend = state.backend, await self.backend.get(state.run_id)
        if state.backend is None and known is not None:
            state.backend = BackendRun(state.run_id, RunState.FAILED, "somebody deleted its run in Kubeflow Pipelines")
        if state.backend is not None:
            return None
        return await (self._submitting.under_way(state) if cancelling else self._submitting.submit(state))

    def _must_ask(self, state: State) -> bool:
        if state.backend is None:
            return True
        if state.backend.state.is_final:
            return False
        workflows = self.index.workflows_of(state.run_id)
        goes_on = bool(workflows) and not any(each.over for each in workflows)
        since = self._now() - state.asked_at
        if any(each.over for each in workflows) or state.terminated_at:
            return since >= _READ_SECONDS
        return since >= (_SELDOM_SECONDS if goes_on else _ASK_SECONDS)

    async def _read(self, state: State, *, over: bool) -> Lineage:
        if self._metadata is None:
            message = "the runner was not entered"
            raise RuntimeError(message)
        lineage, since = state.lineage, self._now() - state.read_at
        if over or since >= (_READ_SECONDS if state.run_id in self._unread else _READ_SELDOM_SECONDS):
            self._unread.discard(state.run_id)
            lineage = await self._metadata.lineage(state.run_id, lineage)
            state.read_at = self._now()
        return lineage

    # --- apply ---

    async def _write_down(self, state: State, seen: Look, outcomes: Outcomes) -> None:
        """Write down what began and what ended."""
        for attempt in (*seen.live, *seen.ended):
            known = state.records.get(attempt.path, attempt.number)
            if known is None:
                await self._recording.launched(state, attempt.path, attempt.number, attempt.name or REFUSED)
            await self._recording.started(state, attempt)
        for attempt in seen.live:
            if attempt.pod is not None and attempt.pod.main.running:
                speaker = Speaker(attempt.pod.identity, MAIN, attempt.path, attempt.number, state.records)
                self._live_logs.follow(speaker)
        for attempt in seen.ended:
            if attempt.pod is not None:
                await self._live_logs.stop(attempt.pod.identity.uid)
            await self._recording.ended(state, attempt, outcomes.containers.get(attempt.path))
            if attempt.pod is not None:
                self._looker.forget(attempt.pod.identity.uid)
                state.trouble.pop(attempt.pod.identity.uid, None)
                state.log_troubles.pop(attempt.name, None)
        for path, outcome in seen.unseen:
            pod = outcome.execution.pod if outcome.execution is not None else ""
            key = path, CACHED if outcome.phase is TaskPhase.CACHED else pod
            await self._recording.unseen(state, path, state.number_of(key) or state.give_number(key), outcome)
        for attempt, pod in seen.vanished:
            await self._recording.vanished(state, attempt.path, attempt.number, pod, attempt.verdict)

    async def _terminate(self, state: State) -> None:
        if self._now() - state.terminated_at < _TERMINATE_SECONDS:
            return
        state.backend = await self.backend.get(state.run_id) or state.backend
        if state.backend is None or not state.backend.state.is_final:
            await self.backend.terminate(state.run_id)
        state.terminated_at = self._now()

    # --- say ---

    def _progress(self, state: State, seen: Look, outcomes: Outcomes, *, cancelling: bool) -> Progress:
        backend = state.backend
        phase = TaskPhase.RUNNING if backend is None else phase_of(backend, cancelling=cancelling)
        outputs = outcomes.outputs if phase is TaskPhase.SUCCEEDED else None
        if phase.is_final and (seen.live or seen.busy or self._lacks(state, phase, outcomes)):
            phase, outputs = TaskPhase.RUNNING, None
        if phase is TaskPhase.SUCCEEDED and outputs is None:
            outputs = Outputs()
        records = {path: state.records.of(path) for path in state.records.paths()}
        spec = state.run.group.spec
        tasks = task_states(outcomes.containers, records, seen.live, seen.waiting, group_attempt=spec.attempt)
        over = backend is not None and backend.state.is_final
        soon = over or state.terminated_at or state.run_id in self._unread
        wakes = [*seen.again_seconds, _READ_SECONDS if soon else _ASK_SECONDS]
        return Progress(
            phase=phase,
            message=_message(state, seen, tasks, phase),
            tasks=tasks,
            ended=outcomes.ended,
            outputs=outputs,
            wake_in_seconds=None if phase.is_final else max(min(wakes), 0.2),
        )

    def _lacks(self, state: State, phase: TaskPhase, outcomes: Outcomes) -> bool:
        """Return whether ML Metadata lacks something of a run that has succeeded, and may yet get it."""
        if phase is not TaskPhase.SUCCEEDED or outcomes.outputs is not None:
            return False
        state.over_at = state.over_at or self._now()
        return self._now() - state.over_at < _COMPLETE_SECONDS

    def _changed(self, run: str) -> None:
        key = self._keys.get(run)
        if key is not None:
            self._unread.add(run)
            self._poke(key)


def _why_ended(state: State, *, cancelling: bool) -> str:
    if cancelling:
        return "the run was cancelled"
    return "its group can't go on" if state.hopeless else ""


def _message(state: State, seen: Look, tasks: Mapping[str, TaskState], phase: TaskPhase) -> str:
    """Return a sentence on why the group ended so, or what it waits for."""
    if phase in {TaskPhase.SUCCEEDED, TaskPhase.CANCELLED}:
        return ""
    failed = [f"task {path} failed: {task.message}" for path, task in tasks.items() if task.phase is TaskPhase.FAILED]
    if state.hopeless or failed:
        return state.hopeless or failed[0]
    if phase is TaskPhase.FAILED and state.backend is not None:
        said = state.backend.error or "Kubeflow Pipelines says that it failed, and not why"
        return f"{said}; it is run {state.run_id} there"
    troubles = sorted(f"{each.path}: {each.verdict.message}" for each in seen.live if each.verdict.trouble)
    troubles += sorted(f"{path}: {message}" for path, message in seen.waiting.items())
    return troubles[0] if troubles else ""
