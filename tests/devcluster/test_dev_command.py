"""`moorage dev`, as a person types it, against a real control plane."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from devcluster.cluster import Cluster
from moorage.errors import DevClusterError, InputError
from moorage_cli.dev import dev, read_sites


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("eu-1=2,us-1=1", {"eu-1": 2, "us-1": 1}),
        ("eu-1, us-1", {"eu-1": 3, "us-1": 3}),
        ("eu-1=0", {"eu-1": 0}),
        ("", {}),
    ],
)
def test_sites_are_read(text: str, sites: dict[str, int]) -> None:
    """A site without a number gets the number of --nodes."""
    assert read_sites(text, 3) == sites


@pytest.mark.parametrize("text", ["eu-1=two", "eu-1=", "eu-1,eu-1", "eu-1=-1"])
def test_unreadable_sites_are_refused(text: str) -> None:
    """With how to write them."""
    with pytest.raises(InputError, match="for example eu-1=2,us-1"):
        read_sites(text, 1)


def test_env_makes_a_shell_reach_the_cluster(plane: Cluster, tmp_path: Path) -> None:
    """What is printed, evaluated by a shell, lets plain `kubectl` answer."""
    printed = CliRunner().invoke(dev, ["env", "--name", plane.name])
    assert printed.exit_code == 0
    script = f"{printed.output}\nkubectl get namespace default -o name"
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}  # kubectl keeps what it finds out in HOME
    answer = subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True, env=environment)
    assert answer.stdout == "namespace/default\n"


def test_status_tells_what_runs(plane: Cluster) -> None:
    """For people and for programs."""
    table = CliRunner().invoke(dev, ["status", "--name", plane.name])
    assert plane.name in table.output
    listed = json.loads(CliRunner().invoke(dev, ["status", "--name", plane.name, "-o", "json"]).output)
    assert listed[0]["components"]["kube-apiserver"] is True
    assert listed[0]["name"] == plane.name


def test_an_unknown_cluster_is_named() -> None:
    """With what makes one; taking none apart is no failure."""
    failed = CliRunner().invoke(dev, ["env", "--name", "nowhere"])
    assert isinstance(failed.exception, DevClusterError)
    assert "`moorage dev up` makes one" in str(failed.exception)
    assert CliRunner().invoke(dev, ["down", "--name", "nowhere"]).exit_code == 0
