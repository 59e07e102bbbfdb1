"""Both solvers on recorded workflows of up to 500 tasks."""

import math
import time
from pathlib import Path

import pytest

from bench.placement import checks, instances, workloads, worlds
from pipeline_splitter.problem import Limits
from pipeline_splitter.solving.highs import Highs
from pipeline_splitter.solving.messages import Messages
from tests.pipeline_splitter.shared_data import each, workflows

LARGEST_BYTES = 30_000
"""Recorded files of up to so many bytes have at most some 500 tasks."""


@each([path for path in workflows() if path.stat().st_size <= LARGEST_BYTES])
def test_solvers_agree(path: Path) -> None:
    """Neither finds anything cheaper than the other's bound, and all that is stated can be recomputed."""
    workload = workloads.read(path)
    if len(workload.seconds) > 500:
        pytest.skip("more than 500 tasks")
    problem = instances.problem(workload, worlds.draw(workload, 4, 1), "money")
    limits = Limits(gap=1e-6, deadline=math.inf, clock=time.monotonic)
    general, scaled = Highs().solve(problem, limits), Messages().solve(problem, limits)
    assert checks.check(problem, general) == checks.check(problem, scaled) == ""
    assert scaled.lower_bound <= general.value <= scaled.value * (1 + 2e-6)
    assert general.lower_bound <= scaled.value <= general.value * (1 + 2e-6)
