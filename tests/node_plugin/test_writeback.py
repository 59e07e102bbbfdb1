"""What the kernel is asked to write out while a copy comes."""

import os
from pathlib import Path

import pytest

from node_plugin.filler.writeback import Writeback, begin_writing

MIB = 1 << 20


@pytest.mark.parametrize(
    ("pieces", "begun"),
    [
        ([MIB // 2], []),  # small: the kernel writes out many of those at once
        ([MIB], [(0, MIB)]),
        ([4 * MIB, MIB], [(0, 4 * MIB), (4 * MIB, MIB)]),
        ([MIB, MIB, MIB, MIB, MIB // 2], [(0, 4 * MIB)]),
        ([3 * MIB, 3 * MIB, 3 * MIB], [(0, 6 * MIB), (6 * MIB, 3 * MIB)]),
    ],
)
def test_each_byte_is_begun_once(pieces: list[int], begun: list[tuple[int, int]]) -> None:
    """In steps, the end of it too, but for what is too little."""
    asked: list[tuple[int, int]] = []
    writeback = Writeback(7, lambda _descriptor, offset, count: asked.append((offset, count)))
    reached = 0
    for number, piece in enumerate(pieces):
        reached += piece
        writeback.wrote(reached, all_of_it=number == len(pieces) - 1)
    assert asked == begun


def test_the_kernel_takes_it(tmp_path: Path) -> None:
    """On a real file; where it does not, nothing is lost, as all is synced at the end."""
    with (tmp_path / "file").open("wb") as file:
        os.write(file.fileno(), b"x" * MIB)
        assert begin_writing(file.fileno(), 0, MIB)
        assert not begin_writing(-1, 0, MIB)
