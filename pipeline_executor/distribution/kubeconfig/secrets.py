"""Reader of Secrets that lead to clusters. Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.runs.pipelines import CLUSTER_SITES_ANNOTATION
from moorage.runs.sites import read_sites

_KUBECONFIG = "kubeconfig"
_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ClusterSecret:
    """One Secret of type `moorage.dev/cluster`. `problem`: why its kubeconfig can't be read; "" where it can."""

    namespace: str
    name: str
    sites: tuple[str, ...]
    kubeconfig: str = field(default="", repr=False)
    problem: str = ""

    @property
    def subject(self) -> str:
        """The Secret as messages name it."""
        return f"Secret {self.namespace}/{self.name}"


def read_cluster_secret(raw: Mapping[str, Any]) -> ClusterSecret:
    """Read a raw Secret.

    Raises:
        InputError: it names no site, so that no run can be told of it.
    """
    metadata = raw["metadata"]
    namespace, name = str(metadata.get("namespace") or ""), str(metadata["name"])
    annotations = metadata.get("annotations") or {}
    sites = read_sites(str(annotations.get(CLUSTER_SITES_ANNOTATION) or ""), f"Secret {namespace}/{name}")
    encoded = (raw.get("data") or {}).get(_KUBECONFIG)
    try:
        text = base64.b64decode(encoded or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, TypeError):
        text = ""
    if not text or len(text) > _MOST_BYTES:
        problem = (
            f"Secret {namespace}/{name}: its key {_KUBECONFIG} must hold a kubeconfig of at most {_MOST_BYTES:,} bytes"
        )
        return ClusterSecret(namespace, name, sites, "", problem)
    return ClusterSecret(namespace, name, sites, text)
