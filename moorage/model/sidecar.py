"""The container that serves a pod's mounts, as its pod shows it: admission writes it, the broker knows it again."""

from moorage.model.names import SIDECAR_NAME

__all__ = [
    "CACHE_FOLDER",
    "CACHE_VOLUME",
    "COMMAND",
    "HOOK",
    "OWN_VOLUMES",
    "SIDECAR_NAME",
    "SIZE_LIMIT_VARIABLE",
    "SOCKET_FOLDER",
    "SOCKET_VOLUME",
    "TOKEN_FOLDER",
    "VOLUMES_VARIABLE",
    "repository_of",
]

SOCKET_VOLUME = "moorage-mount"
CACHE_VOLUME = "moorage-cache"
OWN_VOLUMES = (SOCKET_VOLUME, CACHE_VOLUME)
SOCKET_FOLDER = "/run/moorage"
CACHE_FOLDER = "/var/cache/moorage"
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
VOLUMES_VARIABLE = "MOORAGE_VOLUMES"
SIZE_LIMIT_VARIABLE = "MOORAGE_CACHE_SIZE_LIMIT_BYTES"
COMMAND = ("python3", "-m", "node_plugin.sidecar")
HOOK = ("python3", "-m", "node_plugin.sidecar.post_start")


def repository_of(image: str) -> str:
    """Return an image's name without its tag and digest: what is there is its owner's, whatever the version."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
