"""Mounts that the node's kernel serves: one file a kind of source, and one table.

Kinds that the pod's sidecar serves have no file here, as all of them get the same FUSE; they have one in
`node_plugin.sidecar.remotes`.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from moorage.errors import MountError
from moorage.sources import Location, Server
from node_plugin.mounting import host_path, nfs

Mounter: TypeAlias = Callable[[Any, Path, Path], Awaitable[None]]
"""Mounts a location of its kind at a target; the last argument is where the node's / is seen. Raises MountError."""

KERNEL_MOUNTERS: Final[Mapping[str, Mounter]] = {nfs.KIND: nfs.mount, host_path.KIND: host_path.mount}


def needs_sidecar(location: Location) -> bool:
    """Whether the pod's sidecar serves it."""
    return location.abilities.served_by is Server.SIDECAR


async def mount_by_kernel(location: Location, target: Path, host_root: Path) -> None:
    """Mount what the kernel serves, read-only.

    Raises:
        MountError: the kernel refused, or the kind is one that this node plugin does not know.
    """
    mounter = KERNEL_MOUNTERS.get(location.kind)
    if mounter is None:
        message = f"a source of kind {location.label} can't be mounted by this node plugin"
        raise MountError(message)
    await mounter(location, target, host_root)
