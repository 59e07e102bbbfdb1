"""What the operator can be told, by environment variables."""

from dataclasses import dataclass
from pathlib import Path

from moorage.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """See each field's help; `moorage.settings.describe` lists them."""

    reread_seconds: float = setting("How often each Dataset's sources are listed again.", default=60.0, minimum=1)
    look_threads: int = setting("How many sources are listed at once.", default=24, minimum=6, maximum=256)
    looks_per_namespace: int = setting("How many Datasets of one namespace are listed at once.", default=4, minimum=1)
    looks_per_endpoint: int = setting(
        "How many Datasets at one endpoint are listed at once; fewer than of one namespace, which may have others.",
        default=3,
        minimum=1,
    )
    quick_seconds: float = setting(
        "A look that takes longer goes on among few others that do, so that it holds up no quick one.",
        default=10.0,
        minimum=0.1,
    )
    connect_seconds: float = setting("The most that a connection to a store may take.", default=5.0, minimum=0.1)
    read_seconds: float = setting("The longest silence of a store.", default=20.0, minimum=0.1)
    request_seconds: float = setting("The most that one request to a store may take.", default=30.0, minimum=0.1)
    list_seconds: float = setting("The most that one listing may take.", default=600.0, minimum=1)
    list_objects: int = setting("The most objects that one listing may have.", default=10_000_000, minimum=1)
    health_listen_port: int = setting("The port of /healthz and /readyz.", default=8080, minimum=0, maximum=65535)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO")
    instance: str = setting("Which pod this is, in Events.", default="moorage-operator", variable="HOSTNAME")
    kubeconfig: Path | None = setting("Which cluster, outside of one.", default=None, variable="KUBECONFIG")
