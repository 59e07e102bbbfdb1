"""Settings of the Kubeflow Pipelines API, from environment variables."""

from dataclasses import dataclass
from pathlib import Path

from moorage.model import SYSTEM_NAMESPACE
from moorage.reading.fields import DNS_LABEL
from moorage.serving.limits import Limits
from moorage.settings import parse_level, setting


def _namespaces(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if names == ("*",):
        return ()
    for name in names:
        if not DNS_LABEL.fullmatch(name):
            raise ValueError(f"{name} is no namespace; write * for all")
    if not names:
        raise ValueError("it must name a namespace, several, or * for all")
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class KfpApiSettings:
    """The server's settings: see each field's help; `moorage.settings.describe` lists them."""

    listen_port: int = setting("The HTTPS port; 0 takes a free one.", default=8443, minimum=0, maximum=65535)
    listen_host: str | None = setting("The address to listen at; unset: all.", default=None)
    health_port: int | None = setting(
        "A plain HTTP port of its own for /healthz and /readyz; unset: they are served at the main port only.",
        default=None,
        minimum=0,
        maximum=65535,
    )
    run_namespaces: tuple[str, ...] = setting(
        "The namespaces that are served, separated by commas; * serves all. With one, clients need not name it.",
        default=("kubeflow",),
        parse=_namespaces,
    )
    tls: bool = setting("HTTPS; without it the address to listen at must be of this machine.", default=True)
    authentication: bool = setting(
        "Whether a token that the API server knows is needed; without it the address must be of this machine.",
        default=True,
    )
    audience: str | None = setting("Whom tokens must be meant for; unset: the API server itself.", default=None)
    identity_seconds: float = setting(
        "How long it is remembered whose token one is and what they may do.", default=10.0, minimum=0
    )
    reads_per_second: float = setting("How often one caller may ask, in the long run.", default=200.0, minimum=0.1)
    writes_per_second: float = setting(
        "How often one caller may change something, in the long run.", default=10.0, minimum=0.1
    )
    package_bytes: int = setting("The most that a request or an upload may have.", default=4 << 20, minimum=1024)
    reading_processes: int = setting("How many pipelines are read at once.", default=2, minimum=1, maximum=64)
    sweep_seconds: float = setting(
        "How often ConfigMaps of runs that were never made are looked for.", default=300.0, minimum=1
    )
    connections: int = setting("How many connections may be open at once.", default=512, minimum=2)
    connections_per_peer: int = setting(
        "How many of these from one address; behind a gateway all people share one.", default=256, minimum=1
    )
    linger_seconds: float = setting("How long SIGTERM still lets requests in.", default=3.0, minimum=0)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=parse_level)
    kubeconfig: Path | None = setting("Which cluster; unset: the pod's own.", default=None, variable="KUBECONFIG")
    namespace: str = setting("Where Moorage is installed.", default=SYSTEM_NAMESPACE)
    service_name: str = setting("The Service that clients call.", default="moorage-kfp-api")
    certificate_secret: str = setting("The Secret of our own certificate.", default="moorage-kfp-api-tls")
    certificate_names: tuple[str, ...] = setting(
        "Further names and addresses for our certificate, as localhost for kubectl port-forward.",
        default=("localhost", "127.0.0.1"),
    )
    ca_config_map: str = setting("Where clients find whom to trust.", default="moorage-kfp-api-ca")
    certificate_folder: Path | None = setting(
        "Where somebody else's certificate is mounted (tls.crt, tls.key); unset: this server makes its own.",
        default=None,
    )
    logs: bool = setting(
        "Whether logs of tasks are served: it takes the right to read the Secrets with the stores' keys.", default=False
    )
    blind_seconds: float = setting(
        "How long the API server may be out of sight before nothing is answered.", default=30.0, minimum=1
    )

    def limits(self) -> Limits:
        """Return the limits on clients' connections; an upload over a slow line may take a minute."""
        return Limits(
            connections=self.connections,
            connections_per_peer=self.connections_per_peer,
            body_seconds=60.0,
            answer_seconds=60.0,
            body_bytes=16 * self.package_bytes,
        )
