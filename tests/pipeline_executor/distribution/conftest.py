"""The ways to a cluster, each on the same two API servers as the hub's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from tests.pipeline_executor.distribution.grounds import GROUNDS, Ground
from tests.pipeline_executor.hub.conftest import nothing_left, rights, stage, store, two_planes
from tests.pipeline_executor.hub.stage import Stage

__all__ = ["nothing_left", "rights", "stage", "store", "two_planes"]


@pytest.fixture(params=GROUNDS)
async def ground(
    request: pytest.FixtureRequest, stage: Stage, two_planes: tuple[Cluster, Cluster], tmp_path: Path
) -> AsyncIterator[Ground]:
    """Each way in turn."""
    async with GROUNDS[request.param](stage, two_planes[1], tmp_path) as made:
        yield made
