"""`moorage run` and `moorage runs` against a real API server; a hub is played where one must answer."""

import base64
import gzip
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage_cli.main import moorage
from moorage_cli.running import INTERRUPTED, run
from tests.world import World, eventually, make_world

Told = tuple[int, str, str]
Command = Callable[..., Told]

PIPELINE: dict[str, Any] = {
    "pipelineInfo": {"name": "Delay cover"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
    "root": {
        "dag": {"tasks": {}},
        "inputDefinitions": {"parameters": {"weight": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1}}},
    },
}


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """Namespaces of this room, with the CRDs."""
    with make_world(plane, "clirun") as made:
        yield made


@pytest.fixture
def command(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`moorage ...` in the reader's namespace: exit code, stdout and stderr."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))

    def type_in(*words: str) -> Told:
        capsys.readouterr()
        code = run(moorage, "moorage", [*words, "-n", world.reader])
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_in


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A compiled pipeline."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(PIPELINE))
    return path


def _object(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        world.kubectl("get", "stretchedpipeline", name, "-n", world.reader, "-o", "json")
    )
    return found


def test_run_creates_a_stretched_pipeline(world: World, command: Command, pipeline: Path) -> None:
    """With the pipeline's text, its parameters and its objective; the name is made of the pipeline's."""
    code, out, _ = command("run", str(pipeline), "-p", "weight=0.5", "--objective", "carbon", "--no-follow")
    assert code == 0
    name = out.split()[0].partition("/")[2]
    assert name.startswith("delay-cover-")
    spec = _object(world, name)["spec"]
    assert yaml.safe_load(spec["pipeline"]["inline"]) == PIPELINE
    assert (spec["parameters"], spec["objective"]) == ({"weight": 0.5}, "carbon")


def test_a_long_pipeline_goes_into_a_config_map(world: World, command: Command, tmp_path: Path) -> None:
    """Which is gone when the run is."""
    path = tmp_path / "long.yaml"
    path.write_text(f"# {'x' * 1_100_000}\n{yaml.safe_dump(PIPELINE)}")
    code, _, _ = command("run", str(path), "--name", "long", "--no-follow")
    assert code == 0
    assert _object(world, "long")["spec"]["pipeline"] == {"configMapRef": {"name": "long", "key": "pipeline.yaml.gz"}}
    held = json.loads(world.kubectl("get", "configmap", "long", "-n", world.reader, "-o", "json"))
    assert gzip.decompress(base64.b64decode(held["binaryData"]["pipeline.yaml.gz"])) == path.read_bytes()
    world.kubectl("delete", "stretchedpipeline", "long", "-n", world.reader)
    eventually(lambda: "long" not in world.kubectl("get", "configmaps", "-n", world.reader, "-o", "name"))


def test_a_bad_pipeline_creates_nothing(world: World, command: Command, tmp_path: Path) -> None:
    """Exit code 2, and the place in the file."""
    path = tmp_path / "bad.yaml"
    path.write_text("schemaVersion: 2.1.0\n")
    before = world.kubectl("get", "stretchedpipelines", "-n", world.reader, "-o", "name")
    code, _, err = command("run", str(path), "--no-follow")
    assert (code, "pipelineInfo" in err) == (2, True)
    assert world.kubectl("get", "stretchedpipelines", "-n", world.reader, "-o", "name") == before


def test_list_show_approve_cancel_and_retry(world: World, command: Command, pipeline: Path) -> None:
    """A run through its life, as the hub would write it."""
    command("run", str(pipeline), "--name", "life", "--wait-for-approval", "--no-follow")
    digest = "cd" * 32
    world.set_status(
        "stretchedpipeline",
        "life",
        {"phase": "AwaitingApproval", "plan": {"digest": digest, "objective": "money", "value": "0.5", "gap": "0"}},
        world.reader,
    )
    _, out, _ = command("runs", "list")
    (told,) = [line.split() for line in out.splitlines() if line.startswith("life ")]
    assert told[1:5] == ["AwaitingApproval", "-", "money", "0.5"]
    code, out, _ = command("runs", "show", "life")
    assert (code, "The plan cdcdcdcdcdcd waits for approval." in out) == (0, True)
    assert command("runs", "approve", "life", "--plan", "ef")[0] == 2
    assert command("runs", "approve", "life")[0] == 0
    assert _object(world, "life")["spec"]["approvedPlan"] == digest
    code, _, err = command("runs", "retry", "life")
    assert (code, "is AwaitingApproval: only a run that failed can go on" in err) == (1, True), err
    world.set_status("stretchedpipeline", "life", {"phase": "Failed"}, world.reader)
    assert command("runs", "retry", "life")[0] == 0
    assert command("runs", "retry", "life")[0] == 0
    world.set_status("stretchedpipeline", "life", {"phase": "Running"}, world.reader)
    assert command("runs", "cancel", "life")[0] == 0
    spec = _object(world, "life")["spec"]
    assert (spec["retries"], spec["cancel"]) == (2, True)
    world.set_status("stretchedpipeline", "life", {"phase": "Cancelled"}, world.reader)
    assert command("runs", "show", "life")[0] == 1
    for word in ("approve", "cancel"):
        code, _, err = command("runs", word, "life")
        assert (code, "has ended (Cancelled)" in err) == (1, True), err
    assert (
        "only a run that failed can go on; to run its pipeline again, create another run"
        in command("runs", "retry", "life")[2]
    )
    gone = {"phase": "Failed", "expired": "2026-11-30T12:00:00Z"}
    world.set_status("stretchedpipeline", "life", gone, world.reader)
    assert "what it left in the stores was deleted" in command("runs", "retry", "life")[2]
    command("run", str(pipeline), "--name", "at-once", "--no-follow")
    code, _, err = command("runs", "approve", "at-once")
    assert (code, "waits for no approval" in err) == (1, True), err


def test_following_ends_with_the_run(world: World, command: Command, pipeline: Path) -> None:
    """Each change is a line, and the exit code says how it ended."""
    command("run", str(pipeline), "--name", "followed", "--no-follow")
    group = {"id": "eu-1-1", "site": "eu-1", "attempt": 1}
    steps = [
        {"phase": "Running", "groups": [group | {"phase": "Running"}]},
        {"phase": "Failed", "message": "task train failed: exit code 1", "groups": [group | {"phase": "Failed"}]},
    ]

    def play() -> None:
        for step in steps:
            world.set_status("stretchedpipeline", "followed", step, world.reader)

    timer = threading.Timer(2, play)
    timer.start()
    code, out, err = command("runs", "show", "followed", "--follow")
    timer.join()
    assert code == 1
    assert "followed: group eu-1-1 at eu-1 Failed" in out.splitlines()
    assert out.splitlines()[-1] == "task train failed: exit code 1"
    assert f"moorage runs retry followed -n {world.reader}" in err


def test_what_is_not_there(command: Command) -> None:
    """Exit code 1, with the name."""
    code, _, err = command("runs", "show", "absent", "--follow")
    assert (code, "absent" in err) == (1, True)


def test_interrupting_says_that_the_run_goes_on(world: World, command: Command, pipeline: Path) -> None:
    """And how to see it again."""
    command("run", str(pipeline), "--name", "left", "--no-follow")
    world.set_status("stretchedpipeline", "left", {"phase": "Running", "message": "all is well"}, world.reader)
    program = str(Path(sys.executable).with_name("moorage"))
    kubeconfig = str(world.cluster.kubeconfig_path)
    following = subprocess.Popen(
        [program, "runs", "show", "left", "--follow", "-n", world.reader, "--kubeconfig", kubeconfig],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline() == "left: Running: all is well\n"
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=60)
    assert following.returncode == INTERRUPTED
    assert f"moorage runs show left -n {world.reader} --follow" in err
