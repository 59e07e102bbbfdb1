"""A real torch reads a dataset that Moorage has mounted."""

import json
from pathlib import Path

import pytest

from tests.debian_torch import DebianTorch
from tests.frameworks import data
from tests.frameworks.conftest import Platform


@pytest.mark.real
@pytest.mark.parametrize("copied", [False, True])
def test_workers_read_shuffled_epochs(
    platform: Platform, frameworks: Path, torch: DebianTorch, *, copied: bool
) -> None:
    """Each epoch has every sample once, in an order of its own: from the store, and from a copy of the node."""
    del frameworks  # one group with what uses them
    with platform.mounted("digits", copied=copied) as mounted:
        said = mounted.run("/usr/bin/python3", "with_torch.py", root=torch.root)
    first, second = map(json.loads, said.splitlines())
    for epoch in (first, second):
        assert (epoch["rows"], epoch["ink"]) == (len(data.images()), int(data.images().sum()))
    in_order = list(range(len(first["first"])))
    assert len({tuple(order) for order in (first["first"], second["first"], in_order)}) == 3
