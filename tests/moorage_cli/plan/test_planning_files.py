"""`moorage plan` from files to files, as a user runs it, over the example."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from moorage_cli.main import moorage
from moorage_cli.running import run

EXAMPLE = Path(__file__).parents[3] / "examples/plan"
WRITTEN = {"plan.json", "bound.json", "report.html", "groups"}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def moor(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `moorage ...`: exit code, stdout, stderr."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = run(moorage, "moorage", [str(argument) for argument in arguments])
        return (code, *capfd.readouterr())

    return call


def inputs(**changed: Path) -> list[str]:
    """The example's files; `datasets=PATH` and the like take others."""
    path = {name: EXAMPLE / f"{name}.yaml" for name in ("pipeline", "sites", "datasets", "hints")} | changed
    return [str(path["pipeline"])] + [
        word for name in ("sites", "datasets", "hints") for word in (f"--{name}", str(path[name]))
    ]


def read(path: Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


def write(path: Path, documents: Sequence[Any]) -> Path:
    """Several documents as one YAML file."""
    path.write_text(yaml.safe_dump_all(documents))
    return path


def files(folder: Path) -> dict[str, bytes]:
    """All files of a plan, by relative name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_example_is_split_by_its_rules_and_holds(moor: Run, tmp_path: Path) -> None:
    """The flights leave the EU as monthly totals only, the big training goes where it fits, and the check agrees."""
    code, out, err = moor("plan", *inputs(), "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == WRITTEN
    plan = json.loads((tmp_path / "out/plan.json").read_text())
    site = {task["name"]: task["site"] for task in plan["tasks"]}
    (release,) = plan["releases"]
    assert site["count-delays"] == "eu-1"
    assert site["train"] == "ch-1"
    assert site["join"] != "eu-1"
    assert (release["dataset"], release["release"]) == ("stewards/flights", "monthly-totals")
    assert site[release["task"]] == "eu-1"
    assert plan["cost"][0]["optimal"]
    assert plan["cost"][0]["certified"]
    assert "proven best" in out
    assert release["task"] in out
    code, out, err = moor("plan", *inputs(), "--check", tmp_path / "out")
    assert (code, err) == (0, "")


def test_the_same_files_in_any_order_give_the_same_bytes(moor: Run, tmp_path: Path) -> None:
    """Order of documents, and of fields, says nothing."""
    shuffled = {}
    for name in ("sites", "datasets"):
        documents = read(EXAMPLE / f"{name}.yaml")
        documents.reverse()
        shuffled[name] = write(tmp_path / f"{name}.yaml", [dict(reversed(each.items())) for each in documents])
    moor("plan", *inputs(), "-o", tmp_path / "one")
    moor("plan", *inputs(), "-o", tmp_path / "two")
    moor("plan", *inputs(**shuffled), "-o", tmp_path / "three")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_without_the_release_it_says_what_can_not_hold_and_what_would_help(moor: Run, tmp_path: Path) -> None:
    """Exit 3, only infeasible.json, and the acceptance that is missing."""
    hints = read(EXAMPLE / "hints.yaml")
    pipeline = read(EXAMPLE / "pipeline.yaml")
    labels = pipeline[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-join"]["podMetadata"]["labels"]
    del labels["dataset.0.accepts"], labels["dataset.0.id"], labels["dataset.0.namespace"]
    changed = inputs(pipeline=write(tmp_path / "pipeline.yaml", pipeline), hints=write(tmp_path / "hints.yaml", hints))
    moor("plan", *inputs(), "-o", tmp_path / "out")
    code, out, err = moor("plan", *changed, "-o", tmp_path / "out")
    assert (code, out) == (3, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"infeasible.json"}
    told = json.loads((tmp_path / "out/infeasible.json").read_text())
    assert {fact.get("task") for fact in told["facts"]} >= {"join"}
    assert any("monthly-totals" in remedy["message"] and "join" in remedy["message"] for remedy in told["remedies"])
    assert "monthly-totals" in err
    code, out, err = moor("plan", *changed, "--check", tmp_path / "out")
    assert (code, err) == (0, "")
    assert out.startswith("The explanation holds: ")
    assert f"{len(told['facts'])} facts that leave no plan, each of which is needed" in out
    assert f"{len(told['remedies'])} remedies, and that no other single change would help." in out


@pytest.mark.parametrize("objective", ["bytes", "money", "carbon", "time", "money,carbon", "time,money", "carbon,time"])
def test_each_objective_holds_its_check(moor: Run, tmp_path: Path, objective: str) -> None:
    """Alone and in lists."""
    code, _, err = moor("plan", *inputs(), "--objective", objective, "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    plan = json.loads((tmp_path / "out/plan.json").read_text())
    assert [each["objective"] for each in plan["cost"]] == objective.split(",")
    for each in plan["cost"]:
        assert each["lowerBound"] <= each["value"]
        assert each["value"] == pytest.approx(plan["costs"][each["objective"]])
    code, out, err = moor("plan", *inputs(), "--objective", objective, "--check", tmp_path / "out")
    assert (code, err) == (0, ""), out


def test_explain_tells_why_here_and_why_not_there(moor: Run, tmp_path: Path) -> None:
    """The rule with its sentence, and what it reads."""
    moor("plan", *inputs(), "-o", tmp_path / "out")
    code, out, _ = moor("plan", "explain", tmp_path / "out", "count-delays")
    assert code == 0
    assert "eu-1" in out
    assert "ResidencyViolated" in out
    assert "stewards/flights" in out
    code, _, err = moor("plan", "explain", tmp_path / "out", "count-delay")
    assert code == 2
    assert "count-delays" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--objective", "cheap"], "'cheap' is not one of bytes, money, carbon, time"),
        (["--objective", "money,money"], "stands there twice"),
        (["--time-limit", "-1"], "--time-limit"),
        (["--gap", "nan"], "--gap"),
        (["--kwh-per-gb", "inf"], "--kwh-per-gb"),
        (["--sites", "nowhere.yaml"], "nowhere.yaml: --sites: can't be read"),
        (["--datasets", "nowhere.yaml"], "nowhere.yaml: --datasets: can't be read"),
        (["--hints", "nowhere.yaml"], "nowhere.yaml: --hints: can't be read"),
        (["-o", "out", "--check", "out"], "--check"),
    ],
)
def test_bad_usage_is_told(moor: Run, arguments: list[str], told: str) -> None:
    """Exit 2, with the option."""
    code, out, err = moor("plan", *inputs(), *arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_a_pipeline_that_is_not_there_is_told(moor: Run, tmp_path: Path) -> None:
    """Exit 2, with what it was given as."""
    missing = tmp_path / "explained.yaml"
    code, out, err = moor("plan", *inputs(pipeline=missing))
    assert (code, out, err) == (2, "", f"Error: {missing}: PIPELINE: can't be read: No such file or directory\n")


@pytest.mark.parametrize("word", ["explian", "explin", "Explain", "xplain"])
def test_a_misspelt_word_is_no_file(moor: Run, word: str) -> None:
    """Exit 2, with the word that was meant."""
    code, out, err = moor("plan", word, "out", "train")
    assert (code, out) == (2, "")
    assert f"{word!r} is neither a file nor a command here: did you mean `moorage plan explain`?" in err


def test_a_file_that_is_named_like_a_word_is_a_file(moor: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it is there."""
    monkeypatch.chdir(tmp_path)
    _, *options = inputs()
    (tmp_path / "explains").write_bytes((EXAMPLE / "pipeline.yaml").read_bytes())
    assert moor("plan", "explains", *options)[0] == 0


def test_a_plan_tells_what_can_not_be_meant_in_sites(moor: Run, tmp_path: Path) -> None:
    """In the sentence of `moorage sites check`: in the plan and on the terminal."""
    strange = {"apiVersion": "moorage.dev/v1alpha1", "kind": "Site", "metadata": {"name": "fr-1"}}
    documents = [*read(EXAMPLE / "sites.yaml"), {**strange, "spec": {"jurisdiction": "France"}}]
    sites = write(tmp_path / "sites.yaml", documents)
    _, told, _ = moor("sites", "check", sites)
    (problem,) = [line.removeprefix("problem: ") for line in told.splitlines() if line.startswith("problem: ")]
    assert "fr-1 has the jurisdiction France" in problem
    code, out, _ = moor("plan", *inputs(sites=sites), "-o", tmp_path / "out")
    assert (code, f"Warning: {problem}\n" in out) == (0, True)
    assert problem in json.loads((tmp_path / "out/plan.json").read_text())["warnings"]


def test_without_a_plan_it_is_told_as_well(moor: Run, tmp_path: Path) -> None:
    """A misspelt site in a hint, with the hint and the site that was meant; a dataset's copy at no site."""
    hints = read(EXAMPLE / "hints.yaml")
    hints[0].setdefault("tasks", {}).setdefault("train", {})["sites"] = ["us1"]
    datasets = read(EXAMPLE / "datasets.yaml")
    flights = next(each for each in datasets if each["metadata"]["name"] == "flights")
    flights["spec"]["sources"].append({**flights["spec"]["sources"][0], "site": "moon-1"})
    unread = {**flights, "metadata": {"name": "unread", "namespace": "stewards"}}
    code, _, err = moor(
        "plan",
        *inputs(
            hints=write(tmp_path / "hints.yaml", hints),
            datasets=write(tmp_path / "datasets.yaml", [*datasets, unread]),
        ),
    )
    assert code == 3
    warnings = [line for line in err.splitlines() if line.startswith("Warning: ")]
    assert any("task train: hint sites (tasks[train].sites) names us1" in line for line in warnings)
    assert any("(nearest: us-1; listed: " in line for line in warnings)
    assert any("dataset stewards/flights has a source at moon-1" in line for line in warnings)
    assert not any("unread" in line for line in warnings)


def test_a_directory_with_other_things_is_left_alone(moor: Run, tmp_path: Path) -> None:
    """What no plan wrote is not lost."""
    (tmp_path / "thesis.tex").write_text("years of work")
    code, _, err = moor("plan", *inputs(), "-o", tmp_path)
    assert code == 2
    assert "thesis.tex" in err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_changed_plan_fails_its_check(moor: Run, tmp_path: Path) -> None:
    """A task moved by hand to where its data may not be."""
    moor("plan", *inputs(), "-o", tmp_path / "out")
    path = tmp_path / "out/plan.json"
    plan = json.loads(path.read_text())
    next(task for task in plan["tasks"] if task["name"] == "count-delays")["site"] = "us-1"
    path.write_text(json.dumps(plan))
    code, out, err = moor("plan", *inputs(), "--check", tmp_path / "out")
    assert code == 1
    assert "count-delays" in out + err


def test_a_time_limit_of_nothing_is_kept(moor: Run, tmp_path: Path) -> None:
    """Still a plan, with an honest gap, that holds."""
    code, _, _ = moor("plan", *inputs(), "--time-limit", "0", "-o", tmp_path / "out")
    assert code == 0
    assert moor("plan", *inputs(), "--check", tmp_path / "out")[0] == 0
