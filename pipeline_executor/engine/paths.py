"""Where things lie: outputs in the artifact store, and all of it as a container sees it."""

from typing import Final

from moorage.runs.names import plain

WORKSPACE_PATH: Final = "/kfp-workspace"
"""Where Kubeflow mounts a run's workspace."""
_OUTPUTS: Final = "/moorage/outputs"
OUTPUT_FILE: Final = f"{_OUTPUTS}/executor_output.json"
_MOUNTS: Final = {"s3://": "/s3/", "gs://": "/gcs/", "minio://": "/minio/"}


def output_uri(root_uri: str, path: str, attempt: int, output: str) -> str:
    """Where an attempt writes an artifact: no two attempts or outputs share a place."""
    return f"{root_uri.rstrip('/')}/data/{plain(path)}/{attempt}/{plain(output)}"


def parameter_file(output: str) -> str:
    """The file to which a container may write an output parameter."""
    return f"{_OUTPUTS}/parameters/{plain(output)}"


def local_path(uri: str) -> str | None:
    """Where a container sees an artifact; kfp's `Artifact.path` says the same. None: its scheme is not brought there.

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
