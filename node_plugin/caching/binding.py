"""A version's files at a pod's mount point: a bind that is read-only from its first moment.

mount(2) would make the bind first and take the right to write away afterwards; a container that runs already would see
what lies between. open_tree, mount_setattr and move_mount (Linux 5.12) make it whole and then show it.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

from moorage.errors import MountError

_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442  # the same numbers on every architecture
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_AT_EMPTY_PATH: Final = 0x1000
_AT_FDCWD: Final = -100
_MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
_NO_CALL: Final = 38

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def bind(folder: Path, target: Path) -> None:
    """Show a folder, read-only, on top of whatever lies at `target`.

    Raises:
        MountError: the kernel refused, or is older than 5.12.
    """
    tree = read_only_tree(folder)
    try:
        _call(
            _SYS_MOVE_MOUNT, "show a cached copy", tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH
        )
    finally:
        os.close(tree)


def read_only_tree(folder: Path) -> int:
    """A read-only view of a folder that is mounted nowhere; the descriptor is the caller's to close.

    Raises:
        MountError: the kernel refused, or is older than 5.12.
    """
    doing = "open a cached copy"
    tree = _call(_SYS_OPEN_TREE, doing, _AT_FDCWD, os.fsencode(folder), _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC)
    attributes = _MountAttr(attr_set=_RDONLY | _NOSUID | _NODEV | _NOEXEC)
    try:
        _call(_SYS_MOUNT_SETATTR, doing, tree, b"", _AT_EMPTY_PATH, ctypes.byref(attributes), ctypes.sizeof(attributes))
    except BaseException:
        os.close(tree)
        raise
    return tree


def _call(number: int, doing: str, *arguments: object) -> int:
    converted = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *converted)
    if result < 0:
        error = ctypes.get_errno()
        hint = ": this node's kernel is older than 5.12" if error == _NO_CALL else ""
        message = f"can't {doing}: {os.strerror(error)}{hint}"
        raise MountError(message)
    return result
