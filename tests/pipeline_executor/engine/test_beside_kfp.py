"""Pipelines of the kfp SDK, compiled here, give the same run by the engine and by kfp's own local runner."""

from pathlib import Path
from typing import Optional

import pytest
from kfp import dsl

from moorage.runs.phases import TaskPhase
from pipeline_executor.engine import Artifact
from tests.pipeline_executor.engine.beside import compiled, light, outputs, run_by_engine, same


@light
def add(one: int, other: int) -> int:
    """A sum."""
    return one + other


@light
def shout(text: str) -> str:
    """Louder."""
    return f"{text}!"


@light
def count_to(end: int) -> list[int]:
    """Numbers."""
    return list(range(end))


@light
def total(numbers: list[int]) -> int:
    """Their sum."""
    return int(sum(numbers))


@light
def deep_total(lists: list[list[int]]) -> int:
    """The sum of all."""
    return int(sum(sum(each) for each in lists))


@light
def write(text: str, out: dsl.Output[dsl.Dataset]) -> None:
    """A file with a text and metadata."""
    out.metadata["length"] = len(text)
    with open(out.path, "w") as file:  # noqa: PTH123 - runs alone in its own process
        file.write(text)


@light
def join_files(files: dsl.Input[list[dsl.Dataset]], out: dsl.Output[dsl.Dataset]) -> int:
    """All files in one, in order; how long they say they are."""
    with open(out.path, "w") as file:  # noqa: PTH123 - runs alone in its own process
        for each in files:
            with open(each.path) as part:  # noqa: PTH123 - runs alone in its own process
                file.write(part.read() + ";")
    return int(sum(each.metadata["length"] for each in files))


@light
def read(file: dsl.Input[dsl.Dataset], prefix: str = ">") -> str:
    """What is in a file."""
    with open(file.path) as opened:  # noqa: PTH123 - runs alone in its own process
        return prefix + opened.read()


@light
def coin(side: str) -> str:
    """What it is told."""
    return side


@light
def pair(one: str, other: str) -> str:
    """Two texts."""
    return f"{one} {other}"


@light
def maybe(number: int, text: Optional[str] = None, flag: bool = True, parts: Optional[dict] = None) -> str:  # type: ignore[type-arg]  # noqa: FBT001, FBT002, UP045
    """What it was given."""
    return f"{number} {text} {flag} {parts}"


def test_constants_defaults_and_optional_inputs(tmp_path: Path) -> None:
    """Values of every type, given, defaulted and left out; integers stay whole."""

    @dsl.pipeline
    def pipeline(number: int = 3, word: str = "a", parts: dict = {"x": [1.5, "y"]}) -> str:  # type: ignore[type-arg]  # noqa: B006
        first = maybe(number=number)
        second = maybe(number=4, text=word, flag=False, parts=parts)
        return shout(text=f"{first.output}-{second.output}").output

    _, _, made = same(pipeline, tmp_path, word="given")
    assert made == {"Output": "3 None True None-4 given False {'x': [1.5, 'y']}!"}


def test_loops_over_constants_parameters_and_outputs(tmp_path: Path) -> None:
    """Each with what it collects; a loop over what another task made."""

    @dsl.pipeline
    def pipeline(items: list[int] = [1, 2]) -> int:  # noqa: B006
        with dsl.ParallelFor(items) as item:
            one = add(one=item, other=10)
        with dsl.ParallelFor(count_to(end=3).output) as item:
            two = add(one=item, other=100)
        three = total(numbers=dsl.Collected(one.output))
        four = total(numbers=dsl.Collected(two.output))
        return add(one=three.output, other=four.output).output

    _, last, made = same(pipeline, tmp_path)
    assert made == {"Output": 23 + 303}
    loops = [path for path in last.ended if path.startswith("for-loop-") and "#" not in path]
    collected = [list(last.ended[path].parameters.values()) for path in loops]
    assert sorted(collected) == [[[11, 12]], [[100, 101, 102]]]
    assert {f"{loop}#1" for loop in loops} <= set(last.phases)


def test_struct_items_and_their_fields(tmp_path: Path) -> None:
    """A loop over records, written down; each task takes a field of its item."""

    @dsl.pipeline
    def pipeline() -> list[str]:
        with dsl.ParallelFor([{"label": "a", "size": "1"}, {"label": "b", "size": "2"}]) as item:
            made = pair(one=item.size, other=item.label)
        return dsl.Collected(made.output)

    _, _, made = same(pipeline, tmp_path)
    assert made == {"Output": ["1 a", "2 b"]}


def test_nested_loops_collect_lists_of_lists(tmp_path: Path) -> None:
    """A loop in a loop, collected from outside."""

    @dsl.pipeline
    def pipeline() -> int:
        with dsl.ParallelFor([1, 2]) as one, dsl.ParallelFor([10, 20]) as other:
            made = add(one=one, other=other)
        return deep_total(lists=dsl.Collected(made.output)).output

    text = compiled(pipeline, tmp_path)
    run, last = run_by_engine(text, {}, tmp_path / "engine")
    assert outputs(run, last) == {"Output": 66}
    assert last.phases["for-loop-2#1/for-loop-4#0/add"] is TaskPhase.SUCCEEDED


def test_artifacts_are_collected_with_their_metadata(tmp_path: Path) -> None:
    """A list of artifacts that a loop made, in the order of its items."""

    @dsl.pipeline
    def pipeline() -> dsl.Dataset:
        with dsl.ParallelFor(["x", "yy", "zzz"], parallelism=1) as item:
            made = write(text=item)
        return join_files(files=dsl.Collected(made.outputs["out"])).outputs["out"]

    run, last, made = same(pipeline, tmp_path)
    assert made == {"Output": "x;yy;zzz;"}
    assert last.ended["join-files"].parameters == {"Output": 6}
    assert [path for path, _ in run.started][:3] == [f"for-loop-2#{index}/write" for index in range(3)]


def test_whole_numbers_stay_whole_in_texts(tmp_path: Path) -> None:
    """As Kubeflow's backend writes them; kfp.local writes 7.0."""

    @dsl.pipeline
    def pipeline(number: int = 7) -> str:
        made = add(one=number, other=1)
        return shout(text=f"{number} {made.output}").output

    run, last = run_by_engine(compiled(pipeline, tmp_path), {}, tmp_path / "engine")
    assert outputs(run, last) == {"Output": "7 8!"}


@pytest.mark.parametrize("side", ["heads", "tails", "edge"])
def test_if_elif_else_and_one_of(tmp_path: Path, side: str) -> None:
    """One branch runs; OneOf gives its value; the others are skipped."""

    @dsl.pipeline
    def branches(side: str) -> str:
        flipped = coin(side=side)
        with dsl.If(flipped.output == "heads"):
            one = shout(text="h")
        with dsl.Elif(flipped.output == "tails"):
            two = shout(text="t")
        with dsl.Else():
            three = shout(text="e")
        return shout(text=dsl.OneOf(one.output, two.output, three.output)).output

    run, last, made = same(branches, tmp_path, side=side)
    assert made == {"Output": f"{side[0]}!!"}
    taken = [path for path, _ in run.started if "condition" in path]
    assert len(taken) == 1
    branch = taken[0].rpartition("/")[0]
    others = [path for path in last.phases if path.count("/") == 1 and path != branch]
    assert {last.phases[path] for path in others} == {TaskPhase.SKIPPED}


def test_one_of_several_artifacts(tmp_path: Path) -> None:
    """OneOf over artifacts (kfp.local can't)."""

    @dsl.pipeline
    def pipeline(side: str = "no") -> str:
        flipped = coin(side=side)
        with dsl.If(flipped.output == "yes"):
            one = write(text="one")
        with dsl.Else():
            two = write(text="two")
        return read(file=dsl.OneOf(one.outputs["out"], two.outputs["out"])).output

    run, last = run_by_engine(compiled(pipeline, tmp_path), {}, tmp_path / "engine")
    assert outputs(run, last) == {"Output": ">two"}


def test_nested_pipelines_and_one_component_twice(tmp_path: Path) -> None:
    """The same component used several times beside and inside of each other; outputs pass through."""

    @dsl.pipeline
    def inner(text: str, more: str = "m") -> str:
        made = write(text=text)
        return shout(text=f"{read(file=made.outputs['out']).output}{more}").output

    @dsl.pipeline
    def pipeline(text: str = "a") -> str:
        one = inner(text=text)
        two = inner(text=one.output, more="n")
        return shout(text=two.output).output

    _, last, made = same(pipeline, tmp_path)
    assert made == {"Output": ">>am!n!!"}
    assert {"inner/read", "inner-2/read", "inner-2/shout"} <= set(last.phases)


def test_importers_bring_uris_and_metadata(tmp_path: Path) -> None:
    """A constant and a parameter; metadata with a placeholder."""
    (tmp_path / "one.txt").write_text("first")
    (tmp_path / "two.txt").write_text("second")

    @dsl.pipeline
    def pipeline(where: str) -> str:
        one = dsl.importer(artifact_uri=str(tmp_path / "one.txt"), artifact_class=dsl.Dataset)
        two = dsl.importer(
            artifact_uri=where, artifact_class=dsl.Dataset, reimport=True, metadata={"from": where, "length": 2}
        )
        first = read(file=one.output)
        return read(file=two.output, prefix=first.output).output

    _, last, made = same(pipeline, tmp_path, where=str(tmp_path / "two.txt"))
    assert made == {"Output": ">firstsecond"}
    assert last.ended["importer-2"].artifacts["artifact"] == (
        Artifact(
            "artifact",
            {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"},
            str(tmp_path / "two.txt"),
            {"from": str(tmp_path / "two.txt"), "length": 2},
        ),
    )


def test_conditions_inside_of_loops_and_what_they_skip(tmp_path: Path) -> None:
    """Conditions on items; what is skipped is not in the list that is collected, nor is it None."""

    @dsl.pipeline
    def pipeline() -> None:
        with dsl.ParallelFor([1, 2, 3]) as item, dsl.If(item >= 2):
            shout(text="large")

    run, last = run_by_engine(compiled(pipeline, tmp_path), {}, tmp_path / "engine")
    assert last.phase is TaskPhase.SUCCEEDED
    assert sorted(path for path, _ in run.started) == [f"for-loop-2#{index}/condition-3/shout" for index in (1, 2)]
    assert last.phases["for-loop-2#0/condition-3"] is TaskPhase.SKIPPED
