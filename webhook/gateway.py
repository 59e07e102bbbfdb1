"""`gateway`: a mounted dataset over the S3 protocol, for programs that read no files. Pure.

A second native sidecar serves the pod's own mounts on loopback. So whatever holds for a mount holds here: the rules, a
right that ends, the node's copy, any kind of source; and no key of a store comes near the pod's containers. It starts
behind the sidecar that serves the mounts, as a container whose mount has no server yet can't start.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from moorage.errors import InputError
from moorage.model import DatasetRef
from moorage.reading.quantity import parse_quantity
from webhook.sidecar import NAME as SERVER_NAME
from webhook.sidecar import SidecarShape, restricted

NAME: Final = "moorage-gateway"
PORT: Final = 18333
COMMAND: Final = ("python3", "-m", "node_plugin.gateway")
HOOK: Final = (*COMMAND[:2], "node_plugin.gateway.post_start")
_MEMORY_SHARE: Final = 0.7
_LEAST_NAME_LETTERS: Final = 3
"""The least length of a bucket's name."""

Raw = dict[str, Any]


def variables(ref: DatasetRef) -> list[Raw]:
    """Return the environment variables of a program, under the names of `configmap`; any keys are accepted."""
    told = {
        "endpoint": f"http://127.0.0.1:{PORT}",
        "bucket": ref.name,
        "region": "us-east-1",
        "accessKeyID": "none",
        "secretAccessKey": "none",
    }
    return [{"name": f"{ref.name}_{key}", "value": value} for key, value in told.items()]


def name_is_too_short(ref: DatasetRef, subject: str, field: str) -> None:
    """Raise InputError where no client takes the dataset's name for a bucket's."""
    if len(ref.name) < _LEAST_NAME_LETTERS:
        raise InputError(
            subject,
            field,
            f"dataset {ref} has a name of fewer than {_LEAST_NAME_LETTERS} letters, which no bucket may have: use "
            "mount, or ask its steward for a Dataset of another name",
        )


def add_gateway(spec: Raw, shape: SidecarShape, subject: str) -> Raw:
    """Return the pod's spec with the gateway; the datasets are mounted in it as in any other container.

    Raises:
        InputError: others could read through it, or its name or port is taken.
    """
    if spec.get("hostNetwork"):
        raise InputError(
            subject,
            "spec.hostNetwork",
            "must not be true on a pod that reads a dataset through its gateway, because everybody on the node's "
            "network could read it there: remove the field, or use mount",
        )
    inits: list[Raw] = spec.get("initContainers") or []
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            _refuse_what_is_in_the_way(container, kind, subject)
    if any(container.get("name") == NAME for container in inits):
        return spec
    # Behind the server of its mounts, where that is there already: without it the gateway could not start.
    behind = next((at + 1 for at, each in enumerate(inits) if each.get("name") == SERVER_NAME), 0)
    return {**spec, "initContainers": [*inits[:behind], _make_gateway(shape), *inits[behind:]]}


def _refuse_what_is_in_the_way(container: Raw, kind: str, subject: str) -> None:
    at = f"spec.{kind}[{container.get('name')}]"
    if container.get("name") == NAME:
        is_ours = kind == "initContainers" and tuple(container.get("command") or ()) == COMMAND
        if not is_ours or container.get("restartPolicy") != "Always":
            raise InputError(subject, at, "this name is Moorage's own: give the container another")
    elif any(port.get("containerPort") == PORT for port in container.get("ports") or ()):
        raise InputError(
            subject,
            f"{at}.ports[{PORT}]",
            "is where the pod's gateway serves its datasets: let the container listen at another port, or use mount",
        )


def _make_gateway(shape: SidecarShape) -> Raw:
    return {
        "name": NAME,
        "image": shape.image,
        "imagePullPolicy": shape.pull_policy,
        "command": list(COMMAND),
        "env": _environment(shape.resources),
        "restartPolicy": "Always",
        "lifecycle": {"postStart": {"exec": {"command": list(HOOK)}}},
        "resources": {key: dict(value) for key, value in shape.resources.items()},
        "securityContext": restricted(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _environment(resources: Mapping[str, Any]) -> list[Raw]:
    """Return the gateway's environment: its port, and a soft memory limit so that Go collects garbage in time."""
    told: list[Raw] = [{"name": "MOORAGE_GATEWAY_PORT", "value": str(PORT)}]
    limit = (resources.get("limits") or {}).get("memory")
    # The API server refuses what is no quantity.
    with suppress(ValueError, TypeError):
        if limit is not None:
            told.append({"name": "GOMEMLIMIT", "value": f"{int(parse_quantity(limit) * _MEMORY_SHARE)}B"})
    return told
