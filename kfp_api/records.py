"""Records of experiments, pipelines, versions and runs. Times are RFC 3339 in UTC, "" where unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kfp_api.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The fields that all records have.

    Attributes:
        namespace: where the object is.
        object_name: the object's name.
        id: what clients know it by.
        revision: the object's resource version, as a number.
    """

    namespace: str
    object_name: str
    id: str
    revision: int
    created_at: str
    display_name: str
    description: str = ""

    @property
    def parents(self) -> tuple[str, ...]:
        """The ids of what it is listed under: a run's experiment and version, a version's pipeline."""
        return ()

    @property
    def object_uid(self) -> str:
        """The object's uid."""
        return self.id

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.object_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(Kept):
    """An experiment, which groups runs.

    Attributes:
        archived: whether it is.
        archived_at: when it last was archived; its runs of before then are archived with it, and stay so.
        settings: annotations and lines of the description that say how its runs are placed.
    """

    archived: bool = False
    archived_at: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Kept):
    """A pipeline; `name` is unique in its namespace."""

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Kept):
    """A version of a pipeline; `name` is unique in it."""

    name: str
    pipeline_id: str
    code_source_url: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def parents(self) -> tuple[str, ...]:
        """The pipeline's id."""
        return (self.pipeline_id,) if self.pipeline_id else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Kept):
    """A run of a pipeline.

    Attributes:
        uid: the StretchedPipeline's.
        pipeline_id: of the version that runs; "" where the run brought its own pipeline.
        version_id: likewise.
        config_map: what holds its pipeline; "" where it is elsewhere.
        service_account: of its tasks' pods.
        request_digest: of the request that made it.
        started_at: when its first group began.
        canceling_at: when somebody asked to end it through this server.
        final: the state in which its history ends, where it has ended; it may say more than `state`.
        message: what it waits for, or why it ended so.
        archived_at: when it was archived itself, and when that was taken back.
        retries: how often somebody asked to go on.
        recurring_run_id: of the recurring run that made it; "" for none.
        details: parameters and tasks, packed (`objects.unpack`); None: too large to be kept, ask the API server.
    """

    uid: str
    experiment_id: str
    state: State
    pipeline_id: str = ""
    version_id: str = ""
    config_map: str = ""
    service_account: str = ""
    pipeline_root: str = ""
    request_digest: str = ""
    started_at: str = ""
    canceling_at: str = ""
    finished_at: str = ""
    final: State | None = None
    message: str = ""
    archived_at: str = ""
    unarchived_at: str = ""
    retries: int = 0
    recurring_run_id: str = ""
    details: bytes | None = None

    @property
    def object_uid(self) -> str:
        """The object's uid."""
        return self.uid

    @property
    def parents(self) -> tuple[str, ...]:
        """The ids of its experiment and of the version that runs."""
        return tuple(dict.fromkeys(each for each in (self.experiment_id, self.version_id) if each))

    def archived_with(self, experiment: Experiment | None) -> bool:
        """Return whether the run is archived, by itself or with its experiment, and was not unarchived since."""
        archived_at = self.archived_at
        # Objects are dated to the second, this is to the microsecond: without its Z, a text of less sorts first.
        if experiment is not None and experiment.archived_at >= self.created_at.removesuffix("Z"):
            archived_at = max(archived_at, experiment.archived_at)
        return bool(archived_at) and archived_at > self.unarchived_at
