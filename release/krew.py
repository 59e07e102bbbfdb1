"""The manifest that krew installs `kubectl dataset` from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = "dataset"
LAUNCHER = "kubectl-dataset"
# No word of it may be over 50 characters in krew's own index; one line.
SHORT = "Show governed datasets, and why a pod may read one"
DESCRIPTION = """\
Works with Moorage, a dataset-centric data layer for Kubernetes: lists and describes Datasets, waits for them, and
says why a pod, a Deployment or a Job may or may not read one, and at which sites.
Datasets of Datashim are converted. Shows what was granted and refused, and
proves that no line of that evidence was changed or removed.
"""
CAVEATS = """\
It needs Python 3.11 to 3.14 on PATH, and a cluster with Moorage.
`kubectl dataset convert` needs no cluster.
"""


@dataclass(frozen=True)
class Archive:
    """One platform's archive, as it is published.

    Attributes:
        operating_system: as Go and krew call it.
        architecture: likewise.
        file: its name, at the end of its address.
        sha256: of its bytes, 64 hexadecimal digits.
    """

    operating_system: str
    architecture: str
    file: str
    sha256: str


def manifest(version: str, url: str, archives: tuple[Archive, ...]) -> Mapping[str, Any]:
    """Return the manifest of one version, whose archives lie at its release."""
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": NAME},
        "spec": {
            "version": f"v{version}",
            "homepage": url,
            "shortDescription": SHORT,
            "description": DESCRIPTION,
            "caveats": CAVEATS,
            "platforms": [
                {
                    "selector": {"matchLabels": {"os": archive.operating_system, "arch": archive.architecture}},
                    "uri": f"{url}/releases/download/v{version}/{archive.file}",
                    "sha256": archive.sha256,
                    "bin": LAUNCHER,
                }
                for archive in archives
            ],
        },
    }
