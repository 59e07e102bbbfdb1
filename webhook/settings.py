"""What the webhook reads from its environment."""

import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

import moorage
from moorage import wire
from moorage.model import SCHEDULER_NAME, SYSTEM_NAMESPACE
from moorage.serving.limits import Limits
from moorage.settings import setting


class PullPolicy(StrEnum):
    """When a kubelet pulls an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


def _level(text: str) -> str:
    if text.upper() not in logging.getLevelNamesMapping():
        raise ValueError("there is no such level")
    return text.upper()


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
class WebhookSettings:
    """`MOORAGE_*`, and KUBECONFIG outside a cluster."""

    listen_port: int = setting("The HTTPS port; 0 takes a free one.", default=8443, minimum=0, maximum=65535)
    listen_host: str | None = setting("The address to listen at; unset: all.", default=None)
    health_port: int | None = setting(
        "A plain HTTP port of its own for /healthz and /readyz; unset: they are served at the HTTPS port only.",
        default=None,
        minimum=0,
        maximum=65535,
    )
    connections: int = setting("How many connections may be open at once.", default=256, minimum=2)
    connections_per_peer: int = setting(
        "How many of these from one address; an API server opens one for each review that it waits for.",
        default=192,
        minimum=1,
    )
    client_ca_file: Path | None = setting(
        "PEM of who signs the API server's client certificate; unset: anybody may ask.", default=None
    )
    client_names: tuple[str, ...] = setting(
        "The common or DNS names of client certificates that are served; unset: all that the authority signed.",
        default=(),
    )
    linger_seconds: float = setting("How long SIGTERM still lets requests in.", default=3.0, minimum=0)
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR.", default="INFO", parse=_level)
    kubeconfig: Path | None = setting("Which cluster; unset: the pod's own.", default=None, variable="KUBECONFIG")
    namespace: str = setting("Where Moorage is installed.", default=SYSTEM_NAMESPACE)
    service_name: str = setting("The Service that the API server calls.", default="moorage-webhook")
    certificate_secret: str = setting("The Secret of our own certificate.", default="moorage-webhook-tls")
    certificate_folder: Path | None = setting(
        "Where somebody else's certificate is mounted (tls.crt, tls.key); unset: the webhook makes its own.",
        default=None,
    )
    certificate_names: tuple[str, ...] = setting(
        "Further names and addresses for our own certificate, where the API server calls by URL.", default=()
    )
    configuration_name: str = setting(
        "The Mutating- and ValidatingWebhookConfiguration whose caBundle is kept.", default="moorage"
    )
    scheduler_name: str = setting(
        "The scheduler of labelled pods; default-scheduler leaves them to the cluster's own.", default=SCHEDULER_NAME
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
        "What the sidecar may keep on the node's disk, in bytes, as 10Gi.", default=10 << 30, parse=_bytes
    )
    lookup_seconds: float = setting("How long a GET may take on a miss of the cache.", default=1.0, minimum=0.05)

    def limits(self) -> Limits:
        """What clients may hold; an API server waits for an answer for three seconds."""
        return Limits(
            connections=self.connections,
            connections_per_peer=self.connections_per_peer,
            body_seconds=5.0,
            answer_seconds=10.0,
        )

    def sidecar_resources(self) -> dict[str, Any]:
        """The resources of the sidecar's container."""
        resources: dict[str, Any] = orjson.loads(self.mount_resources)
        return resources
