"""Paths of outputs in the artifact store, and of all files as a container sees them."""

from typing import Final

from moorage.runs.names import plain

WORKSPACE_PATH: Final = "/kfp-workspace"
"""The path at which Kubeflow mounts a run's workspace."""
_OUTPUTS: Final = "/moorage/outputs"
OUTPUT_FILE: Final = f"{_OUTPUTS}/executor_output.json"
_MOUNTS: Final = {"s3://": "/s3/", "gs://": "/gcs/", "minio://": "/minio/"}


def output_uri(root_uri: str, path: str, attempt: int, output: str) -> str:
    """Return the URI at which an attempt writes an artifact; no two attempts or outputs share one."""
    return f"{root_uri.rstrip('/')}/data/{plain(path)}/{attempt}/{plain(output)}"


def parameter_file(output: str) -> str:
    """Return the file to which a container may write an output parameter."""
    return f"{_OUTPUTS}/parameters/{plain(output)}"


def local_path(uri: str) -> str | None:
    """Return a container's path of an artifact, as kfp's `Artifact.path`, or None for another scheme.

    Raises:
        ValueError: it leads out of its bucket.
    """
    for scheme, mount in _MOUNTS.items():
        if uri.startswith(scheme):
            key = uri[len(scheme) :]
            if ".." in key.split("/") or "\0" in key:
                raise ValueError(f"the URI {uri[:200]!r} has '..' in it: name the object itself")
            return f"{mount}{key}"
    return None
