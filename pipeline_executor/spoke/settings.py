"""What the spoke can be told, by environment variables."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from moorage.model import SYSTEM_NAMESPACE
from moorage.recording.settings import EvidenceSettings
from moorage.settings import parse_level, setting


def _http(text: str) -> str:
    return _url(text, "http", "https")


def _grpc(text: str) -> str:
    return _url(text, "grpc", "grpcs")


def _url(text: str, *schemes: str) -> str:
    found = urlsplit(text)
    if found.scheme not in schemes or not found.hostname or found.username or found.query:
        raise ValueError(
            f"must begin with {' or '.join(f'{each}://' for each in schemes)} and name a host, and no user"
        )
    return text


class RunnerName(StrEnum):
    """What runs groups."""

    EMBEDDED = "embedded"
    KUBEFLOW = "kubeflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokeSettings(EvidenceSettings):
    """See each field's help; `moorage.settings.describe` lists them."""

    listen_port: int = setting("The task API's HTTPS port; 0 takes a free one.", default=8443, minimum=0, maximum=65535)
    listen_host: str | None = setting("The address to listen at; unset: all.", default=None)
    health_port: int | None = setting(
        "A plain HTTP port of its own for /healthz, /readyz and /metrics; unset: none.",
        default=None,
        minimum=0,
        maximum=65535,
    )
    connections: int = setting("How many connections of sidecars may be open at once.", default=2000, minimum=2)
    connections_per_peer: int = setting(
        "How many of these from one address; behind address translation many pods may share one.",
        default=500,
        minimum=1,
    )
    linger_seconds: float = setting("How long SIGTERM still lets requests in.", default=3.0, minimum=0)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
    kubeconfig: Path | None = setting("Which cluster; unset: the pod's own.", default=None, variable="KUBECONFIG")
    namespace: str = setting(
        "Where Moorage is installed: the Secrets of the Sites' artifact stores are there.", default=SYSTEM_NAMESPACE
    )
    sites: tuple[str, ...] = setting(
        "The Sites whose groups it runs, separated by commas; unset: all. No two spokes may serve one Site.", default=()
    )
    runner: RunnerName = setting(
        "What runs groups: embedded (each task a pod of the spoke), or kubeflow (Kubeflow Pipelines in this cluster).",
        default=RunnerName.EMBEDDED,
    )
    kubeflow_endpoint: str = setting(
        "The URL of Kubeflow Pipelines' API.", default="http://ml-pipeline.kubeflow:8888", parse=_http
    )
    kubeflow_metadata: str = setting(
        "Where ML Metadata listens: grpc://host:port, or grpcs:// with TLS.",
        default="grpc://metadata-grpc-service.kubeflow:8080",
        parse=_grpc,
    )
    kubeflow_namespace: str = setting("Where Kubeflow Pipelines runs pipelines.", default="kubeflow")
    kubeflow_token_file: Path | None = setting(
        "A projected token for the audience pipelines.kubeflow.org; unset: none is sent.", default=None
    )
    kubeflow_ca_file: Path | None = setting(
        "PEM of the authorities to trust for both; unset: the system's.", default=None
    )
    service_name: str = setting("The Service that sidecars call.", default="moorage-spoke")
    certificate_secret: str = setting("The Secret of our own certificate.", default="moorage-spoke-tls")
    ca_config_map: str = setting("Where the authority of our certificate is published.", default="moorage-spoke-ca")
    task_api: str = setting("The URL under which sidecars reach the task API; unset: that of the Service.", default="")
    sidecar_image: str = setting("The image of the sidecar beside each task.", default="docker.io/moorage/task")
    sidecar_pull_policy: str = setting("Always, IfNotPresent or Never.", default="IfNotPresent")
    groups_at_once: int = setting("How many groups are worked on at the same time.", default=16, minimum=1)
    groups_per_namespace: int = setting("How many of these of one namespace.", default=4, minimum=1)
    pods_per_group: int = setting("How many pods of one group there may be at once.", default=500, minimum=1)
    log_bytes: int = setting("How much of a task's log is kept.", default=16 << 20, minimum=1024)
    live_logs: int = setting(
        "How many tasks' logs are written to the store while they run; of more tasks, they take turns. 0: none.",
        default=32,
        minimum=0,
        maximum=1000,
    )
    live_log_seconds: float = setting(
        "How long to wait at least between two parts of such a log.", default=5.0, minimum=0.1
    )
    live_log_turn_seconds: float = setting(
        "After how long such a log makes way for one that waits.", default=60.0, minimum=1
    )
    pull_patience_seconds: float = setting(
        "After how long a task has failed whose image can't be pulled.", default=120.0, minimum=0
    )
    config_patience_seconds: float = setting(
        "After how long a task has failed whose container can't be made, as for lack of a Secret.",
        default=60.0,
        minimum=0,
    )
    refusal_patience_seconds: float = setting(
        "After how long a task has failed whose data a rule keeps from being mounted.", default=30.0, minimum=0
    )
    start_patience_seconds: float = setting(
        "After how long a task has failed whose pod does not start for another reason, such as nodes without room.",
        default=3600.0,
        minimum=0,
    )
    upload_seconds: int = setting("How long uploading what a task wrote may take.", default=3600, minimum=1)
    blind_seconds: float = setting(
        "How long the API server may be out of sight before the spoke says that it isn't ready.",
        default=60.0,
        minimum=1,
    )
