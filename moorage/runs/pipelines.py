"""Records of StretchedPipelines (runs, at the hub) and PipelineGroups (attempts of their groups, at a spoke)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.runs.names import RunRef

CLUSTER_SECRET_TYPE: Final = "moorage.dev/cluster"  # noqa: S105 - a type, no secret
"""Of a Secret in the hub's system namespace that leads to a spoke: its key `kubeconfig`, used for the sites in its
annotation `moorage.dev/sites`, separated by commas. Sites that no such Secret names are in the hub's own cluster."""
CLUSTER_SITES_ANNOTATION: Final = "moorage.dev/sites"
RUN_LABEL: Final = "moorage.dev/run-uid"
"""The label of a run's objects with the run's uid."""
GROUP_LABEL: Final = "moorage.dev/group"
HUB_LABEL: Final = "moorage.dev/hub"
"""The label of a PipelineGroup with the uid of its hub's system namespace, as two hubs may share a cluster."""
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
"""Kueue's own, on a run, its PipelineGroups and the pods of their tasks: the queue that admits each pod."""
SUMMARY_ANNOTATION: Final = "moorage.dev/summary"
"""On a PipelineGroup: the spoke writes `status.summary`, too, for ways that bring single strings back and no lists."""
SUMMARY_BYTES: Final = 131_072
"""The most that a summary has. Where it would have more, it tells of tasks by their counts only."""
TASK_ANNOTATION: Final = "moorage.dev/task"
ATTEMPT_ANNOTATION: Final = "moorage.dev/attempt"
SPOKE_LEASE: Final = "moorage-spoke"
"""The Lease in a cluster's system namespace by which its spoke tells the hub that it is alive."""
SPOKE_LEASE_RENEW_SECONDS: Final = 10
LOST_AFTER_SECONDS: Final = 300
MOST_TASKS_IN_STATUS: Final = 500


@dataclass(frozen=True, slots=True)
class PipelineSource:
    """The source of the compiled pipeline: exactly one of these.

    Attributes:
        inline: its text: YAML of one or two documents, or JSON.
        config_map: the name of a ConfigMap beside the run.
        key: its key in that ConfigMap (`data`, or `binaryData`, gzipped or not).
        object_site: a site in whose artifact store it is.
        object_key: its key there, below the store's prefix.
    """

    inline: str | None = None
    config_map: str | None = None
    key: str = "pipeline.yaml"
    object_site: str | None = None
    object_key: str | None = None


@dataclass(frozen=True, slots=True)
class StretchedPipeline:
    """A run: what shall be planned, and then run where the plan says.

    Attributes:
        parameters: of the pipeline, by name; any JSON.
        objective: one, or several separated by commas, as `moorage plan --objective`.
        hints: as a file of hints holds; None: none.
        hints_config_map: a ConfigMap beside the run whose key `hints.yaml` holds hints; those in `hints` win.
        service_account: of the tasks' pods.
        approval: whether the plan waits for a person.
        approved_plan: the digest of the plan that a person approved.
        cancel: whether to end it; never unset.
        retries: how often a person asked to go on from what failed; only grows.
        lost_after_seconds: how long a site may be out of sight before its groups are lost.
        queue: the queue of Kueue that admits the tasks' pods; "": none.
        retention_days: how long after its end what it left in the stores is kept; None: for good.
        keep_artifacts: whether what it made is kept all the same.
        ttl_seconds: how long after its end the StretchedPipeline is kept; None: for good.
        learn: whether its plan uses what earlier runs took, and its own figures are kept for later ones.
    """

    ref: RunRef
    source: PipelineSource
    parameters: Mapping[str, Any] = field(default_factory=dict)
    objective: str = "money"
    tolerance: float = 0.01
    time_limit_seconds: float = 60.0
    hints: Mapping[str, Any] | None = None
    hints_config_map: str | None = None
    service_account: str = "default"
    approval: bool = False
    approved_plan: str | None = None
    cancel: bool = False
    retries: int = 0
    lost_after_seconds: float = LOST_AFTER_SECONDS
    queue: str = ""
    learn: bool = True
    retention_days: int | None = None
    keep_artifacts: bool = False
    ttl_seconds: int | None = None
    generation: int = 0
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """An input of a group, and its site: an artifact's URI or a parameter's value (exactly one is set).

    `artifact` and `value` are `<task>.<output>`, as in plan.json; `parameter` is the group's pipeline parameter.
    """

    parameter: str
    site: str
    artifact: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """An output of a group: `output` of its root becomes the manifest of `artifact`, or the object of `value`."""

    output: str
    artifact: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """The hub's request to a spoke.

    Attributes:
        group: its id in the plan.
        attempt: from 1; a spoke refuses one older than one that it has seen.
        site: where it runs.
        file: the group's pipeline, below `R/plan/` in the site's artifact store.
        file_sha256: of that object's bytes.
        parameters: of the group's pipeline, those of its imports left out.
        service_account: of the tasks' pods.
        task_names: what the plan calls tasks that have another name in `file`, by that name.
        cancel: whether to end it.
    """

    run: RunRef
    group: str
    attempt: int
    site: str
    file: str
    file_sha256: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    imports: tuple[ImportSpec, ...] = ()
    exports: tuple[ExportSpec, ...] = ()
    service_account: str = "default"
    task_names: Mapping[str, str] = field(default_factory=dict)
    cancel: bool = False


@dataclass(frozen=True, slots=True)
class PipelineGroup:
    """A PipelineGroup object, in the run's namespace, under the name `group_name(...)`. `queue`: as the run's."""

    namespace: str
    name: str
    uid: str
    spec: GroupSpec
    queue: str = ""
    generation: int = 0
    deleting: bool = False
