"""Directories of the node, bound into pods."""

import ctypes
import os
from pathlib import Path
from typing import Final

from moorage.errors import MountError
from moorage.sources.host_path import HostPathSource
from node_plugin import mounts

KIND: Final = HostPathSource.kind

_SYS_OPENAT2: Final = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


async def mount(source: HostPathSource, target: Path, host_root: Path) -> None:
    """Show a directory of the node, read-only, at `target`. Links in its path are resolved inside `host_root`.

    Raises:
        MountError: there is no such directory, or the kernel refused.
    """
    descriptor = _open_in_root(host_root, source.path)
    try:
        mounts.mount(f"/proc/self/fd/{descriptor}", str(target), None, mounts.MS_BIND, None)
    finally:
        os.close(descriptor)
    try:
        # A bind takes flags only when it is mounted once more.
        mounts.mount(None, str(target), None, mounts.MS_REMOUNT | mounts.MS_BIND | mounts.SAFE, None)
    except MountError:
        mounts.unmount_all(target)
        raise


def _open_in_root(root: Path, path: str) -> int:
    """Open a directory below `root`, as if `root` were /: a link can't lead out of it."""
    try:
        root_descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        message = f"{path} is not available to pods: only folders that nodePlugin.hostPaths lists are"
        raise MountError(message) from error
    how = _OpenHow(
        flags=os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, mode=0, resolve=_RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS
    )
    try:
        opened: int = _libc.syscall(
            ctypes.c_long(_SYS_OPENAT2),
            ctypes.c_int(root_descriptor),
            os.fsencode(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
    finally:
        os.close(root_descriptor)
    if opened < 0:
        problem = os.strerror(ctypes.get_errno())
        message = (
            f"the dataset's source {path} can't be read on this node: {problem}; it must exist, and the platform must "
            "share it (nodePlugin.hostPaths in the chart's values)"
        )
        raise MountError(message)
    return opened
