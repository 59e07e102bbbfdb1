"""What a pod of `kubectl dataset warm` runs: waits until its dataset is the node's own copy, then ends well.

The pod reads the dataset like any other, so it was admitted, placed and granted like any other. While it streams, a
FUSE lies at its mount; once the node's copy is whole, the node plugin puts that on top. Only mountinfo is looked at:
nothing is read through the mount.
"""

import signal
import sys
import time
from pathlib import Path
from typing import Final

from node_plugin import mountinfo

EVERY_SECONDS: Final = 1.0
_TERMINATED: Final = 128 + signal.SIGTERM


def is_copy(mounted: list[mountinfo.Mount], path: str) -> bool:
    """Whether what lies topmost at a path is a copy on the node."""
    stack = mountinfo.stack_at(mounted, path)
    return bool(stack) and not stack[-1].fs_type.startswith("fuse")


def main(path: Path) -> None:
    """Wait, for as long as it takes."""
    # The first process of a container ends of no signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    while not is_copy(mountinfo.read(), str(path)):
        time.sleep(EVERY_SECONDS)
    sys.stdout.write(f"{path} is the node's own copy\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
