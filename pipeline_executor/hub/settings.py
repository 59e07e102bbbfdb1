"""What the hub can be told, by environment variables."""

from dataclasses import dataclass
from pathlib import Path

from moorage.model import SYSTEM_NAMESPACE
from moorage.settings import parse_level, setting
from pipeline_executor.distribution import parse_engines


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """See each field's help; `moorage.settings.describe` lists them."""

    namespace: str = setting(
        "Where Moorage is installed, here and in the sites' clusters; Secrets of clusters and stores are there.",
        default=SYSTEM_NAMESPACE,
    )
    distribution: tuple[str, ...] = setting(
        "The ways to other clusters, separated by commas: kubeconfig, ocm.",
        default=("kubeconfig",),
        parse=parse_engines,
    )
    placement_scores: bool = setting(
        "Whether to write AddOnPlacementScores for Open Cluster Management's placements.", default=False
    )
    plans_at_once: int = setting("How many plans are made at once, each in its own process.", default=2, minimum=1)
    plan_memory_bytes: int = setting(
        "Address space of one planning process; solvers' libraries map about 1 GiB of it.",
        default=2 << 30,
        minimum=1 << 30,
    )
    plan_seconds: float = setting("The most that a run's timeLimitSeconds counts for.", default=600.0, minimum=1)
    runs_at_once: int = setting("How many runs are looked at at once.", default=16, minimum=1)
    runs_per_namespace: int = setting("How many of these of one namespace.", default=8, minimum=1)
    schedules_at_once: int = setting("How many PipelineSchedules are looked at at once.", default=8, minimum=1)
    blind_seconds: float = setting(
        "How long the hub's own API server may be out of sight before the hub says that it isn't ready.",
        default=60.0,
        minimum=1,
    )
    health_listen_port: int = setting("The port of /healthz and /readyz.", default=8080, minimum=0, maximum=65535)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
    instance: str = setting("Which pod this is, in Events.", default="moorage-hub", variable="HOSTNAME")
    kubeconfig: Path | None = setting("Which cluster, outside of one.", default=None, variable="KUBECONFIG")
