"""A split pipeline, run group by group with URIs and values passed on, gives what the unsplit one gives."""

import builtins
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, components, dsl, local
from kfp.local import config

from pipeline_splitter.plan import Group
from tests.pipeline_splitter.groups import splitting


def light(function: Any) -> Any:  # noqa: ANN401 - kfp's decorator has no types
    """A component of plain Python, which a subprocess of this interpreter runs."""
    return dsl.component(base_image="python:3.11", install_kfp_package=False)(function)


@light
def make_rows(count: int, rows: dsl.Output[dsl.Dataset]) -> str:
    """Write numbers."""
    with open(rows.path, "w") as file:  # noqa: PTH123 - runs alone in its own process
        file.write("\n".join(str(number) for number in range(count)))
    return "many" if count > 3 else "few"


@light
def scale(rows: dsl.Input[dsl.Dataset], factor: int, scaled: dsl.Output[dsl.Dataset]) -> list[int]:
    """Multiply them; also give them out as values."""
    with open(rows.path) as file:  # noqa: PTH123 - runs alone in its own process
        numbers = [int(line) * factor for line in file]
    with open(scaled.path, "w") as file:  # noqa: PTH123 - runs alone in its own process
        file.write("\n".join(str(number) for number in numbers))
    return numbers[-2:]


@light
def square(number: int) -> int:
    """One number, squared."""
    return int(number) ** 2


@light
def merge(rows: dsl.Input[dsl.Dataset], reference: dsl.Input[dsl.Dataset], squares: list[int]) -> str:
    """Everything in one line."""
    with open(rows.path) as one, open(reference.path) as other:  # noqa: PTH123 - runs alone in its own process
        return f"{one.read().split()} {other.read().strip()} {sum(map(int, squares))}"


@light
def judge(amount: str, text: str, verdict: dsl.Output[dsl.Artifact]) -> str:
    """Say it."""
    with open(verdict.path, "w") as file:  # noqa: PTH123 - runs alone in its own process
        file.write(f"{amount}: {text}")
    return f"{amount}!"


def build(reference: Path) -> Any:  # noqa: ANN401 - kfp has no types
    """Artifacts, parameters, a loop, a condition, a nested pipeline and an importer."""

    @dsl.pipeline(name="nested")
    def nested(rows: dsl.Input[dsl.Dataset], factor: int = 3) -> dsl.Dataset:
        return scale(rows=rows, factor=factor).outputs["scaled"]

    @dsl.pipeline(name="story")
    def story(count: int = 5) -> str:
        made = make_rows(count=count)
        imported = dsl.importer(artifact_uri=str(reference), artifact_class=dsl.Dataset)
        threefold = nested(rows=made.outputs["rows"], factor=3)  # kfp.local drops artifacts where no parameter is given
        numbers = scale(rows=threefold.output, factor=2)
        with dsl.ParallelFor(items=numbers.outputs["Output"]) as number:
            squared = square(number=number)
        merged = merge(rows=threefold.output, reference=imported.output, squares=dsl.Collected(squared.output))
        with dsl.If(made.outputs["Output"] == "many"):
            judge(amount=made.outputs["Output"], text=merged.output)
        return merged.output

    return story


def build_nested() -> Any:  # noqa: ANN401 - kfp has no types
    """A nested pipeline with conditions on what it is given and on what is made in it."""

    @dsl.pipeline(name="nested")
    def nested(kind: str, count: int) -> None:
        made = make_rows(count=count)
        with dsl.If(made.outputs["Output"] == "many"):
            judge(amount=made.outputs["Output"], text="made")
        with dsl.If(kind == "given"):
            judge(amount=kind, text="constant")

    @dsl.pipeline(name="conditions")
    def conditions(count: int = 5) -> None:
        nested(kind="given", count=count)
        make_rows(count=1)

    return conditions


SITES = {
    "make-rows": "eu-1",
    "nested/scale": "us-1",
    "scale": "eu-1",
    "for-loop-1": "us-1",
    "merge": "eu-1",
    "condition-2": "us-1",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where runs write; what kfp changes for the whole process, `print` included, is as it was before, afterwards."""
    before, printing = config.LocalExecutionConfig.instance, builtins.print
    yield tmp_path
    config.LocalExecutionConfig.instance, builtins.print = before, printing


def run(file: Path, arguments: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """What a pipeline's root gives out, run here; artifacts by URI."""
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root), workspace_root=str(root / "workspace"))
    task = components.load_component_from_file(str(file))(**arguments)
    return {name: getattr(value, "uri", value) for name, value in task.outputs.items()}


def run_groups(
    files: Mapping[str, str], groups: tuple[Group, ...], arguments: Mapping[str, Any], root: Path
) -> dict[str, Any]:
    """All groups, each after those that it names; every output of each, by what it is and by its name."""
    given: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    waiting = list(groups)
    while waiting:
        done = {group.id for group in groups if group not in waiting}
        group = next(each for each in waiting if set(each.after) <= done)
        waiting.remove(group)
        file = root / f"{group.id}.yaml"
        file.write_text(files[group.file])
        values = {item.parameter: given[item.artifact or item.value or ""] for item in group.imports}
        root_inputs = (
            splitting.documents(files[group.file])[0]["root"].get("inputDefinitions", {}).get("parameters", {})
        )
        made = run(
            file, values | {name: each for name, each in arguments.items() if name in root_inputs}, root / group.id
        )
        outputs |= made
        given |= {item.artifact or item.value or "": made[item.output] for item in group.exports}
    return outputs


def contents(root: Path) -> list[tuple[str, str]]:
    """Every artifact that a run wrote: its output's name and what is in it."""
    written = [path for path in root.rglob("*") if path.is_file() and path.name in {"rows", "scaled", "verdict"}]
    return sorted((path.name, path.read_text()) for path in written)


def test_groups_give_what_the_whole_gives(folder: Path) -> None:
    """Artifacts, values, a loop's items and its collected outputs, a condition's operand and an importer, across."""
    reference = folder / "reference.txt"
    reference.write_text("from before")
    whole = folder / "story.yaml"
    compiler.Compiler().compile(build(reference), str(whole))
    graph, pipeline = splitting.read(whole.read_text())
    assert set(graph.tasks) == set(SITES)
    files, groups = splitting.split(graph, pipeline, lambda _, name: SITES[name])
    assert len(groups) > 3
    unsplit = run(whole, {"count": 4}, folder / "whole")
    outputs = run_groups(files, groups, {"count": 4}, folder)
    assert {name: outputs[name] for name in unsplit} == unsplit
    assert unsplit == {"Output": "['0', '3', '6', '9'] from before 468"}
    apart = [item for group in groups for item in contents(folder / group.id)]
    assert sorted(apart) == contents(folder / "whole")
    assert ("verdict", "many: ['0', '3', '6', '9'] from before 468") in apart


@pytest.mark.parametrize("condition", ["eu-1", "us-1"])
def test_conditions_of_a_nested_pipeline_find_their_operands(folder: Path, condition: str) -> None:
    """Beside what makes the operand, and in another group."""
    whole = folder / "conditions.yaml"
    compiler.Compiler().compile(build_nested(), str(whole))
    graph, pipeline = splitting.read(whole.read_text())
    sites = {"nested/make-rows": "eu-1", "nested/condition-1": condition, "make-rows": "ap-1"}
    files, groups = splitting.split(graph, pipeline, lambda _, name: sites.get(name, "us-1"))
    run_groups(files, groups, {"count": 5}, folder)
    apart = [item for group in groups for item in contents(folder / group.id)]
    verdicts = [text for name, text in apart if name == "verdict"]
    assert sorted(verdicts) == ["given: constant", "many: made"]
