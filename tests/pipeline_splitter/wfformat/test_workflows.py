"""Recorded workflows become graphs: both versions of the format, every recorded file, and what is refused."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef, Reader
from pipeline_splitter.documents import digest, parse
from pipeline_splitter.graph import Datum, DatumKind, Graph, Language, Pin, Read
from pipeline_splitter.hints import Hints
from pipeline_splitter.reading_hints import read_hints
from pipeline_splitter.wfformat import read_workflow
from tests.builders import make_dataset
from tests.pipeline_splitter.documents.mutations import mutants
from tests.pipeline_splitter.shared_data import content, each, workflows

CLAIMS = make_dataset("claims").at("eu-1").sized(7 * 10**9).obj()
OTHER = make_dataset("other").at("eu-1").obj()
DATASETS: Mapping[DatasetRef, Dataset] = {dataset.ref: dataset for dataset in (CLAIMS, OTHER)}


def by_id() -> dict[str, Any]:
    """WfFormat 1.5: split writes two parts, each is worked on, merge reads what came out and a table."""
    tasks = [
        {"name": "split", "id": "split_1", "parents": [], "children": ["work_1", "work_2"], "inputFiles": ["raw"]}
        | {"outputFiles": ["part_1", "part_2"]},
        {"name": "work", "id": "work_1", "parents": ["split_1"], "children": ["merge_1"], "inputFiles": ["part_1"]}
        | {"outputFiles": ["out_1"]},
        {"name": "work", "id": "work_2", "parents": ["split_1"], "children": ["merge_1", "clean_1"]}
        | {"inputFiles": ["part_2"], "outputFiles": ["out_2"]},
        {"name": "merge", "id": "merge_1", "parents": ["work_1", "work_2"], "children": []}
        | {"inputFiles": ["out_1", "out_2", "table"], "outputFiles": ["result"]},
        {"name": "clean", "id": "clean_1", "parents": ["work_2"], "children": []},
    ]
    sizes = {"raw": 100, "table": 5, "part_1": 50, "part_2": 0, "out_1": 7, "out_2": 8, "result": 9}
    measured = [
        {"id": "split_1", "runtimeInSeconds": 10.5, "coreCount": 2, "memoryInBytes": 10**9},
        {"id": "work_1", "runtimeInSeconds": 0, "coreCount": 0},
        {"id": "work_2", "runtimeInSeconds": 3, "coreCount": None},
        {"id": "merge_1", "runtimeInSeconds": None},
    ]
    return {
        "name": "small",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": tasks,
                "files": [{"id": name, "sizeInBytes": size} for name, size in sizes.items()],
            },
            "execution": {"makespanInSeconds": 1, "executedAt": "x", "tasks": measured},
        },
    }


def by_name() -> dict[str, Any]:
    """The same workflow in WfFormat 1.4."""
    newer = by_id()["workflow"]
    sizes = {file["id"]: file["sizeInBytes"] for file in newer["specification"]["files"]}
    measured = {task["id"]: task for task in newer["execution"]["tasks"]}
    tasks = []
    for task in newer["specification"]["tasks"]:
        files = [
            {"link": link, "name": name, "sizeInBytes": sizes[name]}
            for link, key in (("input", "inputFiles"), ("output", "outputFiles"))
            for name in task.get(key, [])
        ]
        run = measured.get(task["id"], {})
        tasks.append(
            {"name": task["id"], "type": "compute", "parents": task["parents"], "files": files}
            | {"runtimeInSeconds": run.get("runtimeInSeconds"), "cores": run.get("coreCount")}
        )
    return {"name": "small", "schemaVersion": "1.4", "workflow": {"makespanInSeconds": 1, "tasks": tasks}}


FORMS = pytest.mark.parametrize("form", [by_id, by_name])
Form = Callable[[], dict[str, Any]]


def read(document: dict[str, Any], hints: str = "{}") -> Graph:
    """The graph of a document with hints."""
    return read_workflow(document, read_hints([("hints", parse(hints, "hints"))]), DATASETS, "f.json")


@FORMS
def test_a_workflow_is_read_whole(form: Form) -> None:
    """Tasks, files, seconds and cores; what was recorded as zero is zero; what is a default says so."""
    graph = read(form())
    assert (graph.name, graph.language, graph.digest) == ("small", Language.WFFORMAT, digest([form()]))
    assert list(graph.tasks) == ["clean_1", "merge_1", "split_1", "work_1", "work_2"]
    assert {
        name: (task.seconds, task.cpu_seconds, task.requests, task.assumed) for name, task in graph.tasks.items()
    } == {
        "split_1": (10.5, 21, {"cpu": 2}, ()),
        "work_1": (0, 0, {"cpu": 0}, ()),
        "work_2": (3, 3, {"cpu": 1}, ("cpu",)),
        "merge_1": (60, 60, {"cpu": 1}, ("seconds", "cpu")),
        "clean_1": (60, 60, {"cpu": 1}, ("seconds", "cpu")),
    }
    assert {name: task.reads for name, task in graph.tasks.items() if task.reads} == {
        "work_1": ("part_1",),
        "work_2": ("part_2",),
        "merge_1": ("out_1", "out_2"),
    }
    assert graph.data["part_1"] == Datum("part_1", DatumKind.FILE, "split_1", 50)
    assert set(graph.data) == {"part_1", "part_2", "out_1", "out_2", "result"}
    assert graph.order == {("work_2", "clean_1")}
    [step] = graph.tasks["merge_1"].steps
    assert step.reads == (Read("out_1", "work_1", "out_1", "out_1"), Read("out_2", "work_2", "out_2", "out_2"))
    assert step.reader == Reader("default", "default")
    assert graph.warnings == ()


HINTS = f"""
inputs: {{raw: {{dataset: {CLAIMS.ref}}}, table: {{dataset: {CLAIMS.ref}, bytes: 3}}}}
tasks:
  merge_1: {{seconds: 5, cpu: 4, purpose: research, namespace: fraud, serviceAccount: trainer, sites: [eu-1]}}
artifacts: {{part_1: {{bytes: 1Ki}}}}
defaults: {{taskSeconds: 30, namespace: lab, purpose: billing}}
"""


@FORMS
def test_hints_come_before_what_was_recorded(form: Form) -> None:
    """A dataset is brought as a whole, but for an input that has bytes of its own."""
    graph = read(form(), HINTS)
    merge = graph.tasks["merge_1"]
    assert (merge.seconds, merge.cpu_seconds, merge.requests, merge.assumed) == (5, 20, {"cpu": 4}, ())
    assert merge.pins == (Pin(frozenset({"eu-1"}), "hint sites"),)
    assert merge.steps[0].reader == Reader("fraud", "trainer", "research")
    assert graph.tasks["split_1"].steps[0].reader == Reader("lab", "default", "billing")
    assert graph.tasks["clean_1"].seconds == 30
    assert graph.tasks["split_1"].reads == (str(CLAIMS.ref),)
    assert graph.data[str(CLAIMS.ref)] == Datum(str(CLAIMS.ref), DatumKind.DATASET, None, 7e9, CLAIMS.ref)
    assert merge.reads == ("out_1", "out_2", "table")
    assert graph.data["table"] == Datum("table", DatumKind.FILE, None, 3, CLAIMS.ref)
    assert merge.steps[0].reads[-1] == Read("table", datum="table", dataset=CLAIMS.ref)
    assert graph.data["part_1"].size_bytes == 1024


@FORMS
def test_unknown_sizes_are_assumed(form: Form) -> None:
    """100 MiB, or what the defaults say, also of a dataset that nobody measured."""
    document = form()
    for file in document["workflow"].get("specification", {}).get("files", []):
        del file["sizeInBytes"]
    for task in document["workflow"].get("tasks", []):
        for file in task["files"]:
            del file["sizeInBytes"]
    graph = read(document, f"inputs: {{raw: {{dataset: {OTHER.ref}}}}}")
    assert {(datum.size_bytes, datum.assumed) for datum in graph.data.values()} == {(100 * 2**20, True)}
    graph = read(document, "defaults: {artifactBytes: 5}")
    assert {(datum.size_bytes, datum.assumed) for datum in graph.data.values()} == {(5, True)}


def test_files_need_not_be_listed() -> None:
    """1.5 leaves them out where nothing is known of them; an execution, too."""
    document = by_id()
    del document["workflow"]["specification"]["files"]
    del document["workflow"]["execution"]
    graph = read(document)
    assert {datum.assumed for datum in graph.data.values()} == {True}
    assert {task.seconds for task in graph.tasks.values()} == {60}


def test_what_a_task_reads_of_itself_moves_nothing() -> None:
    """It is told, for a recording may mean something else."""
    document = by_id()
    document["workflow"]["specification"]["tasks"][0]["inputFiles"].append("part_1")
    graph = read(document)
    assert graph.tasks["split_1"].reads == ()
    assert "reads what it writes itself" in graph.warnings[0]


def test_without_tasks_there_is_nothing_to_place() -> None:
    """An empty graph, not an error."""
    graph = read({"schemaVersion": "1.5", "workflow": {"specification": {"tasks": []}}})
    assert (graph.name, graph.tasks) == ("workflow", {})


def test_of_two_sizes_the_writers_holds() -> None:
    """1.4 says the size with every task that names the file; of readers alone the largest."""
    document = by_name()
    reader = next(task for task in document["workflow"]["tasks"] if task["name"] == "work_1")
    next(file for file in reader["files"] if file["name"] == "part_1")["sizeInBytes"] = 999
    assert read(document).data["part_1"].size_bytes == 50


@FORMS
@given(seed=st.randoms(use_true_random=False))
def test_order_in_the_file_changes_only_the_digest(form: Form, seed: Any) -> None:  # noqa: ANN401 - hypothesis' own
    """Lists may stand in any order."""

    def shuffle(value: Any) -> None:  # noqa: ANN401 - JSON
        if isinstance(value, list):
            seed.shuffle(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            shuffle(item)

    document = form()
    shuffle(document)
    found, expected = read(document, HINTS), read(form(), HINTS)
    assert list(found.tasks.items()) == list(expected.tasks.items())
    assert list(found.data.items()) == list(expected.data.items())
    assert found.order == expected.order


def spec(document: Any) -> Any:  # noqa: ANN401 - JSON
    """The specification of a 1.5 document."""
    return document["workflow"]["specification"]


REFUSED: Mapping[str, tuple[Form, Callable[[Any], object], str, str]] = {
    "another version": (by_id, lambda raw: raw.update(schemaVersion="1.3"), "schemaVersion", "1.4, 1.5"),
    "no workflow": (by_id, lambda raw: raw.update(workflow=[]), "document.workflow", "mapping"),
    "no specification": (by_id, lambda raw: raw["workflow"].pop("specification"), "workflow.specification", "mapping"),
    "tasks in words": (by_id, lambda raw: spec(raw).update(tasks="x"), "workflow.specification.tasks", "list"),
    "a task without id": (by_id, lambda raw: spec(raw)["tasks"][0].pop("id"), "workflow.specification.tasks[0].id", ""),
    "an id twice": (by_id, lambda raw: spec(raw)["tasks"][1].update(id="split_1"), "workflow", "tasks[0], too"),
    "a file twice": (
        by_id,
        lambda raw: spec(raw)["files"].append({"id": "raw", "sizeInBytes": 1}),
        "workflow.specification.files[7].id",
        "appears twice",
    ),
    "a file that is not listed": (
        by_id,
        lambda raw: spec(raw)["tasks"][1]["inputFiles"].append("x"),
        "workflow.specification.tasks[1].inputFiles",
        "'x' is not a file",
    ),
    "a negative size": (by_id, lambda raw: spec(raw)["files"][0].update(sizeInBytes=-1), "workflow", "from 0 to 1e+24"),
    "a parent that is not there": (
        by_id,
        lambda raw: spec(raw)["tasks"][1]["parents"].append("x"),
        "workflow.specification.tasks[1].parents",
        "'x' is not a task",
    ),
    "its own parent": (by_id, lambda raw: spec(raw)["tasks"][1]["parents"].append("work_1"), "workflow", "itself"),
    "a circle": (by_id, lambda raw: spec(raw)["tasks"][0]["parents"].append("merge_1"), "task '", " -> "),
    "a circle of files": (by_id, lambda raw: spec(raw)["tasks"][0]["inputFiles"].append("out_1"), "task '", " -> "),
    "two writers": (
        by_id,
        lambda raw: spec(raw)["tasks"][2]["outputFiles"].append("out_1"),
        "workflow.specification.tasks[2]",
        "by 'work_1' and by 'work_2'",
    ),
    "measured, but no task": (
        by_id,
        lambda raw: raw["workflow"]["execution"]["tasks"][0].update(id="x"),
        "workflow.execution.tasks[0].id",
        "'x' is not a task",
    ),
    "measured twice": (
        by_id,
        lambda raw: raw["workflow"]["execution"]["tasks"][0].update(id="work_1"),
        "workflow.execution.tasks[1].id",
        "twice",
    ),
    "seconds in words": (
        by_id,
        lambda raw: raw["workflow"]["execution"]["tasks"][0].update(runtimeInSeconds="long"),
        "workflow.execution.tasks[0].runtimeInSeconds",
        "number",
    ),
    "a name twice": (by_name, lambda raw: raw["workflow"]["tasks"][1].update(name="split_1"), "workflow", "unique"),
    "a file that goes nowhere": (
        by_name,
        lambda raw: raw["workflow"]["tasks"][0]["files"][0].update(link="both"),
        "workflow.tasks[0].files[0].link",
        "input, output",
    ),
    "a file without name": (
        by_name,
        lambda raw: raw["workflow"]["tasks"][0]["files"][0].pop("name"),
        "workflow.tasks[0].files[0].name",
        "string",
    ),
    "two writers by name": (
        by_name,
        lambda raw: raw["workflow"]["tasks"][2]["files"].append({"link": "output", "name": "out_1"}),
        "workflow.tasks[2]",
        "by 'work_1' and by 'work_2'",
    ),
    "negative cores": (
        by_name,
        lambda raw: raw["workflow"]["tasks"][0].update(cores=-1),
        "workflow",
        "from 0 to 1e+24",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_workflows_that_are_refused(name: str) -> None:
    """By the place and the remedy."""
    form, change, field, words = REFUSED[name]
    document = form()
    change(document)
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.subject == "f.json"
    assert caught.value.field.startswith(field)
    assert words in caught.value.problem


@pytest.mark.parametrize(
    ("hints", "field"),
    [
        ("tasks: {split: {}}", "tasks['split']"),
        (f"inputs: {{part_1: {{dataset: {CLAIMS.ref}}}}}", "inputs['part_1']"),
        ("artifacts: {split_1.part_1: {bytes: 1}}", "artifacts['split_1.part_1']"),
    ],
)
def test_hints_that_name_nothing(hints: str, field: str) -> None:
    """A file that some task writes is no input."""
    with pytest.raises(InputError) as caught:
        read(by_id(), hints)
    assert caught.value.field == field


def test_an_input_that_is_a_dataset_nobody_knows_is_for_governance_to_refuse() -> None:
    """As a label that names one."""
    graph = read(by_id(), "inputs: {raw: {dataset: nowhere/x}}\ntasks: {work_1: {accepts: [nowhere/x/y]}}")
    assert graph.tasks["split_1"].reads == ("nowhere/x",)
    assert graph.data["nowhere/x"].assumed


def test_core_count_goes_before_cores() -> None:
    """In both versions."""
    document = by_name()
    document["workflow"]["tasks"][0] |= {"cores": 3, "coreCount": 5}
    assert read(document).tasks["split_1"].requests == {"cpu": 5}


def test_a_purpose_counts_only_if_the_namespace_lists_it() -> None:
    """Where the namespace limits purposes at all."""
    text = "defaults: {purpose: research}\ntasks: {work_1: {namespace: lab}, work_2: {namespace: ward}}"
    said = read_hints([("hints", parse(text, "hints"))])
    hints = replace(said, namespace_purposes={"lab": frozenset({"care"}), "ward": frozenset({"care", "research"})})
    graph = read_workflow(by_id(), hints, DATASETS, "f.json")
    found = {name: task.steps[0].reader for name, task in graph.tasks.items()}
    assert found["work_1"] == Reader("lab")
    assert found["work_2"] == Reader("ward", purpose="research")
    assert found["merge_1"] == Reader("default", purpose="research")


def test_a_file_with_a_datasets_name_is_refused() -> None:
    """Both would be brought under one key."""
    document = by_id()
    spec(document)["files"].append({"id": str(CLAIMS.ref), "sizeInBytes": 1})
    spec(document)["tasks"][1]["outputFiles"].append(str(CLAIMS.ref))
    with pytest.raises(InputError, match="rename the file"):
        read(document, f"inputs: {{raw: {{dataset: {CLAIMS.ref}}}}}")


@each(workflows())
def test_recorded_workflows(path: Path) -> None:
    """Every recorded file, against what a few lines count in it."""
    document = parse(content(path), path.name)[0]
    graph = read_workflow(document, Hints(), {}, path.name)
    specification, execution = document["workflow"]["specification"], document["workflow"]["execution"]
    written = {name: task["id"] for task in specification["tasks"] for name in task["outputFiles"]}
    assert set(graph.data) == set(written)
    assert sorted(graph.tasks) == list(graph.tasks) == sorted(task["id"] for task in specification["tasks"])
    assert sum(task.seconds for task in graph.tasks.values()) == pytest.approx(
        sum(task["runtimeInSeconds"] for task in execution["tasks"])
    )
    parents = {(parent, task["id"]) for task in specification["tasks"] for parent in task["parents"]}
    assert graph.edges() == parents | {
        (written[name], task["id"]) for task in specification["tasks"] for name in task["inputFiles"] if name in written
    }


@FORMS
def test_spoiled_files_are_refused_with_a_place_or_read(form: Form) -> None:
    """Never another exception."""
    outcomes = set()
    for _operator, spoiled in mutants(copy.deepcopy(form()), 1600, seed=4):
        try:
            [document] = parse(spoiled, "f.json")
            read_workflow(document, Hints(), DATASETS, "f.json")
            outcomes.add("read")
        except InputError as error:
            assert (error.subject, len(str(error)) < 1000) == ("f.json", True)  # noqa: PT017 - either is right
            assert error.field  # noqa: PT017
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
