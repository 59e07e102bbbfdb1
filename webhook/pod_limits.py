"""The limits of a pod with dataset labels. Pure.

The mutating webhook and the guard look through a pod once for each of its datasets, and the guard's expressions have a
budget in the API server; so what is looked through is bounded, by the same numbers in both (the chart's `_guard.tpl`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moorage.errors import InputError

MOST_CONTAINERS = 128
MOST_VOLUMES = 1024
MOST_MOUNTS = 8192
MOST_VARIABLES = 12288
MOST_PATH_LETTERS = 4096
"""The greatest length of a mount's path: Linux opens no longer one."""

Raw = Mapping[str, Any]


def pod_is_too_large(spec: Raw, subject: str) -> None:
    """Raise InputError where there is more of anything than is looked through."""
    containers = [container for _, container in _containers(spec)]
    counts = (
        ("spec.containers", "containers and init containers", len(containers), MOST_CONTAINERS),
        ("spec.volumes", "volumes", len(spec.get("volumes") or ()), MOST_VOLUMES),
        ("spec.containers[].volumeMounts", "volumeMounts in all", _sum(containers, "volumeMounts"), MOST_MOUNTS),
        ("spec.containers[].env", "environment variables in all", _sum(containers, "env"), MOST_VARIABLES),
    )
    for field, what, count, most in counts:
        if count > most:
            raise InputError(
                subject,
                field,
                f"a pod with dataset labels may have at most {most} {what}, those for its datasets included, and this "
                f"one would have {count}: use fewer, or several pods",
            )


def path_is_too_long(spec: Raw, subject: str) -> None:
    """Raise InputError where a volume is mounted at a path that nothing could open."""
    for kind, container in _containers(spec):
        for mount in container.get("volumeMounts") or ():
            if len(mount.get("mountPath") or "") > MOST_PATH_LETTERS:
                raise InputError(
                    subject,
                    f"spec.{kind}[{container.get('name')}].volumeMounts[{mount.get('name')}].mountPath",
                    f"is longer than {MOST_PATH_LETTERS} letters: mount the volume at a shorter path",
                )


def _containers(spec: Raw) -> Iterator[tuple[str, Raw]]:
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            yield kind, container


def _sum(containers: list[Raw], field: str) -> int:
    return sum(len(container.get(field) or ()) for container in containers)
