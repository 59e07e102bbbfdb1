"""Paths inside the kubelet's directory, opened without following a link.

The pod's author owns what is inside the pod's volumes: a link put there must lead nowhere. So directories are opened
one component at a time, and what is done in them goes through /proc/self/fd/<descriptor>/<name>.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.errors import InputError

_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CSI: Final = "kubernetes.io~csi"
_EMPTY_DIR: Final = "kubernetes.io~empty-dir"
# A pod's uid is a UUID, or a hash for static pods; a volume's name is a DNS label.
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the kubelet wants a volume of a pod.

    Attributes:
        path: the mount point.
        pod_uid: whose volume it is.
        volume: the volume's name in the pod's spec.
    """

    path: Path
    pod_uid: str
    volume: str


def parse_target(kubelet_dir: Path, path: str) -> Target:
    """Read a target path of the kubelet, `<kubelet dir>/pods/<uid>/volumes/kubernetes.io~csi/<volume>/mount`.

    Raises:
        InputError: it is another path, and nothing may be mounted, unmounted or removed there.
    """
    prefix = f"{kubelet_dir}/pods/"
    parts = path.removeprefix(prefix).split("/")
    match parts:
        case [uid, "volumes", kind, volume, "mount"] if (
            path.startswith(prefix) and kind == _CSI and _NAME.fullmatch(uid) and _NAME.fullmatch(volume)
        ):
            return Target(Path(path), uid, volume)
    raise InputError(
        "request",
        "target_path",
        f"{path!r} is not a CSI volume of a pod below {prefix}; is MOORAGE_KUBELET_DIR this kubelet's --root-dir?",
    )


@contextmanager
def open_directory(kubelet_dir: Path, path: Path) -> Iterator[int]:
    """Open a directory below the kubelet's; gives an O_PATH descriptor.

    The kubelet's directory itself may lie behind a link; below it, none is followed.

    Raises:
        OSError: a component is missing, no directory, or a link.
    """
    descriptor = os.open(kubelet_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in path.relative_to(kubelet_dir).parts:
            deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def empty_dir_path(kubelet_dir: Path, pod_uid: str, volume: str) -> Path:
    """Where an emptyDir of a pod is on the node."""
    return kubelet_dir / "pods" / pod_uid / "volumes" / _EMPTY_DIR / volume
