"""The `kfp` command, unmodified, against the server: every command that speaks to a backend."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kfp_api import compiled
from tests.kfp_api.servers import PlayedHub, Server, run_server
from tests.world import World

Kfp = Callable[..., Any]


@pytest.fixture(scope="module")
def plain(world: World, rights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Without TLS, on loopback: the command trusts public authorities only, and takes no other."""
    with run_server(world, rights, tmp_path_factory.mktemp("plain"), tls=False) as running:
        yield running


@pytest.fixture(scope="module")
def kfp(plain: Server, token: str, tmp_path_factory: pytest.TempPathFactory) -> Kfp:
    """Runs a command; gives its JSON, or its text where `text=True`."""
    environment = os.environ | {"HOME": str(tmp_path_factory.mktemp("home")), "PYTHONWARNINGS": "ignore"}
    program = Path(sys.executable).with_name("kfp")

    def run(*arguments: str, text: bool = False) -> Any:  # noqa: ANN401 - JSON
        form = "table" if text else "json"
        command = [str(program), "--endpoint", plain.url, "--existing-token", token, "--output", form, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, input="y\n")
        assert done.returncode == 0, done.stdout + done.stderr
        # Before its JSON it prints links.
        return done.stdout if text else json.loads(done.stdout[min(map(done.stdout.find, '{["'), key=_found) :])

    return run


def _found(index: int) -> int:
    return index if index >= 0 else sys.maxsize


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A compiled pipeline."""
    path = tmp_path / "counting.yaml"
    path.write_text(compiled.text())
    return str(path)


def test_experiments(kfp: Kfp) -> None:
    """create, list, get, archive, unarchive, delete."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    made = kfp("experiment", "create", name)
    identity = made["experiment_id"]
    assert kfp("experiment", "get", identity)["display_name"] == name
    assert name in kfp("experiment", "list", "--max-size", "200", text=True)
    kfp("experiment", "archive", "--experiment-id", identity)
    assert kfp("experiment", "get", identity)["storage_state"] == "ARCHIVED"
    kfp("experiment", "unarchive", "--experiment-name", name)
    assert kfp("experiment", "get", identity)["storage_state"] == "AVAILABLE"
    assert "deleted" in kfp("experiment", "delete", identity, text=True)


def test_pipelines(kfp: Kfp, package: str) -> None:
    """create, create-version, get, get-version, list, list-versions, delete-version, delete."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    pipeline = kfp("pipeline", "create", "-p", name, "-d", "counts", package)["pipeline_id"]
    version = kfp("pipeline", "create-version", "-v", "second", "-p", pipeline, package)["pipeline_version_id"]
    assert kfp("pipeline", "get", pipeline)["description"] == "counts"
    assert kfp("pipeline", "get-version", pipeline, version)["display_name"] == "second"
    assert name in kfp("pipeline", "list", "--max-size", "200", text=True)
    listed = kfp("pipeline", "list-versions", pipeline)
    assert {each["display_name"] for each in listed} == {name, "second"}
    for each in listed:
        kfp("pipeline", "delete-version", pipeline, each["pipeline_version_id"], text=True)
    assert "deleted" in kfp("pipeline", "delete", pipeline, text=True)


def test_runs(kfp: Kfp, plain: Server, package: str) -> None:
    """Create and watch, list, get, archive, unarchive, delete."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    with PlayedHub(plain.world):
        told = kfp("run", "create", "-e", name, "-r", "by hand", "-f", package, "-w", "start=4", text=True)
    assert "SUCCEEDED" in told
    experiment = next(
        each["experiment_id"] for each in kfp("experiment", "list", "--max-size", "200") if each["display_name"] == name
    )
    (run,) = kfp("run", "list", "-e", experiment)
    identity = run["run_id"]
    assert kfp("run", "get", identity)["state"] == "SUCCEEDED"
    assert kfp("run", "archive", identity)["storage_state"] == "ARCHIVED"
    assert kfp("run", "unarchive", identity)["storage_state"] == "AVAILABLE"
    assert "deleted" in kfp("run", "delete", identity, text=True)


def test_recurring_runs(kfp: Kfp) -> None:
    """There are none."""
    assert kfp("recurring-run", "list") == []
