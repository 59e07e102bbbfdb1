"""What the extender reads from its environment."""

from dataclasses import dataclass
from pathlib import Path

from moorage.settings import parse_level, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtenderSettings:
    """`MOORAGE_*`, and KUBECONFIG outside a cluster."""

    listen_host: str = setting(
        "The address to listen at. Plain HTTP: the scheduler is in the same pod.", default="127.0.0.1"
    )
    listen_port: int = setting("The port; 0 takes a free one.", default=8888, minimum=0, maximum=65535)
    health_port: int = setting(
        "The port of /healthz and /readyz on all addresses; 0 takes a free one.", default=8080, minimum=0, maximum=65535
    )
    connections: int = setting(
        "How many connections may be open at once; a kube-scheduler keeps a few.", default=64, minimum=2
    )
    linger_seconds: float = setting("How long requests are still accepted after SIGTERM.", default=3.0, minimum=0)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
    kubeconfig: Path | None = setting("The cluster to use; unset: the pod's own.", default=None, variable="KUBECONFIG")
