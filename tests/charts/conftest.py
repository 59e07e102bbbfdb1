"""The chart, rendered by helm itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devcluster import binaries
from devcluster.progress import Silent
from tests.rendered import read_all

_CHART = Path(__file__).parents[2] / "charts/moorage"
_NAMESPACE = "moorage-system"


@pytest.fixture(scope="session")
def helm() -> Path:
    """The helm that the development cluster installs with."""
    return binaries.program("helm", Silent())


@pytest.fixture(scope="session")
def render(helm: Path) -> Callable[..., list[dict[str, Any]]]:
    """Renders the chart with some values set, as `render("guard.enabled=false")`; the values are JSON."""
    known: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def run(*values: str) -> list[dict[str, Any]]:
        if values not in known:
            arguments = [argument for value in values for argument in ("--set-json", value)]
            done = subprocess.run(
                [helm, "template", "moorage", _CHART, "--namespace", _NAMESPACE, *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            known[values] = read_all(done.stdout)
        return known[values]

    return run
