"""The pods and Workflows of Kubeflow's runs in this cluster: two informers, and indexes by run."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeVar

from moorage.errors import KubeflowError
from moorage.kube import PODS, Change, Client, Key, Reflector, Selection
from moorage.watching import Bundle
from pipeline_executor.runners.kubeflow.pods import KubeflowPod, read_pod
from pipeline_executor.runners.kubeflow.workflows import RUN_ID_LABEL, WORKFLOWS, WorkflowFacts, read_workflow

_PATIENCE_SECONDS: Final = 20.0
_Facts = TypeVar("_Facts", KubeflowPod, WorkflowFacts)


class RunIndex:
    """An index of runs; `async with` runs the informers.

    Args:
        client: the API server.
        namespace: where Kubeflow's runs are.
        on_change: told the id of a run of which something changed.
    """

    def __init__(self, client: Client, namespace: str, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._pods: dict[str, dict[Key, KubeflowPod]] = {}
        self._workflows: dict[str, dict[Key, WorkflowFacts]] = {}
        selection = Selection(namespace=namespace, labels=RUN_ID_LABEL)
        self.pods: Reflector[KubeflowPod] = Reflector(
            client, PODS, project=read_pod, selection=selection, on_change=self._pod_changed
        )
        self.workflows: Reflector[WorkflowFacts] = Reflector(
            client, WORKFLOWS, project=read_workflow, selection=selection, on_change=self._workflow_changed
        )
        self._bundle = Bundle({"pods": self.pods, "workflows": self.workflows})

    async def __aenter__(self) -> Self:
        await self._bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bundle.__aexit__(kind, error, trace)

    async def synced(self) -> None:
        """Wait a while until both have been listed once.

        Raises:
            KubeflowError: they can't be listed; says why.
        """
        for reflector, what in ((self.pods, "pods"), (self.workflows, "Workflows")):
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await reflector.synced.wait()
            except TimeoutError:
                why = reflector.last_error or "the API server does not answer"
                raise KubeflowError(f"the {what} of Kubeflow's runs can't be listed: {why}") from None

    def pods_of(self, run_id: str) -> list[KubeflowPod]:
        """Return a run's pods, the oldest first."""
        found = self._pods.get(run_id, {}).values()
        return sorted(found, key=lambda pod: (pod.created_seconds, pod.identity.name))

    def workflows_of(self, run_id: str) -> list[WorkflowFacts]:
        """Return a run's Workflows: one, unless it was submitted twice."""
        return list(self._workflows.get(run_id, {}).values())

    def _pod_changed(self, change: Change[KubeflowPod]) -> None:
        _move(self._pods, change.key, change.before, change.after)
        self._tell(change.before, change.after)

    def _workflow_changed(self, change: Change[WorkflowFacts]) -> None:
        _move(self._workflows, change.key, change.before, change.after)
        self._tell(change.before, change.after)

    def _tell(self, *facts: KubeflowPod | WorkflowFacts | None) -> None:
        for run_id in {each.run_id for each in facts if each is not None}:
            self._on_change(run_id)


def _move(index: dict[str, dict[Key, _Facts]], key: Key, before: _Facts | None, after: _Facts | None) -> None:
    if before is not None:
        several = index.get(before.run_id, {})
        several.pop(key, None)
        if not several:
            index.pop(before.run_id, None)
    if after is not None:
        index.setdefault(after.run_id, {})[key] = after
