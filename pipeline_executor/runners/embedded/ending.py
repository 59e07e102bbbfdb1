"""Writes how attempts ended, and has their pods go: the log first, then the end, then the pod."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.grants.question import PodIdentity
from moorage.kube import PODS, Client
from moorage.runs import TaskEnd, TaskOutputs, TaskPhase
from pipeline_executor.engine import Launch
from pipeline_executor.runners.embedded.decisions import AttemptKey
from pipeline_executor.runners.embedded.pod_facts import PodFacts
from pipeline_executor.runners.embedded.pod_names import MAIN, pod_name
from pipeline_executor.runners.embedded.state import State
from pipeline_executor.runners.logs import may_come_yet, note, read_log
from pipeline_executor.runners.pod_states import seconds_of
from pipeline_executor.runners.verdicts import Verdict

OVER_GRACE_SECONDS: Final = 2
"""The grace period of a pod whose own container is over."""
_CANCEL_GRACE_SECONDS: Final = 30
_NOT_STARTED: Final = 128


class Ending:
    """The ending of attempts. All of it may be repeated: the first end that is written counts.

    Args:
        client: the API server.
        log_bytes: the most that is kept of a log.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, client: Client, log_bytes: int, now: Callable[[], float]) -> None:
        self._client = client
        self._log_bytes = log_bytes
        self._now = now

    async def with_pod(self, state: State, facts: PodFacts, verdict: Verdict) -> None:
        """End an attempt that has a pod.

        Raises:
            MoorageError: the cluster or the store does not answer.
        """
        main, key, uid = facts.main, (facts.task, facts.attempt), facts.identity.uid
        ran = seconds_of(main.start) is not None and main.exit_code != _NOT_STARTED
        log = await self._log(state, facts) if ran else note(verdict.message)
        end = TaskEnd(
            phase=verdict.phase,
            exit_code=main.exit_code,
            reason=verdict.message,
            start=main.start if ran else "",
            end=main.end or self._time(),
            site=state.run.site.name,
            node=facts.node,
            pod=facts.identity.name,
            bytes_in=state.bytes_in.get(uid, 0),
            bytes_out=state.records.bytes_out(*key),
            group_attempt=facts.group_attempt,
            interrupted=verdict.interrupted,
        )
        await state.records.write_end(*key, log, end)
        await self.remove(facts.identity, OVER_GRACE_SECONDS if main.exit_code is not None else _CANCEL_GRACE_SECONDS)
        state.drop(key, uid)

    async def without_pod(self, state: State, key: AttemptKey, verdict: Verdict) -> None:
        """End an attempt that has no pod, or never had one.

        Raises:
            StoreError: the store does not answer.
        """
        group = state.run.group.spec
        end = TaskEnd(
            phase=verdict.phase,
            exit_code=None,
            reason=verdict.message,
            start="",
            end=self._time(),
            site=state.run.site.name,
            node="",
            pod=pod_name(group.run.uid, group.group, *key),
            bytes_in=0,
            bytes_out=0,
            group_attempt=group.attempt,
            interrupted=verdict.interrupted,
        )
        await state.records.write_end(*key, note(verdict.message), end)
        state.drop(key)

    async def refuse(self, state: State, key: AttemptKey, message: str) -> None:
        """End an attempt that can't begin.

        Raises:
            StoreError: the store does not answer.
        """
        await self.without_pod(state, key, Verdict(phase=TaskPhase.FAILED, message=message))

    async def succeed(self, state: State, launch: Launch, parameters: Mapping[str, Any]) -> None:
        """End an attempt that needs no pod and is done.

        Raises:
            StoreError: the store does not answer.
        """
        key = launch.path, launch.attempt
        await state.run.store.put(state.run.keys.task(*key, "outputs"), TaskOutputs(parameters).write())
        await state.records.outputs(*key)
        await self.without_pod(
            state, key, Verdict(phase=TaskPhase.SUCCEEDED, message="the claim is there or gone, as asked")
        )

    async def remove(self, pod: PodIdentity, grace_seconds: int) -> None:
        """Delete a pod; that it is gone already does not matter.

        Raises:
            KubeError: the API server does not answer.
        """
        with contextlib.suppress(NotFoundError, ConflictError):
            await self._client.delete(PODS, pod.name, pod.namespace, uid=pod.uid, grace_seconds=grace_seconds)

    async def _log(self, state: State, facts: PodFacts) -> bytes:
        """Return the log; a kubelet that does not answer is asked for a minute, but not where its node is given up."""
        uid = facts.identity.uid
        try:
            return await read_log(self._client, facts.identity, MAIN, self._log_bytes)
        except KubeError as error:
            since = state.log_troubles.setdefault(uid, self._now())
            if may_come_yet(facts, self._now() - since):
                raise
            return note(f"its log could not be read: {error}")

    def _time(self) -> str:
        return datetime.fromtimestamp(self._now(), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
