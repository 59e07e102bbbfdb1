"""The interface of runners: go on from the current state, and report progress."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from moorage.model import Site
from moorage.runs import FileEntry, PipelineGroup, RunKeys, TaskPhase
from pipeline_executor.engine import Artifact, Outputs
from pipeline_executor.store import ArtifactStore

GroupKey = tuple[str, str]
"""Namespace and name of a PipelineGroup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRun:
    """One attempt of a group whose imports are all here.

    Attributes:
        site: where its tasks run.
        store: the site's.
        keys: the keys of the run, in that store.
        documents: the group's pipeline, and perhaps a platform document; its importers are filled in.
        parameters: of that pipeline, those of its imports included.
        imported: the files of what was imported, by URI in this store.
    """

    group: PipelineGroup
    site: Site
    store: ArtifactStore
    keys: RunKeys
    documents: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]
    imported: Mapping[str, tuple[FileEntry, ...]] = field(default_factory=dict)

    @property
    def key(self) -> GroupKey:
        """The key of the PipelineGroup."""
        return self.group.namespace, self.group.name


@dataclass(frozen=True, slots=True)
class TaskState:
    """The state of a task.

    Attributes:
        attempt: the one that counts; 0: none has begun.
        message: what it waits for, or why it ended so.
        start: RFC 3339; "": not yet.
        end: RFC 3339; "": not yet.
    """

    phase: TaskPhase
    attempt: int = 0
    message: str = ""
    start: str = ""
    end: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a group.

    Attributes:
        phase: of all of it; it is final only once nothing of it runs any more.
        message: why it ended so, or what it waits for.
        tasks: every task that is a container, by path; those of loops as often as they run.
        ended: what those have given out that have succeeded, nested pipelines included, by path.
        outputs: the pipeline's, once it has succeeded.
        wake_in_seconds: when to look again though nothing changes; None: no need.
    """

    phase: TaskPhase
    message: str = ""
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    ended: Mapping[str, Outputs] = field(default_factory=dict)
    outputs: Outputs | None = None
    wake_in_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An artifact that leaves its group: where it lies, below the run's own keys, and its files."""

    uri: str
    files: tuple[FileEntry, ...]


class Runner(Protocol):
    """A runner of groups; `async with` follows changes. Methods may be repeated, and go on from what there is."""

    async def __aenter__(self) -> Self:
        """Begin to follow what changes."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the runner's background work."""

    async def advance(self, run: GroupRun, *, cancelling: bool) -> Progress:
        """Look at what there is, do what follows from it, and say how far it is now.

        Raises:
            MoorageError: it can't be said now; ask again.
        """

    async def kept(self, run: GroupRun, artifact: Artifact, target_key: str) -> Kept | None:
        """Return an artifact that a task of this run gave out or read, fit to be handed on; None where nobody wrote it.

        Args:
            run: the attempt.
            artifact: the artifact.
            target_key: where to copy it in the site's store if it lies where it may vanish before this run does.

        Raises:
            InputError: it never can be.
            MoorageError: it can't be said now.
        """

    async def settle(self, group: PipelineGroup) -> bool:
        """End whatever is left of a group that has ended; whether nothing is left.

        Raises:
            MoorageError: it can't be done now.
        """

    def forget(self, key: GroupKey) -> None:
        """Keep nothing of a group in memory any more."""
