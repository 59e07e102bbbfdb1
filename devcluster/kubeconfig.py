"""Kubeconfig files with everything inside, so that one file can be copied anywhere."""

import base64
from pathlib import Path

import yaml

from devcluster.certificates import KeyPair, write_private


def write(path: Path, *, cluster: str, server: str, authority: bytes, client: KeyPair) -> None:
    """Write a kubeconfig for one client, readable by its owner alone.

    Args:
        path: the file.
        cluster: the name of cluster and context.
        server: the API server's URL.
        authority: the PEM certificate that vouches for the server.
        client: who the client is.
    """
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": _encoded(authority)}}
        ],
        "users": [
            {
                "name": cluster,
                "user": {
                    "client-certificate-data": _encoded(client.certificate),
                    "client-key-data": _encoded(client.key),
                },
            }
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, yaml.safe_dump(content, sort_keys=False).encode())


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
