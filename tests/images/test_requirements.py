"""Everything that is installed is pinned by hash, at one version everywhere, from nowhere in particular."""

import re
import tomllib
from pathlib import Path

import pytest

from devcluster.images.recipes import COMPONENTS
from devcluster.images.sources import REPOSITORY
from devcluster.images.wheels import pins

# Besides those of images: all that tests and checks need, what planning needs, the rows that the demo uploads, what the
# kubectl plugin's archives hold, and programs that have environments of their own.
_OTHER_FILES = {
    "build.txt",
    "dev.txt",
    "planner.txt",
    "demo-data.txt",
    "skypilot.txt",
    "kubectl-plugin.txt",
    "vineyard.txt",
    "airflow.txt",
    "iceberg-tests.txt",
    "frameworks-tests.txt",
    "torch-tests.txt",
}
_FILES = sorted((REPOSITORY / "requirements").glob("*.txt"))
_IMAGES_FILES = {recipe.requirements for recipe in COMPONENTS.values() if recipe.requirements}
_PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def _names(requirements: list[str | dict[str, str]]) -> set[str]:
    """Normalised project names; entries that include other groups are left out."""
    written = [re.match(r"[A-Za-z0-9._-]+", entry) for entry in requirements if isinstance(entry, str)]
    return {match[0].lower().replace("_", "-").replace(".", "-") for match in written if match}


def _pinned(name: str) -> dict[str, str]:
    found = pins((REPOSITORY / "requirements" / name).read_text())
    return {project: re.sub(r"^\S+==([^\s;]+).*$", r"\1", line) for project, line in found.items()}


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_no_file_names_an_index(path: Path) -> None:
    """Where wheels come from is the installing machine's to say; hashes hold from anywhere."""
    text = path.read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
    assert pins(text)


def test_there_is_a_file_for_each_image() -> None:
    """No more and no fewer."""
    assert {path.name for path in _FILES} - _OTHER_FILES == _IMAGES_FILES


def _listed(name: str) -> list[str | dict[str, str]]:
    lines = (REPOSITORY / "requirements" / f"{name}.in").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("file", "lists"),
    [
        ("webhook.txt", ["core"]),
        ("scheduler.txt", ["core"]),
        ("broker.txt", ["core"]),
        ("kfp-api.txt", ["core", "schedules"]),
        ("ui.txt", ["core", "ui"]),
        ("operator.txt", ["core", "operator"]),
        ("node-plugin.txt", ["core", "node-plugin"]),
        ("planner.txt", ["core", "command-line", "planner", "schedules"]),
        ("kubectl-plugin.txt", ["kubectl-plugin"]),
        ("skypilot.txt", ["skypilot"]),
        ("airflow.txt", ["airflow"]),
        ("iceberg-tests.txt", ["iceberg-tests"]),
        ("vineyard.txt", ["vineyard", "vineyard-tests"]),
        ("executor.txt", ["core", "planner", "executor", "schedules"]),
        (
            "dev.txt",
            ["core", "command-line", "planner", "operator", "node-plugin", "devcluster", "client", "schedules"],
        ),
    ],
)
def test_what_the_project_asks_for_is_pinned(file: str, lists: list[str]) -> None:
    """A dependency added to a list without `make requirements` is told here."""
    asked = {name for each in lists for name in _names(_listed(each))}
    if file == "dev.txt":
        for group in _PROJECT["dependency-groups"].values():
            asked |= _names(group)
    assert asked <= _pinned(file).keys()


def test_an_installation_has_what_people_run() -> None:
    """pyproject.toml names the lists of the command line, the planner and schedules, and none of a component's."""
    dynamic = _PROJECT["tool"]["setuptools"]["dynamic"]
    assert {Path(name).stem for name in dynamic["dependencies"]["file"]} == {
        "core",
        "command-line",
        "planner",
        "schedules",
    }
    assert dynamic["optional-dependencies"] == {
        extra: {"file": [f"requirements/{extra}.in"]} for extra in ("client", "memory", "vineyard")
    }


@pytest.mark.parametrize("project", ["kopf", "pyarrow", "boto3", "s3fs", "click"])
def test_the_broker_carries_little(project: str) -> None:
    """It may read Secrets, so what listing and watching Datasets need stays out of its image."""
    assert project not in _pinned("broker.txt")


@pytest.mark.parametrize("name", sorted(_IMAGES_FILES))
def test_images_run_what_was_tested(name: str) -> None:
    """Each pin of an image is the pin of the development environment, in which the tests run."""
    development = _pinned("dev.txt")
    assert {project: version for project, version in _pinned(name).items() if development.get(project) != version} == {}
