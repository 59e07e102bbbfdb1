"""`moorage plan ... --check DIR`, as a user runs it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage_cli.main import moorage
from moorage_cli.plan.checking import MOST_FINDINGS
from moorage_cli.running import run
from tests.pipeline_splitter.checking.plans import EXAMPLE, Made, example, without_releases

INPUTS = [
    str(EXAMPLE / "pipeline.yaml"),
    *(word for name in ("sites", "datasets", "hints") for word in (f"--{name}", str(EXAMPLE / f"{name}.yaml"))),
]
Checked = Callable[[Path], tuple[int, str, str]]


@pytest.fixture
def checked(capfd: pytest.CaptureFixture[str]) -> Checked:
    """Checks a directory: exit code, stdout, stderr."""

    def call(directory: Path) -> tuple[int, str, str]:
        code = run(moorage, "moorage", ["plan", *INPUTS, "--check", str(directory)])
        return (code, *capfd.readouterr())

    return call


def written(made: Made, directory: Path) -> Path:
    """A directory with a plan's files."""
    for name, text in made.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def test_a_plan_that_holds(checked: Checked, tmp_path: Path) -> None:
    """Exit code 0, and what was looked at."""
    code, out, _ = checked(written(example(), tmp_path))
    assert code == 0
    assert out.startswith("The plan holds: ")
    for word in ("7 tasks", "transfers", "groups, with their files", "the certificate of money"):
        assert word in out
    assert "\nNot checked: report.html, the page for people, and " in out


def test_objectives_are_those_of_the_plan(checked: Checked, tmp_path: Path) -> None:
    """The option --objective need not be given again; what is not certified is said to be unchecked."""
    code, out, _ = checked(written(example("money", "time"), tmp_path))
    assert (code, "Not checked: the lower bound of time: it is not certified." in out) == (0, True)


def test_a_plan_that_does_not_hold(checked: Checked, tmp_path: Path) -> None:
    """Exit code 1, and the places."""
    directory = written(example(), tmp_path)
    plan = json.loads((directory / "plan.json").read_text())
    plan["costs"]["bytes"] = 1
    (directory / "plan.json").write_text(json.dumps(plan))
    code, out, _ = checked(directory)
    assert code == 1
    assert out.startswith("The plan does not hold:\n  - costs.bytes: is 1.0, expected ")


def test_many_findings_are_cut(checked: Checked, tmp_path: Path) -> None:
    """The first are told, and how many more there are."""
    directory = written(example(), tmp_path)
    plan = json.loads((directory / "plan.json").read_text())
    plan["transfers"] += [{**plan["transfers"][0], "what": {"artifact": f"a{number}"}} for number in range(60)]
    (directory / "plan.json").write_text(json.dumps(plan))
    code, out, _ = checked(directory)
    assert (code, out.count("\n  - ")) == (1, MOST_FINDINGS)
    assert "  ... and " in out


def test_an_explanation_that_does_not_hold(checked: Checked, tmp_path: Path) -> None:
    """What is infeasible without the release is not with it."""
    code, out, _ = checked(written(without_releases(), tmp_path))
    assert (code, out.startswith("The explanation does not hold:\n  - facts: ")) == (1, True)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"kind": "Plan"}', "\udcff"])
def test_what_is_no_plan_is_bad_usage(checked: Checked, tmp_path: Path, text: str | None) -> None:
    """Exit code 2 and a sentence, for a directory without a plan and for one that can't be read."""
    if text is not None:
        (tmp_path / "plan.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    code, out, err = checked(tmp_path)
    assert (code, out) == (2, "")
    assert "plan.json" in err


def test_a_directory_that_is_not_there(checked: Checked, tmp_path: Path) -> None:
    """Exit code 2."""
    code, _, err = checked(tmp_path / "nowhere")
    assert (code, "is not a directory" in err) == (2, True)
