"""mount(2) and umount2(2), as the node plugin needs them. Needs CAP_SYS_ADMIN and /dev/fuse.

A dataset's FUSE is recognised by its type, `fuse.moorage`: only such a mount may be forced, because forcing aborts the
whole file system, which for NFS or a bind is shared with others.
"""

import ctypes
import os
import socket
from pathlib import Path
from typing import Final

from moorage.errors import MountError
from node_plugin import mountinfo
from node_plugin.grants import HostPathSource, NfsSource

FUSE_TYPE: Final = "fuse.moorage"

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND = 32, 4096
_SAFE: Final = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
_MNT_FORCE, _MNT_DETACH, _UMOUNT_NOFOLLOW = 1, 2, 8
_EINVAL, _ENOENT = 22, 2

_SYS_OPENAT2: Final = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10
# Far more than healing ever stacks; a loop that can't end is worse than a volume that can't be removed.
_MOST_UNMOUNTS: Final = 4096

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def mount_fuse(target: Path) -> int:
    """Mount a FUSE over whatever lies at `target`; gives the descriptor for its server, which the caller must close.

    Until a server has answered the kernel's first request, whoever looks into it waits.

    Raises:
        MountError: the kernel refused.
    """
    try:
        descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        message = (
            f"/dev/fuse can't be opened ({error.strerror}): load the kernel's fuse module, run the plugin privileged"
        )
        raise MountError(message) from error
    options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    try:
        _mount("moorage", str(target), FUSE_TYPE, _SAFE, options)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def mount_dead_fuse(target: Path) -> None:
    """Mount a FUSE without a server: whoever looks into it gets an error at once, and never sees an empty directory.

    Raises:
        MountError: the kernel refused.
    """
    os.close(mount_fuse(target))


def bind_host_path(source: HostPathSource, host_root: Path, target: Path) -> None:
    """Show a directory of the node, read-only, at `target`. Links in its path are resolved inside `host_root`.

    Raises:
        MountError: there is no such directory, or the kernel refused.
    """
    descriptor = _open_in_root(host_root, source.path)
    try:
        _mount(f"/proc/self/fd/{descriptor}", str(target), None, _MS_BIND, None)
    finally:
        os.close(descriptor)
    try:
        # A bind takes flags only when it is mounted once more.
        _mount(None, str(target), None, _MS_REMOUNT | _MS_BIND | _SAFE, None)
    except MountError:
        unmount_all(target)
        raise


def mount_nfs(source: NfsSource, target: Path) -> None:
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
        _mount(f"{server}:{source.path}", str(target), "nfs4", _SAFE, options)
    except MountError as error:
        hint = "" if _kernel_has("nfs4") else "; this node's kernel has no NFS client: load the module nfsv4"
        message = f"{error}{hint}"
        raise MountError(message) from error


def unmount_all(target: Path, *, leave: int = 0) -> None:
    """Unmount what lies at `target`, the topmost first, until `leave` are left. Never waits for a file system.

    Raises:
        MountError: the kernel refused.
    """
    for _ in range(_MOST_UNMOUNTS):
        stack = stack_at(target)
        if len(stack) <= leave:
            return
        force = _MNT_FORCE if stack[-1].fs_type == FUSE_TYPE else 0
        if _libc.umount2(os.fsencode(target), force | _MNT_DETACH | _UMOUNT_NOFOLLOW) != 0:
            number = ctypes.get_errno()
            if number in {_EINVAL, _ENOENT} and len(stack_at(target)) < len(stack):
                continue  # somebody else was faster
            message = f"{target} can't be unmounted: {os.strerror(number)}"
            raise MountError(message)
    message = f"{target} can't be unmounted: something mounts there again and again"
    raise MountError(message)


def stack_at(target: Path) -> list[mountinfo.Mount]:
    """What is mounted at `target`, the lowest first."""
    return mountinfo.stack_at(mountinfo.read(), str(target))


def _mount(source: str | None, target: str, fs_type: str | None, flags: int, options: str | None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, fs_type, options)]
    if _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
        message = f"mounting {source or 'the flags'} at {target} failed: {os.strerror(ctypes.get_errno())}"
        raise MountError(message)


def _open_in_root(root: Path, path: str) -> int:
    """Open a directory below `root`, as if `root` were /: a link can't lead out of it."""
    try:
        root_descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        message = f"{path} is not shown to pods: no folder of the nodes is, unless nodePlugin.hostPaths lists it"
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


def _kernel_has(fs_type: str) -> bool:
    names = [line.split()[-1] for line in Path("/proc/filesystems").read_text(encoding="ascii").splitlines()]
    return fs_type in names
