"""mount(2) and umount2(2), as the node plugin needs them. Needs CAP_SYS_ADMIN and /dev/fuse.

A dataset's FUSE is recognised by its type, `fuse.moorage`: only such a mount may be forced, because forcing aborts the
whole file system, which for NFS or a bind is shared with others.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

from moorage.errors import MountError
from node_plugin import mountinfo

FUSE_TYPE: Final = "fuse.moorage"

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND = 32, 4096
SAFE_TO_WRITE: Final = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
SAFE: Final = SAFE_TO_WRITE | _MS_RDONLY
_MNT_FORCE, _MNT_DETACH, _UMOUNT_NOFOLLOW = 1, 2, 8
_EINVAL, _ENOENT, _EBUSY = 22, 2, 16

MOST_READ_BYTES: Final = 512 * 1024
"""What the kernel asks a server for at once. rclone hands an answer over through a pipe, without copying it, where it
fits: a pipe of an ordinary user holds 1 MiB, and an answer has a header. With a MiB it copies, and logs each time."""

# Far more than healing ever stacks; a loop that can't end is worse than a volume that can't be removed.
_MOST_UNMOUNTS: Final = 4096

_libc = ctypes.CDLL(None, use_errno=True)


def mount_fuse(target: Path, *, writable: bool = False) -> int:
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
    options = (
        f"fd={descriptor},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,"
        f"max_read={MOST_READ_BYTES}"
    )
    try:
        mount("moorage", str(target), FUSE_TYPE, SAFE_TO_WRITE if writable else SAFE, options)
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


def abort_fuse(target: Path) -> None:
    """Cut the topmost FUSE at `target` off from its server: open files give errors, too. It stays mounted.

    It has to stay: what is unmounted here goes from the containers that run, and can't be brought back to them.

    Raises:
        MountError: the kernel refused.
    """
    # What is held open is busy: the kernel aborts the file system first, and then refuses to unmount it.
    held = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if _libc.umount2(os.fsencode(target), _MNT_FORCE | _UMOUNT_NOFOLLOW) != 0:
            number = ctypes.get_errno()
            if number != _EBUSY:
                message = f"{target} can't be cut off from its server: {os.strerror(number)}"
                raise MountError(message)
    finally:
        os.close(held)


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


def mount(source: str | None, target: str, fs_type: str | None, flags: int, options: str | None) -> None:
    """Have the kernel mount a file system.

    Raises:
        MountError: the kernel refused.
    """
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, fs_type, options)]
    if _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
        message = f"mounting {source or 'the flags'} at {target} failed: {os.strerror(ctypes.get_errno())}"
        raise MountError(message)
