"""The broker's settings, from environment variables."""

from dataclasses import dataclass

import moorage
from moorage.model import SYSTEM_NAMESPACE
from moorage.recording.settings import EvidenceSettings
from moorage.serving.listener_settings import ListenerSettings
from moorage.settings import parse_level, setting


def _account(text: str) -> str:
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise ValueError("it must be namespace/serviceaccount")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings(ListenerSettings, EvidenceSettings):
    """The broker's settings: see each field's help; `moorage.settings.describe` lists them."""

    connections: int = setting("How many connections may be open at once.", default=200, minimum=2)
    connections_per_peer: int = setting(
        "How many of these may come from one address; behind address translation many nodes may share one.",
        default=150,
        minimum=1,
    )
    log_level: str = setting(
        "DEBUG, INFO, WARNING or ERROR; the audit is always written.", default="INFO", parse=parse_level
    )
    service_name: str = setting("The Service that node plugins call.", default="moorage-broker")
    certificate_secret: str = setting("The Secret of our own certificate.", default="moorage-broker-tls")
    ca_config_map: str = setting("The ConfigMap in which node plugins find the CA.", default="moorage-broker-ca")
    audience: str = setting("The audience that a node plugin's token must have.", default="moorage-broker")
    node_plugin_account: str = setting(
        "The node plugin's service account, namespace/name.",
        default=f"{SYSTEM_NAMESPACE}/moorage-node-plugin",
        parse=_account,
    )
    identity_seconds: float = setting(
        "How long a token's identity is cached; a revoked token is honoured that long.", default=10.0, minimum=0
    )
    grants_per_second: float = setting("How often one node may ask, in the long run.", default=20.0, minimum=0.1)
    pod_grants_per_second: float = setting(
        "How often one pod may be asked about, in the long run.", default=1.0, minimum=0.01
    )
    mount_image: str = setting(
        "The image of the mount sidecar; beside a release, servers from another repository make it none.",
        default=f"docker.io/moorage/mount:{moorage.__version__}",
    )
    blind_seconds: float = setting("How long a watch may be broken before no grant is given.", default=30.0, minimum=1)
