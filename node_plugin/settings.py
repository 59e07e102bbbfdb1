"""What the driver wants to know of its surroundings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.errors import SettingError
from moorage.settings import setting

DRIVER_NAME: Final = "data.moorage.dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePluginSettings:
    """Read from MOORAGE_*; the kubelet's directory must have the same path here as on the node."""

    node_name: str = setting("The node this plugin serves, spec.nodeName of its own pod.")
    kubelet_dir: Path = setting("The kubelet's --root-dir.", default=Path("/var/lib/kubelet"))
    host_root: Path = setting("Where the node's / is seen, for hostPath sources.", default=Path("/"))
    broker_url: str | None = setting("The credential broker; unset: the Service's own variables.", default=None)
    broker_service_host: str | None = setting("Set by Kubernetes for the Service moorage-broker.", default=None)
    broker_service_port: int = setting("Set by Kubernetes for the Service moorage-broker.", default=8443)
    broker_server_name: str = setting(
        "The name in the broker's certificate.", default="moorage-broker.moorage-system.svc"
    )
    broker_ca_file: Path = setting(
        "PEM of who may sign the broker's certificate.", default=Path("/etc/moorage/broker-ca/ca.crt")
    )
    broker_token_file: Path = setting(
        "The projected token for the audience moorage-broker; read again for each request.",
        default=Path("/var/run/secrets/moorage/broker/token"),
    )
    sidecar_uid: int = setting(
        "The only user that may ask for a mount in a pod; -1: anyone.", default=65532, minimum=-1
    )
    health_listen_port: int = setting("The port of /healthz and /readyz.", default=9808, minimum=0, maximum=65535)
    health_listen_host: str | None = setting("The address of /healthz and /readyz; unset: all.", default=None)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO")

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
