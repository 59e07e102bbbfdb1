"""NFS exports, by the kernel's own client."""

import asyncio
import socket
from pathlib import Path
from typing import Final

from moorage.errors import MountError
from moorage.sources.nfs import NfsSource
from node_plugin import mounts

KIND: Final = NfsSource.kind


async def mount(source: NfsSource, target: Path, _host_root: Path) -> None:
    """Mount an export; what blocks does so in a thread.

    Raises:
        MountError: the kernel has no NFS client, the server's name or export is unknown, or it does not answer.
    """
    await asyncio.to_thread(_mount, source, target)


def _mount(source: NfsSource, target: Path) -> None:
    """Mount an NFS 4 export, read-only, by the kernel's own client; no mount.nfs is needed. May block for a minute.

    Raises:
        MountError: the kernel has no NFS client, the server's name or export is unknown, or it does not answer.
    """
    try:
        address = socket.getaddrinfo(source.server, 2049, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        message = f"the NFS server {source.server} has no address that this node can find: {error}"
        raise MountError(message) from error
    # softerr: a server that is gone gives errors, not processes that nobody can kill; nothing is ever written.
    options = f"addr={address},vers=4,softerr,timeo=100,retrans=3"
    server = f"[{source.server}]" if ":" in source.server else source.server
    try:
        mounts.mount(f"{server}:{source.path}", str(target), "nfs4", mounts.SAFE, options)
    except MountError as error:
        hint = "" if _kernel_has("nfs4") else "; this node's kernel has no NFS client: load the module nfsv4"
        message = f"{error}{hint}"
        raise MountError(message) from error


def _kernel_has(fs_type: str) -> bool:
    names = [line.split()[-1] for line in Path("/proc/filesystems").read_text(encoding="ascii").splitlines()]
    return fs_type in names
