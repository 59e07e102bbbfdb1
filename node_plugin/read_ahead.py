"""How far the kernel reads ahead on a dataset's FUSE mount: sysfs, as an administrator would set it by hand.

The kernel starts every FUSE with 128 KiB and sends eight requests where one would do. What is set before the server has
answered the kernel's first request (FUSE_INIT) is lowered to that again, so it is set once more afterwards; that it was
lowered is how one learns of the answer without looking into the mount, which could block.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from node_plugin import mounts

_log = logging.getLogger(__name__)

READ_AHEAD_KIB: Final = 1024
"""As much as one FUSE request can bring; with more, requests overtake each other, and rclone seeks to and fro."""

_DEVICES: Final = Path("/sys/class/bdi")
_LOOK_AGAIN_SECONDS: Final = 0.1
# The sidecar gives a server less time than this before it asks for another mount.
_MOST_LOOKS: Final = 600


async def widen(target: Path) -> None:
    """Let the kernel read further ahead on what is mounted topmost at `target`, once its server has answered.

    Start it before the server has the descriptor. A node that does not permit it (sysfs read-only) reads slower, and
    nothing else changes. It asks no file system anything, so it never blocks.
    """
    device = _device_at(target)
    if device is None:
        return
    setting = _DEVICES / device / "read_ahead_kb"
    try:
        _set(setting)
        for _ in range(_MOST_LOOKS):
            if _get(setting) != READ_AHEAD_KIB:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        if _device_at(target) == device:
            _set(setting)
    except (OSError, ValueError) as error:
        if _device_at(target) == device:
            _log.warning("the kernel's read-ahead stays small", extra={"volume": str(target), "cause": str(error)})


def _device_at(target: Path) -> str | None:
    stack = mounts.stack_at(target)
    return stack[-1].device if stack and stack[-1].fs_type == mounts.FUSE_TYPE else None


def _get(setting: Path) -> int:
    return int(setting.read_text(encoding="ascii"))


def _set(setting: Path) -> None:
    setting.write_text(f"{READ_AHEAD_KIB}\n", encoding="ascii")
