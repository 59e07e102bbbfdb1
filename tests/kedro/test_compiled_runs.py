"""A compiled project gives by containers what `kedro run` gives, loads into kfp, and is placed by `moorage plan`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kedro
import pandas as pd
import pytest
from kfp import components

from moorage.memory import MemoryStore
from moorage.memory.objects import load
from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import read_program
from pipeline_splitter.documents import parse
from tests.kedro.compiled_project import make_compiled_project
from tests.pipeline_executor.engine.locally import LocalRun

ROOT = Path(__file__).parents[2]
FLIGHTS = pd.DataFrame({"delay": range(3000), "carrier": pd.Categorical(["a", "b", "c"] * 1000)})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, with its flights."""
    for name in ("DO_NOT_TRACK", "KEDRO_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    make_compiled_project(tmp_path / "project", kedro.__version__)
    MemoryStore(tmp_path / "project/memory").put("flights", FLIGHTS)
    return tmp_path / "project"


def command(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """A program of this environment."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def compiled(project: Path, *options: str) -> str:
    """What `moorage kedro compile` writes."""
    file = project / "pipeline.yaml"
    arguments = ["kedro", "compile", str(project), "--image", "flights:1", "--project-path", str(project)]
    program = "from moorage_cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "-o", str(file), *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return file.read_text()


def told(text: str) -> Any:  # noqa: ANN401 - JSON
    """What the last node printed."""
    lines = [line for line in text.splitlines() if line.startswith("TOLD ")]
    assert len(lines) == 1, text
    return json.loads(lines[0].removeprefix("TOLD "))


def test_it_gives_what_kedro_run_gives(project: Path, tmp_path: Path) -> None:
    """By the engine, each node a process of its own; parameters of the run are Kedro's, too."""
    text = compiled(project)
    for number, params in enumerate(({}, {"factor": 5})):
        by_kedro = command(
            "kedro", "run", *(["--params", "factor=5"] if params else []), folder=project
        )  # fmt: skip
        assert by_kedro.returncode == 0, by_kedro.stderr
        program = read_program(parse(text, "pipeline.yaml"), "pipeline.yaml")
        run = LocalRun(program, tmp_path / str(number), {"params": params} if params else {})
        last = run.to_the_end()
        assert last.phase is TaskPhase.SUCCEEDED, run.logs
        assert told("\n".join(run.logs.values())) == told(by_kedro.stdout)
        assert len({path for path, _ in run.started}) == 3
        assert last.outputs is not None
        (summary,) = (each for each in last.outputs.artifacts.values())
        made = load(Path(run._here(summary[0].uri, run.folder)))  # noqa: SLF001 - where it lies
        assert made["told"] == told(by_kedro.stdout)
        assert made["types"]["carrier"] == "category"


def test_kfp_loads_it_and_a_plan_places_it(project: Path) -> None:
    """At the site that the flights may not leave; kfp's own loader takes it, and each group of the plan."""
    text = compiled(project, "--purpose", "research")
    loaded = components.load_component_from_text(text)
    assert set(loaded.pipeline_spec.root.dag.tasks) == {"clean", "train", "train-2"}
    hints = project / "hints.yaml"
    hints.write_text("defaults: {namespace: delays-team}\n")
    plan = subprocess.run(
        [
            sys.executable, "-c", "from moorage_cli.main import main; main()", "plan", str(project / "pipeline.yaml"),
            "--sites", "examples/plan/sites.yaml", "--datasets", "examples/plan/datasets.yaml",
            "--hints", str(hints), "-o", str(project / "plan"),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert plan.returncode == 0, plan.stderr
    made = json.loads((project / "plan/plan.json").read_text())
    assert {task["name"]: task["site"] for task in made["tasks"]} == dict.fromkeys(
        ("clean", "train", "train-2"), "eu-1"
    )
    (group,) = (project / "plan/groups").glob("*.yaml")
    components.load_component_from_file(str(group))


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--pipeline", "other", "'other' is not registered: there are __default__, half"),
        ("--pipeline", "half", "node train: inputs: 'best.model' is made by no node"),
    ],
)
def test_what_cannot_be_compiled_says_why(project: Path, option: str, value: str, sentence: str) -> None:
    """And is exit code 2."""
    arguments = ["kedro", "compile", str(project), "--image", "flights:1", "-o", str(project / "p.yaml"), option, value]
    done = subprocess.run(
        [sys.executable, "-c", "from moorage_cli.main import main; main()", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
