"""When the pod that waits for a copy has it: by what mountinfo says, and nothing else."""

import pytest

from node_plugin import mountinfo
from node_plugin.sidecar.await_copy import is_copy

PATH = "/mnt/datasets/claims"
ROOT = b"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
DEAD = b"2 1 0:50 / /mnt/datasets/claims ro master:5 - fuse.moorage moorage ro\n"
SERVED = b"3 2 0:51 / /mnt/datasets/claims ro master:6 - fuse.moorage moorage ro\n"
COPY = b"4 3 8:1 /cache/objects /mnt/datasets/claims ro master:7 - ext4 /dev/sda rw\n"
TAKEN = b"5 4 0:52 / /mnt/datasets/claims ro - fuse.moorage moorage ro\n"
BOUND = b"6 1 8:1 /cache/objects /mnt/datasets/claims ro - ext4 /dev/sda rw\n"


@pytest.mark.parametrize(
    ("lines", "there"),
    [
        (ROOT, False),
        (ROOT + DEAD, False),
        (ROOT + DEAD + SERVED, False),
        (ROOT + DEAD + SERVED + COPY, True),
        (COPY + SERVED + DEAD + ROOT, True),
        (ROOT + DEAD + SERVED + COPY + TAKEN, False),
        (ROOT + BOUND, True),
    ],
)
def test_what_lies_topmost_decides(lines: bytes, there: bool) -> None:  # noqa: FBT001 - a table's column
    """Streams are FUSEs, and so is what lies on a copy that was taken away."""
    assert is_copy(mountinfo.parse(lines), PATH) is there
