"""The embedded runner: gathers pods and records, decides by the engine, makes and ends pods.

Each step of it may be the last before the process is killed. So it goes by this order: a launch is in the store before
its pod is made; the pod's name is the attempt's; a log is written before the end, the end before the pod goes.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self

from moorage.kube import Client
from moorage.runs import PipelineGroup, TaskPhase
from moorage.watching import Bundle
from pipeline_executor.engine import Artifact, Job, Step, read_program, step
from pipeline_executor.runners.embedded.decisions import attempts_of, task_states
from pipeline_executor.runners.embedded.ending import OVER_GRACE_SECONDS, Ending
from pipeline_executor.runners.embedded.inputs import known_files
from pipeline_executor.runners.embedded.launching import Launching
from pipeline_executor.runners.embedded.looking import Look, Looker
from pipeline_executor.runners.embedded.pod_facts import PodFacts
from pipeline_executor.runners.embedded.pod_index import PodIndex
from pipeline_executor.runners.embedded.pod_names import MAIN
from pipeline_executor.runners.embedded.pods import SidecarSettings
from pipeline_executor.runners.embedded.state import State
from pipeline_executor.runners.live_logs import LiveLogs, LiveLogSettings, Speaker
from pipeline_executor.runners.mounts import MountEvents
from pipeline_executor.runners.program_paths import container_paths, lies_in
from pipeline_executor.runners.protocol import GroupKey, GroupRun, Kept, Progress
from pipeline_executor.runners.task_records import TaskRecords
from pipeline_executor.runners.verdicts import Patience, Verdict

_AT_ONCE: Final = 16
_MOST_ROUNDS: Final = 10
_SOON_SECONDS: Final = 0.1
_QUOTA_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """The settings of the runner.

    Attributes:
        sidecar: of every task, its certificates left out.
        patience: with pods that don't start.
        log_bytes: the most that is kept of a task's log.
        pods_at_once: of one group, that have not ended.
        live_logs: logs of tasks that run.
    """

    sidecar: SidecarSettings
    patience: Patience = field(default_factory=Patience)
    log_bytes: int = 16 << 20
    pods_at_once: int = 500
    live_logs: LiveLogSettings = field(default_factory=LiveLogSettings)


class EmbeddedRunner:
    """A runner of groups as pods; `async with` follows the pods.

    Args:
        client: the API server.
        settings: its settings.
        certificates: PEM of the authority of the task API's certificate, as it is now.
        on_change: told the namespace and name of the PipelineGroup of a pod that changed.
        now: the clock, in seconds since the epoch.
    """

    def __init__(
        self,
        client: Client,
        settings: EmbeddedSettings,
        certificates: Callable[[], str],
        on_change: Callable[[GroupKey], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._now = now
        self._states: dict[GroupKey, State] = {}
        self.poke = on_change
        self.pods = PodIndex(client, on_change)
        self._watches = Bundle({"pods": self.pods.reflector})
        self._looker = Looker(self.pods, MountEvents(client), settings.patience, now)
        self._live_logs = LiveLogs(client, settings.live_logs)
        self._ending = Ending(client, settings.log_bytes, now)
        self._launching = Launching(
            client, lambda: replace(settings.sidecar, certificates=certificates()), self.pods, self._ending, now
        )

    async def __aenter__(self) -> Self:
        await self._watches.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._live_logs.__aexit__(kind, error, trace)
        await self._watches.__aexit__(kind, error, trace)

    # --- what the spoke asks ---

    async def advance(self, run: GroupRun, *, cancelling: bool) -> Progress:
        """Implement `Runner.advance` with pods."""
        await self.pods.reflector.synced.wait()
        state = await self._open(run)
        for _ in range(_MOST_ROUNDS):
            seen = await self._looker.look(state, cancelling=cancelling)
            self._follow_logs(state, seen)
            await self._write_down(state, seen)
            said = self._step(state, seen, cancelling=cancelling)
            if said.phase.is_final and seen.live:
                await self._end_all(state, seen, "its group can't go on")
            elif not await self._launch(state, said, seen, cancelling=cancelling):
                return self._progress(state, said, seen)
        return replace(self._progress(state, said, seen), wake_in_seconds=_SOON_SECONDS)

    async def kept(self, run: GroupRun, artifact: Artifact, target_key: str) -> Kept | None:  # noqa: ARG002
        """See `Runner`. What sidecars upload lies below the run's own keys from the start."""
        files = await known_files(await self._open(run), artifact)
        return None if files is None else Kept(artifact.uri, files)

    async def settle(self, group: PipelineGroup) -> bool:
        """Implement `Runner.settle` with pods."""
        await self.pods.reflector.synced.wait()
        left = [facts for facts in self.pods.of(group) if facts.owner_uid == group.uid]
        await _each(self._ending.remove(facts.identity, OVER_GRACE_SECONDS) for facts in left if not facts.deleting)
        return not left

    def forget(self, key: GroupKey) -> None:
        """Implement `Runner.forget` with pods."""
        self._states.pop(key, None)

    def state_of(self, key: GroupKey) -> State | None:
        """Return the cached state of a group; None where it does not run, or has not been read yet."""
        return self._states.get(key)

    # --- gather, decide, apply ---

    async def _open(self, run: GroupRun) -> State:
        state = self._states.get(run.key)
        if state is not None and state.run.group.uid == run.group.uid:
            state.run = run
            return state
        spec = run.group.spec
        program = await asyncio.to_thread(read_program, run.documents, f"group {spec.group}", spec.task_names)
        tops = {task.path_name for task in program.root.tasks}
        records = TaskRecords(run.store, run.keys, lambda path: lies_in(path, tops))
        await records.load()
        state = self._states[run.key] = State(run, program, container_paths(program), records)
        return state

    def _follow_logs(self, state: State, seen: Look) -> None:
        for each in seen.live:
            if each.pod is not None and each.pod.main.running:
                pod = each.pod
                self._live_logs.follow(Speaker(pod.identity, MAIN, pod.task, pod.attempt, state.records))

    async def _write_down(self, state: State, seen: Look) -> None:
        """Write down what has ended, and have pods go whose end is written."""
        works = [self._end(state, facts, verdict) for facts, verdict in seen.ended]
        works += [self._ending.without_pod(state, key, verdict) for key, verdict in seen.lost]
        works += [
            self._ending.remove(facts.identity, OVER_GRACE_SECONDS) for facts in seen.leftovers if not facts.deleting
        ]
        await _each(works)

    async def _end(self, state: State, facts: PodFacts, verdict: Verdict) -> None:
        await self._live_logs.stop(facts.identity.uid)
        await self._ending.with_pod(state, facts, verdict)
        self._looker.forget(facts.identity.uid)

    async def _end_all(self, state: State, seen: Look, message: str) -> None:
        verdict = Verdict(phase=TaskPhase.CANCELLED, message=message)
        await _each(self._end(state, each.pod, verdict) for each in seen.live if each.pod is not None)
        if any(each.pod is None for each in seen.live):
            await asyncio.sleep(_SOON_SECONDS)  # the informer is about to show them

    def _step(self, state: State, seen: Look, *, cancelling: bool) -> Step:
        run, records = state.run, state.records
        spec = run.group.spec
        attempts = attempts_of({path: records.of(path) for path in records.paths()}, seen.live, spec.attempt)
        job = Job(spec.run.name, spec.run.uid, run.store.uri(run.keys.root.rstrip("/")))
        return step(state.program, job, run.parameters, attempts, self._now(), cancelling=cancelling)

    async def _launch(self, state: State, said: Step, seen: Look, *, cancelling: bool) -> bool:
        """Begin what may begin; whether anything changed by that."""
        state.waiting.clear()
        room = max(self._settings.pods_at_once - len(seen.live), 0)
        launches = said.launches[:room]
        await _each(self._launching.begin(state, launch, survives=cancelling) for launch in launches)
        return any(launch.path not in state.waiting for launch in launches)

    def _progress(self, state: State, said: Step, seen: Look) -> Progress:
        records = {path: state.records.of(path) for path in state.records.paths()}
        wakes = self._looker.wake_seconds(seen)
        if said.wake_at_seconds is not None:
            wakes.append(max(said.wake_at_seconds - self._now(), _SOON_SECONDS))
        if state.waiting:
            wakes.append(_QUOTA_SECONDS)
        troubles = sorted(f"{each.path}: {each.verdict.message}" for each in seen.live if each.verdict.trouble)
        troubles += sorted(f"{path}: {message}" for path, message in state.waiting.items())
        return Progress(
            phase=TaskPhase.RUNNING if seen.live else said.phase,
            message=said.message or (troubles[0] if troubles else ""),
            tasks=task_states(said, state.containers, records, seen.live, state.waiting),
            ended=said.ended,
            outputs=said.outputs,
            wake_in_seconds=min(wakes, default=None),
        )


async def _each(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of it, some at once; the first trouble is raised once all are through."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(work: Coroutine[Any, Any, None]) -> None:
        async with slots:
            await work

    for outcome in await asyncio.gather(*(one(work) for work in works), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
