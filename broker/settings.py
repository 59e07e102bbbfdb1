"""What the broker can be told, by environment variables."""

from dataclasses import dataclass
from pathlib import Path

from moorage.model import SYSTEM_NAMESPACE
from moorage.settings import setting


def _account(text: str) -> str:
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise ValueError("it must be namespace/serviceaccount")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """See each field's help; `moorage.settings.describe` lists them."""

    listen_port: int = setting("The HTTPS port; 0 takes a free one.", default=8443, minimum=0, maximum=65535)
    listen_host: str | None = setting("The address to listen at; unset: all.", default=None)
    health_port: int | None = setting(
        "A plain HTTP port of its own for /healthz and /readyz; unset: they are served at the HTTPS port only.",
        default=None,
        minimum=0,
        maximum=65535,
    )
    connections: int = setting("How many connections may be open at once.", default=200, minimum=2)
    connections_per_peer: int = setting(
        "How many of these from one address; behind address translation many nodes may share one.",
        default=150,
        minimum=1,
    )
    linger_seconds: float = setting("How long SIGTERM still lets requests in.", default=3.0, minimum=0)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR; the audit is always written.", default="INFO")
    kubeconfig: Path | None = setting("Which cluster; unset: the pod's own.", default=None, variable="KUBECONFIG")
    namespace: str = setting("Where Moorage is installed.", default=SYSTEM_NAMESPACE)
    service_name: str = setting("The Service that node plugins call.", default="moorage-broker")
    certificate_secret: str = setting("The Secret of our own certificate.", default="moorage-broker-tls")
    ca_config_map: str = setting("Where node plugins find whom to trust.", default="moorage-broker-ca")
    audience: str = setting("Whom a node plugin's token must be meant for.", default="moorage-broker")
    node_plugin_account: str = setting(
        "The node plugin's service account, namespace/name.",
        default=f"{SYSTEM_NAMESPACE}/moorage-node-plugin",
        parse=_account,
    )
    identity_seconds: float = setting(
        "How long it is remembered whose token one is; a revoked one is honoured so long.", default=10.0, minimum=0
    )
    grants_per_second: float = setting("How often one node may ask, in the long run.", default=20.0, minimum=0.1)
    pod_grants_per_second: float = setting(
        "How often it may be asked for one pod, in the long run.", default=1.0, minimum=0.01
    )
    blind_seconds: float = setting(
        "How long the API server may be out of sight before no grant is given.", default=30.0, minimum=1
    )
