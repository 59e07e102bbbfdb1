"""The interface between task API and spoke: which attempt a pod is, and what it reports."""

from dataclasses import dataclass, field
from typing import Protocol

from moorage.grants.question import PodIdentity
from moorage.runs import FileEntry, RunKeys
from pipeline_executor.engine.records import Launch
from pipeline_executor.store import ArtifactStore
from pipeline_executor.task_sidecar.exchange import TaskLimits


@dataclass(frozen=True, slots=True)
class TaskInput:
    """An artifact that the task reads, in the site's own store.

    Attributes:
        path: where the container looks for it (`ArtifactInput.local_path`).
        uri: in this site's store, `s3://bucket/key`; below the run's own keys, or outside all runs.
        files: as its manifest lists them, or, where it has none, as the store does with `sha256` empty.
    """

    path: str
    uri: str
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One attempt of a task, as the spoke launched it.

    Attributes:
        launch: as the engine gave it; its output artifacts' URIs lie in `store`.
        group: the group's id in the plan.
        group_attempt: the group's.
        store: of the site; stays open while a request is served.
        keys: the keys of the run, in this store.
        inputs: in the order that the sidecar will see.
        ended: whether its own container has ended.
    """

    launch: Launch
    group: str
    group_attempt: int
    store: ArtifactStore
    keys: RunKeys
    inputs: tuple[TaskInput, ...] = ()
    limits: TaskLimits = field(default_factory=TaskLimits)
    ended: bool = False


class Tasks(Protocol):
    """The spoke, as the task API sees it. Methods are called often and should answer from memory."""

    async def of(self, pod: PodIdentity) -> Task | None:
        """Return the attempt that this pod is; None: it is none of ours, or nobody waits for it (cancelled, replaced).

        The pod is the one of this name *and* uid. A pod that was made a moment ago must be found: None is final.

        Raises:
            MoorageError: it can't be said now; the sidecar asks again.
        """

    async def recorded(self, pod: PodIdentity, bytes_in: int) -> None:
        """Note that the attempt's `outputs` are in the store; may be called twice.

        Args:
            pod: as in `of`.
            bytes_in: what the sidecar fetched.
        """

    async def failed(self, pod: PodIdentity, message: str) -> None:
        """End the pod, whose sidecar gave up: the attempt has failed for this reason.

        Args:
            pod: as in `of`.
            message: one line, at most 2,000 characters; a tenant wrote it.
        """


class NoTasks:
    """The tasks of a spoke whose runner starts no sidecar of ours: there is none that could ask."""

    async def of(self, pod: PodIdentity) -> Task | None:  # noqa: ARG002 - as it is asked
        """Implement `Tasks.of` with no tasks."""
        return None

    async def recorded(self, pod: PodIdentity, bytes_in: int) -> None:
        """Implement `Tasks.recorded` with no tasks."""

    async def failed(self, pod: PodIdentity, message: str) -> None:
        """Implement `Tasks.failed` with no tasks."""
