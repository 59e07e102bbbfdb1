"""The node plugin's settings, from environment variables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.errors import SettingError
from moorage.reading.quantity import parse_quantity
from moorage.settings import parse_level, setting
from moorage.sources.permitted_roles import PermittedRole, parse_permitted_roles

DRIVER_NAME: Final = "data.moorage.dev"


def _bytes(text: str) -> int:
    return int(parse_quantity(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePluginSettings:
    """Read from MOORAGE_*; the kubelet's directory must have the same path here as on the node."""

    node_name: str = setting("The node this plugin serves, spec.nodeName of its own pod.")
    kubelet_dir: Path = setting("The kubelet's --root-dir.", default=Path("/var/lib/kubelet"))
    host_root: Path = setting("Where the node's / is mounted, for hostPath sources.", default=Path("/"))
    broker_url: str | None = setting("The URL of the credential broker; unset: the Service's.", default=None)
    broker_service_host: str | None = setting("Set by Kubernetes for the Service moorage-broker.", default=None)
    broker_service_port: int = setting("Set by Kubernetes for the Service moorage-broker.", default=8443)
    broker_server_name: str = setting(
        "The name in the broker's certificate.", default="moorage-broker.moorage-system.svc"
    )
    broker_ca_file: Path = setting(
        "PEM of the authority that signs the broker's certificate.", default=Path("/etc/moorage/broker-ca/ca.crt")
    )
    broker_token_file: Path = setting(
        "The projected token for the audience moorage-broker; read again for each request.",
        default=Path("/var/run/secrets/moorage/broker/token"),
    )
    web_identity_audience: str = setting(
        "The audience of the pods' tokens that stores exchange for keys, as the CSIDriver asks for it; unset: none.",
        default="",
    )
    web_identity_roles: tuple[PermittedRole, ...] = setting(
        "The roles that tokens may be exchanged for, where, and for whose Datasets, as JSON; unset: none.",
        default=(),
        parse=parse_permitted_roles,
    )
    sidecar_uid: int = setting(
        "The only user that may ask for a mount in a pod; -1: anyone.", default=65532, minimum=-1
    )
    cache_dir: Path | None = setting("Where copies of datasets are kept on the node; unset: none are.", default=None)
    cache_size_limit: int = setting(
        "The most that all copies may take together, for example 50Gi.", default=50 << 30, parse=_bytes
    )
    cache_kept_free_percent: int = setting(
        "How much of the file system no copy takes; the kubelet evicts pods below 10.",
        default=15,
        minimum=0,
        maximum=99,
    )
    cache_fills: int = setting("How many datasets are copied at once.", default=2, minimum=1)
    cache_connections: int = setting("How many objects of a dataset are copied at once.", default=8, minimum=1)
    cache_filler_uid: int = setting(
        "The user that copies; it has no rights, and no pod should run as it. -1: the node plugin's own.",
        default=65533,
        minimum=-1,
    )
    cache_look_seconds: float = setting(
        "How often the broker is asked what may stay on the node.", default=20.0, minimum=0.1
    )
    pod_address: str | None = setting(
        "Where other nodes reach this pod; unset: no copies are served to neighbours, and none are asked.", default=None
    )
    neighbour_listen_port: int = setting(
        "The port where node plugins of other nodes read copies.", default=9809, minimum=0, maximum=65535
    )
    neighbour_listen_host: str | None = setting("The address of that port; unset: all.", default=None)
    neighbour_bytes_per_second: int = setting(
        "What all neighbours together are sent, for example 200M.", default=200_000_000, parse=_bytes
    )
    memory_size_limit: int = setting(
        "The most of the node's memory that all datasets of that kind may have together, for example 8Gi; 0: none.",
        default=8 << 30,
        parse=_bytes,
    )
    memory_idle_seconds: float = setting(
        "How long what lies there stays when no pod uses it any more.", default=3600.0, minimum=0.0
    )
    memory_look_seconds: float = setting(
        "How often what may stay in the node's memory is looked at.", default=20.0, minimum=0.1
    )
    review_seconds: float = setting("How often the broker is asked which volumes must end.", default=20.0, minimum=0.1)
    health_listen_port: int = setting("The port of /healthz and /readyz.", default=9808, minimum=0, maximum=65535)
    health_listen_host: str | None = setting("The address of /healthz and /readyz; unset: all.", default=None)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)

    @property
    def plugin_dir(self) -> Path:
        """Where the driver's socket and journal are."""
        return self.kubelet_dir / "plugins" / DRIVER_NAME

    @property
    def csi_socket(self) -> Path:
        """Where the kubelet calls the driver."""
        return self.plugin_dir / "csi.sock"

    @property
    def registration_socket(self) -> Path:
        """Where the kubelet finds out that there is a driver."""
        return self.kubelet_dir / "plugins_registry" / f"{DRIVER_NAME}-reg.sock"

    @property
    def journal_dir(self) -> Path:
        """Where the driver remembers what it published."""
        return self.plugin_dir / "volumes"

    @property
    def memory_dir(self) -> Path:
        """Where the memory that pods share is mounted."""
        return self.plugin_dir / "memory"

    @property
    def neighbour_address(self) -> str | None:
        """Where other nodes reach the port for neighbours."""
        if not self.pod_address:
            return None
        host = f"[{self.pod_address}]" if ":" in self.pod_address else self.pod_address
        return f"{host}:{self.neighbour_listen_port}"

    def broker_address(self) -> str:
        """The broker's base URL.

        Raises:
            SettingError: nothing says where the broker is.
        """
        if self.broker_url:
            return self.broker_url.rstrip("/")
        if self.broker_service_host:
            host = self.broker_service_host
            return f"https://{f'[{host}]' if ':' in host else host}:{self.broker_service_port}"
        raise SettingError(
            "environment",
            "MOORAGE_BROKER_URL",
            "is not set, and there is no MOORAGE_BROKER_SERVICE_HOST either; install the Service moorage-broker before "
            "the node plugin, or set the URL",
        )
