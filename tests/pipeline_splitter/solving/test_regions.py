"""Regions of a core."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_splitter.solving import core as cores
from pipeline_splitter.solving.regions import Regions
from pipeline_splitter.solving.search import flows
from tests.pipeline_splitter.solving.problems import SEEDS, drawn


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, most_flows=st.integers(0, 60))
def test_a_region_opens_some_blocks_and_leaves_the_others(seed: int, most_flows: int) -> None:
    """Each block may be at all its open sites or where it is, and the same seed draws the same regions."""
    problem = drawn(seed)
    core = cores.reduce(problem, problem.allowed, cores.topological_order(problem))
    if len(core.blocks) == 0:
        return
    choice = core.allowed.argmax(axis=1)
    stays = np.eye(core.allowed.shape[1], dtype=bool)[choice]
    one, other = Regions(core, 7), Regions(core, 7)
    for _ in range(5):
        region = one.around(core.allowed, choice, most_flows)
        assert all((row == core.allowed[i]).all() or (row == stays[i]).all() for i, row in enumerate(region))
        assert (region.sum(axis=1) > 1).any()
        assert flows(core, region) <= flows(core, core.allowed)
        assert (region == other.around(core.allowed, choice, most_flows)).all()
