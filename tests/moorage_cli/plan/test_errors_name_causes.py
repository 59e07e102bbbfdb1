"""What a first user gets wrong: the error says why, and what to write."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage_cli.main import moorage
from moorage_cli.running import run
from tests.pipeline_splitter.kfp.ir import Raw, dag, group, leaf, platform, pod, spec, task

Run = Callable[..., tuple[int, str, str]]
SITE = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Site", "metadata": {"name": "eu-1"}, "spec": {}}
LOOP = {"parameterIterator": {"itemInput": "item", "items": {"raw": "[1, 2]"}}}
READS = pod({"dataset.0.id": "claims", "dataset.0.useas": "mount"})


def claims(namespace: str, **governance: Any) -> Raw:  # noqa: ANN401 - raw JSON
    """A Dataset at eu-1."""
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": "claims", "namespace": namespace},
        "spec": {
            "sources": [{"site": "eu-1", "s3": {"endpoint": "https://s3.example", "bucket": "b"}}],
            "governance": governance,
        },
    }


@pytest.fixture
def moor(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Plans a pipeline in which `fit` reads a dataset and `loop` repeats `train`: exit code, stdout, stderr."""
    train = {**task("train"), "taskInfo": {"name": "Train the model"}}
    tasks = {"fit": {**task("fit"), "taskInfo": {"name": "Fit \x1b[31mit"}}, "loop": group("body", **LOOP)}
    components = {
        "fit": leaf("exec-fit"),
        "train": leaf("exec-train", makes=["model"]),
        "body": dag({"train": train}, parameters=["item"]),
    }

    def call(
        *options: str, reads: bool = True, hints: Raw | None = None, datasets: Raw | None = None
    ) -> tuple[int, str, str]:
        documents: list[Any] = [spec(dag(tasks), components)]
        if reads:
            documents.append(platform({"exec-fit": READS}))
        files = {
            "pipeline": documents,
            "sites": [SITE],
            "hints": hints and [hints],
            "datasets": datasets and [datasets],
        }
        words = ["plan", str(tmp_path / "pipeline.yaml")]
        for name, content in files.items():
            if content:
                (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(content))
                words += [] if name == "pipeline" else [f"--{name}", str(tmp_path / f"{name}.yaml")]
        code = run(moorage, "moorage", [*words, *options])
        return (code, *capfd.readouterr())

    return call


def test_datasets_that_nobody_gave(moor: Run, tmp_path: Path) -> None:
    """Bad usage, not an impossible plan: planning and checking say so, and a pipeline without any needs none."""
    code, _, err = moor()
    assert code == 2
    assert "--datasets: file: is missing, and task fit names dataset default/claims" in err
    assert moor(reads=False)[0] == 0
    (tmp_path / "out").mkdir()
    (tmp_path / "out/plan.json").write_text("{}")
    code, _, err = moor("--check", str(tmp_path / "out"))
    assert (code, "--datasets" in err) == (2, True)


@pytest.mark.parametrize(
    ("hints", "place", "remedy"),
    [
        ({"tasks": {"train": {"seconds": 5}}}, "tasks[train]", "it is inside loop, so write loop/train"),
        ({"artifacts": {"train.model": {"bytes": 5}}}, "artifacts[train.model]", "so write loop/train.model"),
        (
            {"tasks": {"Train the model": {"seconds": 5}}},
            "tasks[Train the model]",
            "is a display name: write loop/train",
        ),
    ],
)
def test_a_hint_on_a_task_in_a_loop(moor: Run, hints: Raw, place: str, remedy: str) -> None:
    """Where it is, and what its path is."""
    code, _, err = moor(hints=hints, reads=False)
    assert code == 2
    assert place in err
    assert remedy in err


NAMESPACE = "(no hint says in which namespace the task runs, so default was assumed: set defaults.namespace in --hints)"


@pytest.mark.parametrize(
    "dataset", [claims("stewards"), claims("default", consumers=["stewards"])], ids=["name", "rule"]
)
def test_a_namespace_that_nobody_said(moor: Run, dataset: Raw) -> None:
    """Where it decides: which dataset is meant, and who may read it. Not where somebody said it."""
    code, _, err = moor(datasets=dataset)
    assert (code, NAMESPACE in err) == (3, True)
    code, _, err = moor(datasets=dataset, hints={"defaults": {"namespace": "default"}})
    assert (code, NAMESPACE in err) == (3, False)


def test_a_refusal_for_another_reason_does_not_speak_of_namespaces(moor: Run) -> None:
    """A purpose is missing, whoever reads."""
    code, _, err = moor(datasets=claims("default", purposes=["research"]))
    assert (code, NAMESPACE in err) == (3, False)


def test_explain_knows_loops_and_display_names(moor: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is inside of a loop is placed with it; a terminal obeys no display name."""
    out = tmp_path / "out"
    assert moor("-o", str(out), reads=False)[0] == 0
    assert {each["name"]: each.get("displayName") for each in json.loads((out / "plan.json").read_text())["tasks"]} == {
        "fit": "Fit [31mit",
        "loop": None,
    }
    assert run(moorage, "moorage", ["plan", "explain", str(out), "loop/train"]) == 2
    assert "it is inside loop, which is placed as one unit: ask for loop" in capfd.readouterr().err
    assert run(moorage, "moorage", ["plan", "explain", str(out), "Fit [31mit"]) == 0
    assert "Fit [31mit (fit) runs at eu-1" in capfd.readouterr().out
