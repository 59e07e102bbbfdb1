"""Runs last in its folder: it takes away the cluster that the others used."""

import subprocess
from collections.abc import Callable

import pytest

from devcluster import teardown
from devcluster.layout import Layout

Run = Callable[..., "subprocess.CompletedProcess[str]"]
NAME = "test-demo"


@pytest.mark.real
def test_down_leaves_nothing(demo: str, run: Run) -> None:
    """No process, mount, namespace, control group, link or file of the cluster stays."""
    if not demo:
        pytest.skip("the demo was up before and stays up")
    assert teardown.leftovers(NAME)
    done = run("make down")
    assert done.returncode == 0, done.stderr
    assert not teardown.leftovers(NAME)
    assert not Layout.of(NAME).root.exists()
