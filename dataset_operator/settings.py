"""The operator's settings, from environment variables."""

from dataclasses import dataclass
from pathlib import Path

from moorage.settings import parse_level, setting
from moorage.sources.permitted_roles import PermittedRole, parse_permitted_roles


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """The operator's settings: see each field's help; `moorage.settings.describe` lists them."""

    reread_seconds: float = setting("How often each Dataset's sources are listed again.", default=60.0, minimum=1)
    look_threads: int = setting("How many sources are listed at once.", default=24, minimum=6, maximum=256)
    looks_per_namespace: int = setting("How many Datasets of one namespace are listed at once.", default=4, minimum=1)
    looks_per_endpoint: int = setting(
        "How many Datasets at one endpoint are listed at once; fewer than in one namespace, which may use others.",
        default=3,
        minimum=1,
    )
    quick_seconds: float = setting(
        "A listing that takes longer moves to a few slots of its own, so that it delays no quick one.",
        default=10.0,
        minimum=0.1,
    )
    connect_seconds: float = setting("How long connecting to a store may take.", default=5.0, minimum=0.1)
    read_seconds: float = setting("How long a store may stay silent.", default=20.0, minimum=0.1)
    request_seconds: float = setting("How long one request to a store may take.", default=30.0, minimum=0.1)
    list_seconds: float = setting("How long one listing may take.", default=600.0, minimum=1)
    list_objects: int = setting("How many objects one listing may have.", default=10_000_000, minimum=1)
    web_identity_token_file: Path | None = setting(
        "The operator's own token for stores, by which sources with webIdentity are listed; unset: they are not.",
        default=None,
    )
    web_identity_roles: tuple[PermittedRole, ...] = setting(
        "The roles that tokens may be exchanged for, where, and for whose Datasets, as JSON; unset: none.",
        default=(),
        parse=parse_permitted_roles,
    )
    health_listen_port: int = setting("The port of /healthz and /readyz.", default=8080, minimum=0, maximum=65535)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
    instance: str = setting("The name of this pod, for Events.", default="moorage-operator", variable="HOSTNAME")
    kubeconfig: Path | None = setting("The cluster to use; unset: the pod's own.", default=None, variable="KUBECONFIG")
