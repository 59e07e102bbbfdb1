"""Settings of the Kubeflow runner."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline_executor.runners.live_logs import LiveLogSettings
from pipeline_executor.runners.verdicts import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeflowSettings:
    """The settings of the runner.

    Attributes:
        endpoint: the endpoint of Kubeflow Pipelines' API.
        metadata: of ML Metadata, `grpc://host:port`.
        namespace: where runs are.
        token_file: None: no token is sent.
        certificates: PEM of authorities to trust; None: the system's.
        patience: with pods that don't start.
        log_bytes: the most that is kept of a task's log.
        live_logs: logs of tasks that run.
    """

    endpoint: str
    metadata: str
    namespace: str
    token_file: Path | None = None
    certificates: Path | None = None
    patience: Patience = field(default_factory=Patience)
    log_bytes: int = 16 << 20
    live_logs: LiveLogSettings = field(default_factory=LiveLogSettings)
