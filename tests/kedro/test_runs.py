"""A real Kedro project, run by `kedro run`, unchanged: what lies between its nodes lies in memory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kedro
import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from moorage.kedro import ThreadRunner
from moorage.memory import default_place
from tests.kedro.project import make_project

ROOT = Path(__file__).parents[2]
HOURS = pd.Series(range(200_000)) / 60.0
OWN_SUM, OWN_MEANS = float(HOURS.sum()), sorted([float(HOURS[::2].mean()), float(HOURS[1::2].mean())])


def kedro_run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the pipeline."""
    here = {**os.environ, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1", **environment}
    command = [sys.executable, "-m", "kedro", "run", *options]
    return subprocess.run(command, cwd=folder, env=here, capture_output=True, text=True, check=False)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What its last node printed."""
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("TOLD "))
    found: dict[str, Any] = json.loads(line.removeprefix("TOLD "))
    return found


def left() -> set[str]:
    """What runs left where a user's objects lie unless something else is said."""
    shared = Path(default_place())
    return {path.name for path in shared.iterdir() if path.name.startswith(".kedro-")} if shared.exists() else set()


@pytest.mark.parametrize(
    ("runner", "settings"),
    [
        ("moorage.kedro.SequentialRunner", ""),
        ("moorage.kedro.ParallelRunner", ""),
        ("ParallelRunner", "from moorage.kedro import MemoryHooks\n\nHOOKS = (MemoryHooks(),)\n"),
    ],
    ids=["one by one", "processes", "a line in the settings, in processes"],
)
def test_a_pipeline_gives_what_it_gave_and_its_data_lies_in_memory(tmp_path: Path, runner: str, settings: str) -> None:
    """The figures are those of Kedro's own runner; frames are read where they lie, and nothing is left."""
    make_project(tmp_path, kedro.__version__, settings)
    before = left()
    ours = told(kedro_run(tmp_path, "--runner", runner))
    assert ours["shared"] is True
    assert (ours["sum"], ours["means"]) == (pytest.approx(OWN_SUM), pytest.approx(OWN_MEANS))
    assert left() <= before


def test_kedro_s_own_runner_gives_the_same(tmp_path: Path) -> None:
    """And does not share: so the figures above are Kedro's, and the looking is right."""
    make_project(tmp_path, kedro.__version__)
    own = told(kedro_run(tmp_path, "--runner", "SequentialRunner"))
    assert (own["sum"], own["means"]) == (pytest.approx(OWN_SUM), pytest.approx(OWN_MEANS))
    assert own["shared"] is False


def test_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner for threads, in this process."""
    monkeypatch.setenv("MOORAGE_MEMORY", str(tmp_path))
    nodes = [node(lambda: np.arange(10), None, "made"), node(lambda made: made * 2, "made", "doubled")]
    outputs = ThreadRunner().run(Pipeline(nodes), DataCatalog())
    assert outputs["doubled"].load().tolist() == list(range(0, 20, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["doubled"]


def test_nodes_that_run_in_commands_of_their_own_hand_over_by_the_directory_they_are_given(tmp_path: Path) -> None:
    """As the pods of one run on one node do."""
    given = tmp_path / "given"
    make_project(tmp_path / "project", kedro.__version__)
    runner = ("--runner", "moorage.kedro.SequentialRunner")
    first = kedro_run(tmp_path / "project", *runner, "--nodes", "load,clean", MOORAGE_MEMORY=str(given))
    assert first.returncode == 0, first.stdout + first.stderr
    assert [path.name for path in given.iterdir()] == ["cleaned"]
    second = kedro_run(tmp_path / "project", *runner, "--from-nodes", "total,model", MOORAGE_MEMORY=str(given))
    assert told(second)["shared"] is True


def test_a_node_that_is_killed_leaves_a_run_that_failed_and_nothing_else(tmp_path: Path) -> None:
    """Its run ends as Kedro says, and the directory of the run goes."""
    make_project(tmp_path, kedro.__version__)
    registry = tmp_path / "src/flights/pipeline_registry.py"
    registry.write_text(registry.read_text().replace("    lies = ", "    os.kill(os.getpid(), 9)\n    lies = "))
    before = left()
    done = kedro_run(tmp_path, "--runner", "moorage.kedro.ParallelRunner")
    assert done.returncode != 0
    assert left() <= before
