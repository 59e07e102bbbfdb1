"""Settings that every HTTPS listener has, so that they are called and mean the same in each."""

from dataclasses import dataclass
from pathlib import Path

from moorage.model import SYSTEM_NAMESPACE
from moorage.settings import parse_level, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """`MOORAGE_*`, and KUBECONFIG outside a cluster."""

    listen_port: int = setting("The HTTPS port; 0 takes a free one.", default=8443, minimum=0, maximum=65535)
    listen_host: str | None = setting("The address to listen at; unset: all.", default=None)
    health_port: int | None = setting(
        "A plain HTTP port of its own for /healthz and /readyz; unset: they are served at the HTTPS port only.",
        default=None,
        minimum=0,
        maximum=65535,
    )
    linger_seconds: float = setting("How long requests are still accepted after SIGTERM.", default=3.0, minimum=0)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
    kubeconfig: Path | None = setting("The cluster to use; unset: the pod's own.", default=None, variable="KUBECONFIG")
    namespace: str = setting("Where Moorage is installed.", default=SYSTEM_NAMESPACE)
