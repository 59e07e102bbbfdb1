"""Writes what became of attempts, in the order that all runners keep: launch, start, outputs, log, end."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from moorage.errors import KubeError, KubeflowError
from moorage.kube import Client
from moorage.runs import Manifest, TaskEnd, TaskOutputs, TaskPhase
from pipeline_executor.engine import Outputs
from pipeline_executor.runners.kubeflow.client import KubeflowClient
from pipeline_executor.runners.kubeflow.decisions import CACHED, Attempt
from pipeline_executor.runners.kubeflow.outcomes import Outcome
from pipeline_executor.runners.kubeflow.pods import MAIN
from pipeline_executor.runners.kubeflow.state import State, write_launch
from pipeline_executor.runners.kubeflow.storing import bytes_at, input_bytes_at
from pipeline_executor.runners.logs import may_come_yet, note, read_log
from pipeline_executor.runners.pod_states import seconds_of
from pipeline_executor.runners.verdicts import Verdict

_NOT_STARTED: Final = 128
_INTERRUPTED: Final = "an earlier attempt of its group ended while it ran"


class Recording:
    """Writes; all of it may be repeated: the first end that is written counts.

    Args:
        client: the API server.
        backend: Kubeflow, which keeps logs of pods that are gone.
        log_bytes: the most that is kept of a log.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, client: Client, backend: KubeflowClient, log_bytes: int, now: Callable[[], float]) -> None:
        self._client = client
        self._backend = backend
        self._log_bytes = log_bytes
        self._now = now

    async def launched(self, state: State, path: str, number: int, pod: str) -> None:
        """Note which attempt a pod is, so that a spoke that restarts knows it.

        Raises:
            StoreError: the store does not answer.
        """
        await state.run.store.put(state.run.keys.task(path, number, "launch"), write_launch(state.run_id, pod))

    async def started(self, state: State, attempt: Attempt) -> None:
        """Note that an attempt's container has begun, once.

        Raises:
            StoreError: the store does not answer.
        """
        if attempt.pod is not None and _ran(attempt.pod.main.start, attempt.pod.main.exit_code):
            await state.records.start(attempt.path, attempt.number)

    async def ended(self, state: State, attempt: Attempt, outcome: Outcome | None) -> None:
        """Write how an attempt ended that had a pod, or was refused one.

        Raises:
            MoorageError: the cluster or the store does not answer.
        """
        await self.started(state, attempt)
        pod, verdict = attempt.pod, attempt.verdict
        ran = pod is not None and _ran(pod.main.start, pod.main.exit_code)
        log = await self._log(state, attempt) if ran else note(verdict.message)
        given = outcome.outputs if verdict.phase is TaskPhase.SUCCEEDED and outcome is not None else None
        end = TaskEnd(
            phase=verdict.phase,
            exit_code=None if pod is None else pod.main.exit_code,
            reason=verdict.message or ("" if outcome is None else outcome.problem),
            start=pod.main.start if ran and pod is not None else "",
            end=(pod.main.end if pod is not None else "") or self._time(),
            site=state.run.site.name,
            node="" if pod is None else pod.node,
            pod=attempt.name,
            bytes_in=0 if given is None or outcome is None else await _bytes_read(state, outcome),
            bytes_out=await self._outputs(state, attempt.path, attempt.number, given),
            group_attempt=state.run.group.spec.attempt,
            interrupted=verdict.interrupted,
        )
        await state.records.write_end(attempt.path, attempt.number, log, end)

    async def unseen(self, state: State, path: str, number: int, outcome: Outcome) -> None:
        """Write how an attempt ended whose pod was gone before it was looked at, by what ML Metadata knows.

        Raises:
            MoorageError: Kubeflow or the store does not answer.
        """
        execution = outcome.execution
        pod = "" if execution is None else execution.pod
        await self.launched(state, path, number, CACHED if outcome.phase is TaskPhase.CACHED else pod)
        reason = {
            TaskPhase.CACHED: "an earlier run's outputs serve: Kubeflow took them from its cache",
            TaskPhase.SUCCEEDED: outcome.problem,
        }.get(outcome.phase, "it failed, and its pod was gone before it was looked at")
        log = None
        if pod and outcome.phase is not TaskPhase.CACHED:
            await state.records.start(path, number)
            log = await self._backend.archived_log(state.run_id, pod, self._log_bytes)
        end = TaskEnd(
            phase=outcome.phase,
            exit_code=None,
            reason=reason,
            start="" if execution is None or outcome.phase is TaskPhase.CACHED else _moment(execution.begun_ms),
            end=self._time() if execution is None else _moment(execution.changed_ms) or self._time(),
            site=state.run.site.name,
            node="",
            pod=pod if outcome.phase is not TaskPhase.CACHED else "",
            bytes_in=await _bytes_read(state, outcome),
            bytes_out=await self._outputs(state, path, number, outcome.outputs),
            group_attempt=state.run.group.spec.attempt,
        )
        text = reason or "its log was gone before it was read"
        await state.records.write_end(path, number, log if log is not None else note(text), end)

    async def vanished(self, state: State, path: str, number: int, pod: str, verdict: Verdict) -> None:
        """Write how an attempt ended whose pod is gone, and of which nobody knows more.

        Raises:
            StoreError: the store does not answer.
        """
        end = self._bare_end(state, pod, verdict, state.run.group.spec.attempt)
        await state.records.write_end(path, number, note(verdict.message), end)

    async def interrupted(self, state: State, path: str, number: int) -> None:
        """Write how an attempt ended that an earlier attempt of its group left without an end.

        Raises:
            StoreError: the store does not answer.
        """
        verdict = Verdict(phase=TaskPhase.FAILED, message=_INTERRUPTED, interrupted=True)
        end = self._bare_end(state, "", verdict, max(state.run.group.spec.attempt - 1, 0))
        await state.records.write_end(path, number, note(_INTERRUPTED), end)

    def _bare_end(self, state: State, pod: str, verdict: Verdict, group_attempt: int) -> TaskEnd:
        return TaskEnd(
            phase=verdict.phase,
            exit_code=None,
            reason=verdict.message,
            start="",
            end=self._time(),
            site=state.run.site.name,
            node="",
            pod=pod,
            bytes_in=0,
            bytes_out=0,
            group_attempt=group_attempt,
            interrupted=verdict.interrupted,
        )

    async def _outputs(self, state: State, path: str, number: int, given: Outputs | None) -> int:
        """Write what an attempt gave out, and say how many bytes that is. Files are listed when an artifact leaves."""
        if given is None:
            return 0
        run = state.run
        artifacts = {
            name: tuple(
                Manifest(f"{path}.{name}", each.type, each.metadata, each.uri, (), run.group.spec.group, number)
                for each in several
            )
            for name, several in given.artifacts.items()
        }
        known = state.records.get(path, number)
        if known is None or not known.has_outputs:
            record = TaskOutputs(given.parameters, artifacts, given.lists)
            await run.store.put(run.keys.task(path, number, "outputs"), record.write())
        await state.records.outputs(path, number)
        return await bytes_at(run.store, (each.uri for several in given.artifacts.values() for each in several))

    async def _log(self, state: State, attempt: Attempt) -> bytes:
        """Return the log, of the pod or, where that is gone, of Kubeflow; who does not answer is asked for a minute."""
        pod = attempt.pod
        if pod is None:
            return note(attempt.verdict.message)
        try:
            content = await read_log(self._client, pod.identity, MAIN, self._log_bytes)
            if not content.startswith(b"[moorage] nothing could be read"):
                return content
            kept = await self._backend.archived_log(state.run_id, attempt.name, self._log_bytes)
        except (KubeError, KubeflowError) as error:
            since = state.log_troubles.setdefault(attempt.name, self._now())
            if may_come_yet(pod, self._now() - since):
                raise
            return note(f"its log could not be read: {error}")
        return content if kept is None else kept

    def _time(self) -> str:
        return datetime.fromtimestamp(self._now(), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _bytes_read(state: State, outcome: Outcome) -> int:
    return await input_bytes_at(state.run.store, outcome.inputs, state.input_bytes)


def _ran(start: str, exit_code: int | None) -> bool:
    return seconds_of(start) is not None and exit_code != _NOT_STARTED


def _moment(milliseconds: int) -> str:
    """Format a time in RFC 3339; "" where it is not known."""
    if not milliseconds:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
