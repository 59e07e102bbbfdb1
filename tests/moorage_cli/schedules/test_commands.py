"""`moorage schedules` against a real API server; the hub's part is played."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage_cli.main import moorage
from moorage_cli.running import run
from tests.world import World, eventually, make_world

Told = tuple[int, str, str]
Command = Callable[..., Told]

PIPELINE: dict[str, Any] = {
    "pipelineInfo": {"name": "Delay cover"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
    "root": {
        "dag": {"tasks": {}},
        "inputDefinitions": {
            "parameters": {
                "weight": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1},
                "version": {"parameterType": "STRING", "defaultValue": ""},
            }
        },
    },
}


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """Namespaces of this room, with the CRDs."""
    with make_world(plane, "clisched") as made:
        yield made


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`moorage schedules ...` in the reader's namespace: exit code, stdout and stderr."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))

    def type_in(*words: str) -> Told:
        capsys.readouterr()
        code = run(moorage, "moorage", ["schedules", *words, "-n", world.reader])
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_in


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    """A compiled pipeline."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(PIPELINE))
    return str(path)


def _object(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.kubectl("get", "pipelineschedule", name, "-n", world.reader, "-o", "json"))
    return found


def test_create(world: World, command: Command, pipeline: str) -> None:
    """With times, Datasets and a template; and it says when the first run is due."""
    words = ["nightly", pipeline, "--cron", "0 3 * * *", "--time-zone", "Europe/Berlin", "--overlap", "forbid"]
    words += ["--on", "stewards/claims=version", "--settle", "5m", "--keep-days", "30", "-p", "weight=0.5"]
    code, out, _ = command("create", *words)
    assert code == 0
    assert f"moorage schedules show nightly -n {world.reader}" in out
    assert "It is due at 20" in out
    spec = _object(world, "nightly")["spec"]
    template = spec.pop("template")["spec"]
    assert spec == {
        "schedule": "0 3 * * *",
        "timeZone": "Europe/Berlin",
        "concurrencyPolicy": "Forbid",
        "triggers": [
            {
                "dataset": {"namespace": "stewards", "name": "claims"},
                "parameter": "version",
                "debounceSeconds": 300,
            }
        ],
    }
    assert yaml.safe_load(template["pipeline"]["inline"]) == PIPELINE
    assert (template["parameters"], template["retention"]) == ({"weight": 0.5}, {"days": 30})


def test_a_dry_run_creates_nothing(world: World, command: Command, pipeline: str) -> None:
    """And prints what would be created, as the API server has checked it."""
    code, out, _ = command("create", "dry", pipeline, "--every", "6h", "--dry-run", "-o", "yaml")
    assert (code, yaml.safe_load(out)["spec"]["everySeconds"]) == (0, 21600)
    assert "/dry" not in world.kubectl("get", "pipelineschedules", "-n", world.reader, "-o", "name")


def test_a_long_pipeline_goes_with_its_schedule(world: World, command: Command, tmp_path: Path) -> None:
    """In a ConfigMap."""
    path = tmp_path / "long.yaml"
    path.write_text(f"# {'x' * 1_100_000}\n{yaml.safe_dump(PIPELINE)}")
    assert command("create", "long", str(path), "--every", "6h", "--paused")[0] == 0
    template = _object(world, "long")["spec"]["template"]["spec"]
    assert template["pipeline"] == {"configMapRef": {"name": "long", "key": "pipeline.yaml.gz"}}
    assert command("delete", "long")[0] == 0
    eventually(lambda: "long" not in world.kubectl("get", "configmaps", "-n", world.reader, "-o", "name"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "is required: say when it is to run"),
        (["--cron", "0 25 * * *"], "spec.schedule"),
        (["--cron", "@daily", "--time-zone", "Mars/Olympus"], "spec.timeZone"),
        (["--every", "0s"], "spec.everySeconds"),
        (["--every", "6h", "--start", "tomorrow"], "spec.startTime"),
        (["--every", "6h", "--start", "2027-01-01T00:00:00Z", "--end", "2026-01-01T00:00:00Z"], "endTime"),
        (["--on", "claims=colour"], "colour: is no parameter of this pipeline"),
        (["--on", "claims=weight"], "weight: is a NUMBER_DOUBLE"),
        (["--on", "claims", "--on", "claims"], "spec.triggers"),
        (["--every", "6h", "-p", "colour=red"], "colour"),
    ],
)
def test_what_can_not_be_used_creates_nothing(
    world: World, command: Command, pipeline: str, words: list[str], told: str
) -> None:
    """Exit code 2, and what is meant."""
    code, _, err = command("create", "wrong", pipeline, *words)
    assert (code, told in err) == (2, True), err
    assert "/wrong" not in world.kubectl("get", "pipelineschedules", "-n", world.reader, "-o", "name")


def test_list_show_pause_resume_and_delete(world: World, command: Command, pipeline: str) -> None:
    """A schedule through its life, as the hub would write it."""
    assert command("create", "life", pipeline, "--every", "6h")[0] == 0
    uid = _object(world, "life")["metadata"]["uid"]
    run_of = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "StretchedPipeline",
        "metadata": {"name": "life-1", "namespace": world.reader, "labels": {"moorage.dev/schedule": uid}},
        "spec": {"pipeline": {"inline": "{}"}},
    }
    world.apply(run_of)
    code, out, _ = command("show", "life")
    assert (code, "unseen" in out, "life-1" in out, "Planning" in out) == (0, True, True, True)

    assert command("pause", "life")[0] == 0
    assert _object(world, "life")["spec"]["suspend"] is True
    assert " paused " in command("list")[1]
    code, out, _ = command("resume", "life")
    assert (code, "the next at 20" in out) == (0, True)
    assert _object(world, "life")["spec"]["suspend"] is False

    told = {"type": "Ready", "status": "False", "message": "run life-2 can't be made: no"}
    world.set_status("pipelineschedule", "life", {"conditions": [told]}, world.reader)
    code, out, _ = command("show", "life")
    assert (code, "run life-2 can't be made: no" in out) == (1, True)
    assert "pipelineschedule.moorage.dev/life" in command("list", "-o", "name")[1]
    assert json.loads(command("show", "life", "-o", "json")[1])["metadata"]["uid"] == uid

    code, out, _ = command("delete", "life")
    assert (code, "its runs stay" in out) == (0, True)
    assert "/life-1" in world.kubectl("get", "stretchedpipelines", "-n", world.reader, "-o", "name")


def test_what_is_not_there(command: Command) -> None:
    """Exit code 1, with the name; of several that are deleted, the others are."""
    for words in (["show", "absent"], ["pause", "absent"], ["resume", "absent"], ["delete", "absent"]):
        code, _, err = command(*words)
        assert (code, "absent" in err) == (1, True)


def test_a_name_that_is_too_long_is_refused(command: Command, pipeline: str) -> None:
    """Runs' names begin with it."""
    code, _, err = command("create", "n" * 41, pipeline, "--every", "6h")
    assert (code, "metadata.name" in err, "40 characters" in err) == (2, True, True)
