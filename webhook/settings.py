"""The webhook's settings, from environment variables."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

import moorage
from moorage import wire
from moorage.model import SCHEDULER_NAME
from moorage.recording.settings import EvidenceSettings
from moorage.serving.limits import Limits
from moorage.serving.listener_settings import ListenerSettings
from moorage.settings import setting


class PullPolicy(StrEnum):
    """The kubelet's policy for pulling an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


def _resources(text: str) -> str:
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(raw, dict) or not set(raw) <= {"requests", "limits", "claims"}:
        raise ValueError('it must be like {"requests": {"cpu": "50m"}, "limits": {"memory": "512Mi"}}')
    return text


def _bytes(text: str) -> int:
    size_bytes = int(wire.parse_quantity(text))
    if size_bytes < 1 << 20:
        raise ValueError("it must be at least 1Mi")
    return size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings(ListenerSettings, EvidenceSettings):
    """`MOORAGE_*`, and KUBECONFIG outside a cluster."""

    connections: int = setting("How many connections may be open at once.", default=256, minimum=2)
    connections_per_peer: int = setting(
        "How many of these may come from one address; an API server opens one per pending review.",
        default=192,
        minimum=1,
    )
    client_ca_file: Path | None = setting(
        "PEM of the authority that signs the API server's client certificate; unset: anybody may ask.", default=None
    )
    client_names: tuple[str, ...] = setting(
        "Common or DNS names of the client certificates that are served; unset: all that the authority signed.",
        default=(),
    )
    service_name: str = setting("The Service that the API server calls.", default="moorage-webhook")
    certificate_secret: str = setting("The Secret of our own certificate.", default="moorage-webhook-tls")
    certificate_folder: Path | None = setting(
        "Where a certificate from elsewhere is mounted (tls.crt, tls.key); unset: the webhook makes its own.",
        default=None,
    )
    certificate_names: tuple[str, ...] = setting(
        "Further names and addresses for our own certificate, where the API server calls by URL.", default=()
    )
    configuration_name: str = setting(
        "The Mutating- and ValidatingWebhookConfiguration whose caBundle is kept.", default="moorage"
    )
    scheduler_name: str = setting(
        "The scheduler for labelled pods; default-scheduler leaves them to the cluster's own.", default=SCHEDULER_NAME
    )
    managed_resource: str | None = setting(
        "The extended resource that labelled pods ask for, where the cluster's own scheduler calls the extender.",
        default=None,
    )
    mount_image: str = setting(
        "The image of the mount sidecar.", default=f"docker.io/moorage/mount:{moorage.__version__}"
    )
    mount_image_pull_policy: PullPolicy = setting("When it is pulled.", default=PullPolicy.IF_NOT_PRESENT)
    mount_resources: str = setting(
        "The sidecar's requests and limits, as JSON.",
        default='{"requests":{"cpu":"50m","memory":"64Mi"},"limits":{"cpu":"2","memory":"512Mi"}}',
        parse=_resources,
    )
    mount_cache_size_limit: int = setting(
        "How many bytes the sidecar may keep on the node's disk, for example 10Gi.", default=10 << 30, parse=_bytes
    )
    lookup_seconds: float = setting("How long a GET may take after a cache miss.", default=1.0, minimum=0.05)

    def limits(self) -> Limits:
        """Return the limits on clients' connections; an API server waits three seconds for an answer."""
        return Limits(
            connections=self.connections,
            connections_per_peer=self.connections_per_peer,
            body_seconds=5.0,
            answer_seconds=10.0,
        )

    def sidecar_resources(self) -> dict[str, Any]:
        """Return the resources of the sidecar's container."""
        resources: dict[str, Any] = orjson.loads(self.mount_resources)
        return resources
