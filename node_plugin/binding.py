"""A folder of the node at a pod's mount point: a bind that has all its restrictions from its first moment.

mount(2) would make the bind first and take the right to write away afterwards; a container that runs already would see
what lies between. open_tree, mount_setattr and move_mount (Linux 5.12) make it whole and then show it.

What is mounted on such a bind later is seen by the containers of its own pod and by nobody else, wherever the folder
is bound besides.
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
_PRIVATE: Final = 1 << 18
_NO_CALL: Final = 38

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def bind(folder: Path, target: Path, *, writable: bool = False) -> None:
    """Show a folder on top of whatever lies at `target`; read-only, unless it is said otherwise.

    Raises:
        MountError: the kernel refused, or is older than 5.12.
    """
    tree = view(folder, writable=writable)
    try:
        _call(
            _SYS_MOVE_MOUNT,
            "show a folder of the node",
            tree,
            b"",
            _AT_FDCWD,
            os.fsencode(target),
            _MOVE_MOUNT_F_EMPTY_PATH,
        )
    finally:
        os.close(tree)


def view(folder: Path, *, writable: bool = False) -> int:
    """A view of a folder that is mounted nowhere; the descriptor is the caller's to close.

    Raises:
        MountError: the kernel refused, or is older than 5.12.
    """
    doing = "open a folder of the node"
    tree = _call(_SYS_OPEN_TREE, doing, _AT_FDCWD, os.fsencode(folder), _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC)
    restrictions = _NOSUID | _NODEV | _NOEXEC | (0 if writable else _RDONLY)
    # A clone of a shared mount is one of its peers: what is mounted on one of them, as to end what a pod may not read
    # any more, would be mounted on all.
    attributes = _MountAttr(attr_set=restrictions, propagation=_PRIVATE)
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
