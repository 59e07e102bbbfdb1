"""The Dockerfiles are clean and say the same as the recipes that the development cluster builds from."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devcluster.images.recipes import COMPONENTS, IMAGE_CONFIG, Recipe
from devcluster.images.sources import REPOSITORY, copy_packages

_DOCKERFILES = {
    "operator": "dataset_operator/Dockerfile",
    "broker": "broker/Dockerfile",
    "webhook": "webhook/Dockerfile",
    "scheduler": "scheduler_plugin/Dockerfile",
    "kfp-api": "kfp_api/Dockerfile",
    "ui": "moorage_ui/Dockerfile",
    "node-plugin": "node_plugin/Dockerfile",
    "mount": "node_plugin/sidecar.Dockerfile",
    "task": "pipeline_executor/task_sidecar.Dockerfile",
    "executor": "pipeline_executor/Dockerfile",
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
    wanted = [recipe.requirements] if recipe.requirements else []
    assert re.findall(r"^COPY requirements/(\S+) ", text, re.MULTILINE) == wanted
    assert ("--require-hashes" in text) == bool(wanted)
    assert ("pip install" in text) == bool(wanted)
    assert re.findall(r"/wheels/bin/(\S+) ", text) == list(recipe.wheel_programs)
    commands = re.findall(r"^CMD (.*)$", text, re.MULTILINE)
    assert [tuple(json.loads(command)) for command in commands] == [recipe.command]
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == [IMAGE_CONFIG.user]
    for variable in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
        assert f"{variable}={IMAGE_CONFIG.environment[variable]}" in text


def ignored(name: str, patterns: list[str]) -> bool:
    """Whether Docker leaves a file out of what it is sent, by the lines of .dockerignore: the last that matches counts.

    A line is about what lies below, too. Only `*`, `**/NAME` and plain names are read here.
    """
    found = False
    for pattern in patterns:
        plain = pattern.removeprefix("!")
        parts = name.split("/")
        if plain == "*" or (parts[0] == plain) or (plain.startswith("**/") and plain[3:] in parts):
            found = not pattern.startswith("!")
        else:
            assert re.fullmatch(r"(\*\*/)?\w+", plain), f".dockerignore: this test can't read {pattern}"
    return found


def sent(folder: str) -> set[str]:
    """The files below a folder of a clone that `docker build .` copies."""
    patterns = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line]
    listed = subprocess.run(["git", "ls-files", folder], cwd=REPOSITORY, capture_output=True, check=True, text=True)
    return {name for name in listed.stdout.splitlines() if not ignored(name, patterns)}


def test_what_is_ignored() -> None:
    """As Docker reads it: everything, but what is named, but compiled modules in it."""
    patterns = ["*", "!moorage", "**/__pycache__"]
    names = ["README.md", "moorage/errors.py", "moorage/__pycache__/errors.pyc", "tests/moorage/x.py"]
    assert [ignored(name, patterns) for name in names] == [True, False, True, True]


@pytest.mark.parametrize(("name", "path"), _DOCKERFILES.items())
def test_a_dockerfile_copies_what_the_image_holds(name: str, path: str, tmp_path: Path) -> None:
    """File by file; what it copies besides is never run."""
    text = (REPOSITORY / path).read_text()
    copied = {file for folder in re.findall(r"^COPY (\w+) /app/\1$", text, re.MULTILINE) for file in sent(folder)}
    copy_packages(COMPONENTS[name].packages, tmp_path, REPOSITORY)
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, check=True, text=True)
    held = {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()}
    assert held & set(listed.stdout.splitlines()) <= copied
    assert {file for file in copied - held if Path(file).suffix not in {".Dockerfile", ".typed"}} <= {
        f"{package}/Dockerfile" for package in COMPONENTS[name].packages
    }
    if COMPONENTS[name].requirements:
        assert sent(f"requirements/{COMPONENTS[name].requirements}")


@pytest.mark.parametrize(("name", "path"), _DOCKERFILES.items())
def test_a_dockerfile_starts_what_it_copied(name: str, path: str, tmp_path: Path) -> None:
    """The command's module is found among the copied files, with the search path that the Dockerfile sets."""
    text = (REPOSITORY / path).read_text()
    copy_packages(COMPONENTS[name].packages, tmp_path / "app", REPOSITORY)
    (search,) = re.findall(r"^ENV PYTHONPATH=(\S+)", text, re.MULTILINE)
    module = COMPONENTS[name].command[-1]
    places = [str(tmp_path / folder.strip("/")) for folder in search.split(":")]
    code = (
        f"import sys, importlib.util as u; sys.path[:] = {places!r} + sys.path; print(u.find_spec({module!r}).origin)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True, text=True, cwd=tmp_path)
    assert done.stdout.startswith(str(tmp_path / "app"))
    # Debian 12's Python, for which the development cluster's images are compiled.
    assert re.findall(r"^ARG PYTHON=(.*)$", text, re.MULTILINE) == ["3.11"]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:${PYTHON}-slim-bookworm"}
