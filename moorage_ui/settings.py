"""Settings of the server in a cluster."""

from dataclasses import dataclass
from pathlib import Path

from moorage.serving.limits import Limits
from moorage.serving.listener_settings import ListenerSettings
from moorage.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class UiSettings(ListenerSettings):
    """The server's settings: see each field's help; `moorage.settings.describe` lists them."""

    session_seconds: float = setting(
        "How long somebody stays signed in; a token that ends sooner ends it sooner.", default=28800.0, minimum=60
    )
    streams: int = setting("How many pages may follow something at once.", default=128, minimum=1)
    streams_per_person: int = setting("How many of these one person's may be.", default=12, minimum=1)
    connections: int = setting("How many connections may be open at once.", default=512, minimum=2)
    connections_per_peer: int = setting(
        "How many of these from one address; behind a gateway all people share one.", default=384, minimum=1
    )
    service_name: str = setting("The Service that people call.", default="moorage-ui")
    certificate_secret: str = setting("The Secret of our own certificate.", default="moorage-ui-tls")
    certificate_names: tuple[str, ...] = setting(
        "Further names and addresses for our certificate, as localhost for kubectl port-forward.",
        default=("localhost", "127.0.0.1"),
    )
    ca_config_map: str = setting("Where clients find whom to trust.", default="moorage-ui-ca")
    certificate_folder: Path | None = setting(
        "Where somebody else's certificate is mounted (tls.crt, tls.key); unset: this server makes its own.",
        default=None,
    )

    def limits(self) -> Limits:
        """Return the limits on clients' connections. A stream counts as an answer, and ends long before its limit."""
        return Limits(
            connections=self.connections, connections_per_peer=self.connections_per_peer, answer_seconds=900.0
        )
