"""The Dockerfiles are clean and say the same as the recipes that the development cluster builds from."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devcluster.images.recipes import COMPONENTS, IMAGE_CONFIG, Recipe
from devcluster.images.sources import REPOSITORY

_DOCKERFILES = {
    "operator": "dataset_operator/Dockerfile",
    "broker": "broker/Dockerfile",
    "webhook": "webhook/Dockerfile",
    "scheduler": "scheduler_plugin/Dockerfile",
    "node-plugin": "node_plugin/Dockerfile",
    "mount": "node_plugin/sidecar.Dockerfile",
}


def test_every_component_of_ours_has_a_dockerfile() -> None:
    """Images that hold our code are the ones that people build; the others are the development cluster's own."""
    assert set(_DOCKERFILES) == {name for name, recipe in COMPONENTS.items() if recipe.packages}


@pytest.mark.parametrize("path", _DOCKERFILES.values())
def test_hadolint_is_content(path: str) -> None:
    """The linter for Dockerfiles finds nothing."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, REPOSITORY / path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(("name", "path"), _DOCKERFILES.items())
def test_a_dockerfile_says_what_the_recipe_says(name: str, path: str) -> None:
    """Same pins, same packages, same command, same user, same environment."""
    text = (REPOSITORY / path).read_text()
    recipe: Recipe = COMPONENTS[name]
    copied = re.findall(r"^COPY (\w+) /app/\1$", text, re.MULTILINE)
    assert copied == ["moorage", *recipe.packages]
    assert re.findall(r"^COPY requirements/(\S+) ", text, re.MULTILINE) == [recipe.requirements]
    assert "--require-hashes" in text
    assert re.findall(r"/wheels/bin/(\S+) ", text) == list(recipe.wheel_programs)
    commands = re.findall(r"^CMD (.*)$", text, re.MULTILINE)
    assert [tuple(json.loads(command)) for command in commands] == [recipe.command]
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == [IMAGE_CONFIG.user]
    for variable in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
        assert f"{variable}={IMAGE_CONFIG.environment[variable]}" in text
