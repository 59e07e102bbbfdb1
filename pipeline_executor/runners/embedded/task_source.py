"""The embedded runner as the task API sees it: which attempt a pod is, and what its sidecar tells."""

from collections.abc import Callable
from typing import Final

from moorage.errors import MoorageError
from moorage.grants.question import PodIdentity
from pipeline_executor.runners.embedded.inputs import input_files
from pipeline_executor.runners.embedded.pod_facts import PodFacts
from pipeline_executor.runners.embedded.runner import EmbeddedRunner
from pipeline_executor.runners.embedded.state import State
from pipeline_executor.runners.protocol import GroupKey
from pipeline_executor.task_api import Task, TaskInput

_LONGEST_FAILURE: Final = 2000


class TaskSource:
    """The implementation of `task_api.Tasks` by what the runner keeps.

    Args:
        runner: which made the pods.
        is_open: whether a PipelineGroup, by its key and uid, is there and has not ended.
    """

    def __init__(self, runner: EmbeddedRunner, is_open: Callable[[GroupKey, str], bool]) -> None:
        self._runner = runner
        self._is_open = is_open

    async def of(self, pod: PodIdentity) -> Task | None:
        """Implement `Tasks.of` for the embedded runner."""
        found = await self._find(pod)
        if found is None:
            return None
        facts, state = found
        key = facts.task, facts.attempt
        record = state.records.get(*key)
        launch = await state.launch(key)
        if launch is None or (record is not None and record.end is not None):
            return None
        run = state.run
        inputs = [
            TaskInput(given.local_path, given.artifact.uri, await input_files(state, given.artifact))
            for given in launch.inputs
            if given.local_path is not None
        ]
        return Task(
            launch=launch,
            group=run.group.spec.group,
            group_attempt=run.group.spec.attempt,
            store=run.store,
            keys=run.keys,
            inputs=tuple(inputs),
            ended=facts.main.exit_code is not None,
        )

    async def recorded(self, pod: PodIdentity, bytes_in: int) -> None:
        """Implement `Tasks.recorded` for the embedded runner."""
        found = await self._find(pod)
        if found is not None:
            facts, state = found
            state.bytes_in[pod.uid] = bytes_in
            self._runner.poke((pod.namespace, facts.owner_name))

    async def failed(self, pod: PodIdentity, message: str) -> None:
        """Implement `Tasks.failed` for the embedded runner."""
        found = await self._find(pod)
        if found is not None:
            facts, state = found
            state.failures[pod.uid] = message[:_LONGEST_FAILURE]
            self._runner.poke((pod.namespace, facts.owner_name))

    async def _find(self, pod: PodIdentity) -> tuple[PodFacts, State] | None:
        facts = await self._runner.pods.find(pod)
        if facts is None:
            return None
        key = pod.namespace, facts.owner_name
        if not self._is_open(key, facts.owner_uid):
            return None
        state = self._runner.state_of(key)
        if state is None:
            raise MoorageError(f"pod {pod}: its group is being read; ask again later")
        return (facts, state) if state.run.group.uid == facts.owner_uid else None
