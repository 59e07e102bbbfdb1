"""The README's commands, run in the order in which it gives them: the main job on real nodes, end to end."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.scenes import SCENES

REPOSITORY = Path(__file__).parents[2]
NAME = "test-demo"
# What a test can't run: this very test run, and what a person must have before anything runs.
NOT_HERE = ("make test",)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def commands_of(page: str) -> list[str]:
    """Every command of the page's `console` blocks: lines that begin with a dollar sign, joined where they go on."""
    blocks = re.findall(r"```console\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)
    return [
        line.removeprefix("$ ")
        for block in blocks
        for line in block.replace("\\\n", "").splitlines()
        if line.startswith("$ ")
    ]


COMMANDS = commands_of("README.md")


@pytest.mark.real
def test_the_demo_shows_every_scene(demo: str) -> None:
    """Each scene raises where its promise is not kept, so that the titles in order mean that all were."""
    if not demo:
        pytest.skip("the demo was up before; its scenes were not played again")
    positions = [demo.index(f"{number}. {title}") for number, (title, _) in enumerate(SCENES, 1)]
    assert positions == sorted(positions)
    assert "make down" in demo


@pytest.mark.real
def test_the_demo_measures_a_stream_and_a_copy(demo: str) -> None:
    """With the figures of this very run, beside the refusal of who states no purpose."""
    if not demo:
        pytest.skip("the demo was up before; its scenes were not played again")
    streamed = re.search(r"streamed from the store: ([0-9.]+) MB in \d+ ms, \d+ MB/s, on (\S+)", demo)
    copied = re.search(r"from the node's copy: ([0-9.]+) MB in \d+ ms, \d+ MB/s, on (\S+)", demo)
    assert streamed
    assert copied
    assert streamed[1] == copied[1]
    assert "PurposeMissing" in demo[streamed.end() : copied.start()]
    assert f"{copied[2]}: all of it" in demo[streamed.end() : copied.start()]


@pytest.mark.real
@pytest.mark.parametrize("command", [each for each in COMMANDS if not each.startswith("make ")])
def test_every_command_of_the_readme_works(demo: str, run: Run, command: str) -> None:
    """A command of the README succeeds on the demo's cluster; one that is shown to be refused is refused."""
    del demo
    done = run(command)
    refusal = command.startswith("kubectl apply") and "refused" in command
    assert (done.returncode != 0) == refusal, done.stdout + done.stderr


@pytest.mark.real
def test_what_the_demo_prints_makes_a_bucket(demo: str, run: Run) -> None:
    """Its last lines, pasted: the file is in the S3 server afterwards."""
    if demo:
        assert "moorage dev store" in demo
    store = f'eval "$(.venv/bin/moorage dev store --name {NAME} --site eu-1)"'
    done = run(f"{store} && .venv/bin/rclone copy README.md :s3:my-bucket/ && .venv/bin/rclone lsf :s3:my-bucket/")
    assert done.stdout == "README.md\n", done.stderr


@pytest.mark.real
def test_a_second_demo_finds_everything_and_plays_again(demo: str, run: Run) -> None:
    """With the cluster up, the scenes play again; nothing is in the way of itself."""
    del demo
    done = run(".venv/bin/python -m demo --scene 1 --scene 2", minutes=5)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_every_make_command_of_the_readme_is_run_somewhere(run: Run) -> None:
    """`make` commands of the README are targets; all but the test run itself are run above."""
    targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    makes = {command for command in COMMANDS if command.startswith("make ")}
    assert makes >= {"make demo", "make test", "make down"}
    for command in makes - {"make demo", "make down", *NOT_HERE}:
        assert command.split()[1] in targets
        assert run(f"{command} --dry-run").returncode == 0
    assert "make test" in (REPOSITORY / ".ci" / "run").read_text()
