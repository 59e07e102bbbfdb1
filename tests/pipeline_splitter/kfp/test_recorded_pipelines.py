"""Compiled pipelines, other people's too: each is read; of the tricky ones, what reading them by eye gives."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moorage.model import Dataset, DatasetRef, Source
from moorage.sources.s3 import S3Source
from pipeline_splitter.documents import digest, parse
from pipeline_splitter.graph import Graph, Role
from pipeline_splitter.hints import Hints, InputHint
from pipeline_splitter.kfp import KfpPipeline, read_pipeline
from tests.pipeline_splitter.kfp.ir import step
from tests.pipeline_splitter.shared_data import each, pipelines, recorded

Pairs = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Expected:
    """What a person reads in a file.

    Attributes:
        work: core-seconds of each task at 60 s and one core a container: all iterations, all branches.
        wall: seconds of the units, where these are others.
        units: tasks that are units.
        steps: inside of all tasks, control steps included.
        parameters: producer and consumer of each parameter edge, once.
    """

    work: dict[str, float]
    units: frozenset[str] = frozenset()
    steps: int = 0
    data: frozenset[str] = frozenset()
    parameters: Pairs = frozenset()
    order: Pairs = frozenset()
    together: frozenset[frozenset[str]] = field(default_factory=frozenset)
    importers: tuple[str, ...] = ()
    wall: dict[str, float] = field(default_factory=dict)


def pairs(*texts: str) -> Pairs:
    """Of `a > b`."""
    return frozenset((text.split(" > ")[0], text.split(" > ")[1]) for text in texts)


def sets(*texts: str) -> frozenset[frozenset[str]]:
    """Of `a b c`."""
    return frozenset(frozenset(text.split()) for text in texts)


def load(name: str) -> tuple[Graph, KfpPipeline]:
    """A recorded pipeline, without hints."""
    return read_pipeline(parse(recorded(name).read_text(), name), Hints(), {}, name)


NAMES: dict[str, Expected] = {
    "loops.yaml": Expected(
        # 2 x (make + 3 x say); all at once.
        work={"for-loop-2": 480, "read-all": 60, "for-loop-6": 60, "make-2": 60},
        wall={"for-loop-2": 60},
        units=frozenset({"for-loop-2", "for-loop-6"}),
        steps=5,
        data=frozenset({"for-loop-2.pipelinechannel--make-out"}),
        order=pairs("read-all > for-loop-6"),
        together=sets("for-loop-2 read-all"),
    ),
    "branches.yaml": Expected(
        # Steps: two nested, two with a condition each, two of the body, the end.
        work={"inner/read": 30, "inner/say": 60, "condition-branches-1": 120, "exit-handler-4": 120, "end": 60},
        wall={"condition-branches-1": 60, "inner/read": 60},
        units=frozenset({"condition-branches-1", "exit-handler-4"}),
        steps=9,
        parameters=pairs(
            "inner/read > inner/say", "inner/say > condition-branches-1", "condition-branches-1 > exit-handler-4"
        ),
        order=pairs("inner/read > condition-branches-1", "exit-handler-4 > end"),
        together=sets("exit-handler-4 end"),
        importers=("importer",),
    ),
    "parameters_complex.yaml": Expected(
        # 3 x (double + 3 x double-2 + simple-add); 3 x (simple-add-2 + nested-add-2). The loops go round all at once.
        work={"add-two-numbers": 60, "for-loop-2": 900, "for-loop-6": 360, "nested-add": 60},
        wall={"for-loop-2": 120, "for-loop-6": 60},
        units=frozenset({"for-loop-2", "for-loop-6"}),
        steps=7,
        parameters=pairs("for-loop-2 > for-loop-6", "for-loop-2 > nested-add", "for-loop-6 > add-two-numbers"),
    ),
    "pipeline_with_nested_loops.yaml": Expected(
        # The first loop's items, and those of the loop inside, are known to the run only.
        work={"for-loop-1": 60, "for-loop-4": 2 * (60 + 3 * 60)},
        wall={"for-loop-4": 60},
        units=frozenset({"for-loop-1", "for-loop-4"}),
        steps=3,
    ),
    "artifacts_complex.yaml": Expected(
        work={
            "for-loop-2": 3 * (60 + 3 * 60),
            "add-two-lists-of-datasets/add": 60,
            "add-two-lists-of-datasets/add-2": 60,
            "add-two-lists-of-datasets/add-two-ints": 60,
        },
        wall={"for-loop-2": 60},
        units=frozenset({"for-loop-2"}),
        steps=5,
        data=frozenset(
            {
                "for-loop-2.pipelinechannel--double-out_dataset",
                "for-loop-2.pipelinechannel--double-2-out_dataset",
                "add-two-lists-of-datasets/add.out_dataset",
                "add-two-lists-of-datasets/add-2.out_dataset",
            }
        ),
        order=pairs("for-loop-2 > add-two-lists-of-datasets/add-two-ints"),
        together=sets("for-loop-2 add-two-lists-of-datasets/add", "for-loop-2 add-two-lists-of-datasets/add-2"),
    ),
    "artifacts_simple.yaml": Expected(
        work={"for-loop-2": 180, "add": 60, "add-container": 60},
        wall={"for-loop-2": 60},
        units=frozenset({"for-loop-2"}),
        steps=3,
        data=frozenset({"for-loop-2.pipelinechannel--double-out_dataset"}),
        together=sets("for-loop-2 add", "for-loop-2 add-container"),
    ),
    "cross_loop_after_topology.yaml": Expected(
        work={
            "for-loop-2": 120, "for-loop-4": 120, "for-loop-6": 360, "for-loop-10": 120, "for-loop-12": 360,
            "print-op-6": 60,
        },
        wall={"for-loop-2": 60, "for-loop-4": 60, "for-loop-6": 120, "for-loop-10": 60, "for-loop-12": 120},
        units=frozenset({"for-loop-2", "for-loop-4", "for-loop-6", "for-loop-10", "for-loop-12"}),
        steps=8,
        order=pairs("for-loop-2 > for-loop-4", "for-loop-10 > print-op-6"),
    ),
    "flip_coin.yaml": Expected(
        # Each of the two units has three conditions, which read an operand each.
        work={"flip-coin": 60, "condition-1": 180, "condition-4": 180},
        wall={"condition-1": 120, "condition-4": 120},
        units=frozenset({"condition-1", "condition-4"}),
        steps=1 + 2 * (3 + 3),
        parameters=pairs("flip-coin > condition-1", "flip-coin > condition-4"),
    ),
    "critical__if_else_with_oneof_artifacts.yaml": Expected(
        work={
            "flip-coin-pipeline/flip-coin": 60,
            "flip-coin-pipeline/condition-branches-1": 120,
            "flip-coin-pipeline/print-artifact": 60,
            "print-artifact": 60,
        },
        wall={"flip-coin-pipeline/condition-branches-1": 60},
        units=frozenset({"flip-coin-pipeline/condition-branches-1"}),
        steps=7,
        data=frozenset({"flip-coin-pipeline/condition-branches-1.pipelinechannel--condition-branches-1-oneof-1"}),
        parameters=pairs("flip-coin-pipeline/flip-coin > flip-coin-pipeline/condition-branches-1"),
        order=pairs(
            "flip-coin-pipeline/flip-coin > print-artifact", "flip-coin-pipeline/print-artifact > print-artifact"
        ),
    ),
    "parameter_oneof.yaml": Expected(
        work={"mantle/core/flip-coin": 60, "mantle/core/condition-branches-1": 120, "crust-comp": 60},
        wall={"mantle/core/condition-branches-1": 60},
        units=frozenset({"mantle/core/condition-branches-1"}),
        steps=6,
        parameters=pairs(
            "mantle/core/flip-coin > mantle/core/condition-branches-1", "mantle/core/condition-branches-1 > crust-comp"
        ),
        order=pairs("mantle/core/flip-coin > crust-comp"),
    ),
    "pipeline_with_parallelfor_list_artifacts_GH-12033.yaml": Expected(
        work={
            "for-loop-1": 60, "for-loop-2": 60, "make-artifacts/for-loop-1": 240, "make-datasets/for-loop-1": 240,
        },
        wall={"make-artifacts/for-loop-1": 60, "make-datasets/for-loop-1": 60},
        units=frozenset({"for-loop-1", "for-loop-2", "make-artifacts/for-loop-1", "make-datasets/for-loop-1"}),
        steps=6,
        data=frozenset(
            {
                "make-artifacts/for-loop-1.pipelinechannel--make-artifact-Output",
                "make-datasets/for-loop-1.pipelinechannel--make-dataset-Output",
            }
        ),
        together=sets("make-artifacts/for-loop-1 for-loop-1", "make-datasets/for-loop-1 for-loop-2"),
    ),
    "pipeline_with_multiple_exit_handlers.yaml": Expected(
        work={
            "exit-handler-1": 120, "exit-handler-2": 60, "exit-handler-3": 60, "print-op": 60, "print-op-3": 60,
            "print-op-5": 60,
        },
        wall={"exit-handler-1": 60},
        units=frozenset({"exit-handler-1", "exit-handler-2", "exit-handler-3"}),
        steps=7,
        order=pairs("exit-handler-1 > print-op", "exit-handler-2 > print-op-3", "exit-handler-3 > print-op-5"),
        together=sets("exit-handler-1 print-op", "exit-handler-2 print-op-3", "exit-handler-3 print-op-5"),
    ),
    "pipeline_with_importer.yaml": Expected(
        work={"train": 60, "condition-1": 60},
        units=frozenset({"condition-1"}),
        steps=4,
        parameters=pairs("train > condition-1"),
        importers=("importer",),
    ),
    "pipeline_with_dynamic_importer_metadata.yaml": Expected(
        work={"make-name": 60}, steps=1, importers=("importer", "importer-2")
    ),
    "pipeline_with_importer_workspace.yaml": Expected(
        work={
            "get-uri": 60, "get-uri-2": 60, "import-stage/read-dir": 60, "import-stage/train": 60,
            "write-dir-artifact": 60, "write-file-artifact": 60,
        },
        steps=6,
        data=frozenset({"write-dir-artifact.out_ds", "write-file-artifact.out_ds"}),
        order=pairs(
            "get-uri > import-stage/read-dir", "get-uri > import-stage/train",
            "get-uri-2 > import-stage/read-dir", "get-uri-2 > import-stage/train",
        ),
        together=sets("import-stage/read-dir import-stage/train"),
        importers=("import-stage/importer", "import-stage/importer-2"),
    ),
    "nested_parallel_for_secret.yaml": Expected(
        work={"emit-secret-name": 60, "for-loop-2": 120},
        units=frozenset({"for-loop-2"}),
        steps=2,
        parameters=pairs("emit-secret-name > for-loop-2"),
    ),
    "test__create_mount_delete_dynamic_pvc.yaml": Expected(
        work={"consumer": 60, "createpvc": 60, "deletepvc": 60, "producer": 60},
        steps=4,
        parameters=pairs("createpvc > deletepvc"),
        order=pairs("createpvc > producer", "createpvc > consumer", "producer > consumer", "consumer > deletepvc"),
        together=sets("consumer createpvc deletepvc producer"),
    ),
    "pvc-mount.yaml": Expected(
        work={"consumer": 60, "producer": 60},
        steps=2,
        order=pairs("producer > consumer"),
        together=sets("consumer producer"),
    ),
    "pipeline_with_workspace.yaml": Expected(
        work={"read-from-workspace": 60, "write-to-workspace": 60},
        steps=2,
        parameters=pairs("write-to-workspace > read-from-workspace"),
        together=sets("read-from-workspace write-to-workspace"),
    ),
    "nested_pipeline_opt_input_child_level_compiled.yaml": Expected(
        work={f"nested-pipeline/component-{which}-{kind}": 60 for which in "ab" for kind in ("bool", "int", "str")},
        steps=6,
    ),
    "loop_consume_upstream.yaml": Expected(
        work={"for-loop-1": 120, "print-input": 60, "split-input": 60},
        units=frozenset({"for-loop-1"}),
        steps=5,
        parameters=pairs("split-input > for-loop-1", "split-input > print-input"),
    ),
    "pipeline_in_pipeline_complex.yaml": Expected(
        work={"for-loop-2": 2 * 3 * 60, "print-op1": 60}, wall={"for-loop-2": 120},
        units=frozenset({"for-loop-2"}), steps=6
    ),
    "conditional_producer_and_consumers.yaml": Expected(
        work={"for-loop-2": 180, "condition-4": 60},
        wall={"for-loop-2": 60},
        units=frozenset({"for-loop-2", "condition-4"}),
        steps=2,
        parameters=pairs("for-loop-2 > condition-4"),
    ),
    "valid__pipeline_with_various_io_types.yaml": Expected(
        work={"upstream": 60, "downstream": 60},
        steps=2,
        data=frozenset(f"upstream.output_{number}" for number in range(2, 10)),
        parameters=pairs("upstream > downstream"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_a_person_reads_in_it(name: str) -> None:
    """Tasks, units, data, edges, and what stays together."""
    graph, _ = load(name)
    assert (
        Expected(
            work={name: found.cpu_seconds for name, found in graph.tasks.items()},
            wall={name: found.seconds for name, found in graph.tasks.items() if found.seconds != found.cpu_seconds},
            units=frozenset(name for name, found in graph.tasks.items() if found.is_unit),
            steps=sum(len(found.steps) for found in graph.tasks.values()),
            data=frozenset(graph.data),
            parameters=frozenset((edge.producer, edge.consumer) for edge in graph.parameters),
            order=graph.order,
            together=frozenset(graph.together),
            importers=tuple(found.name for found in graph.importers),
        )
        == NAMES[name]
    )


@each(pipelines())
def test_every_one_is_read(path: Path) -> None:
    """Whatever schema and form; what is said of it holds together."""
    documents = parse(path.read_text(), path.name)
    graph, pipeline = read_pipeline(documents, Hints(), {}, path.name)
    assert graph.digest == digest(documents)
    assert graph.name == pipeline.name
    assert graph.tasks
    assert not graph.warnings
    assert set(pipeline.entries) == set(graph.tasks) | {found.name for found in graph.importers}
    steps = [found for task in graph.tasks.values() for found in task.steps]
    names = [found.name for found in (*steps, *graph.importers)]
    assert len(names) == len(set(names))
    for task in graph.tasks.values():
        seen: set[str] = set()
        for found in task.steps:
            assert found.task == task.name
            assert (found.reader is not None) == (found.role is Role.CONTAINER)
            inside = {name for name in (*(read.step for read in found.reads), *found.parameters_from) if name}
            assert inside & {other.name for other in task.steps} <= seen
            assert inside <= set(names)
            seen.add(found.name)
    for earlier, later in graph.edges():
        assert {earlier, later} <= set(graph.tasks)
    for group in graph.together:
        assert group <= set(graph.tasks)
        assert len(group) > 1
    positions = {path: index for index, path in enumerate(pipeline.entries)}
    assert all(positions[earlier] < positions[later] for earlier, later in graph.edges())
    for entry in pipeline.entries.values():
        assert set(entry.components) <= set(pipeline.components)
        assert set(entry.executors) <= set(pipeline.executors)
        assert all(positions[earlier] < positions[entry.path] for earlier in entry.after)


def test_the_largest_one() -> None:
    """51 executors run containers and one imports: three tasks, and a unit with 48 of them and seven conditions."""
    graph, _ = load("automl_tabular_v2_pipeline.yaml")
    unit = graph.tasks["exit-handler-1"]
    roles = [found.role for found in unit.steps]
    assert [roles.count(role) for role in (Role.CONTAINER, Role.CONTROL, Role.IMPORTER)] == [48, 7, 1]
    assert set(graph.tasks) == {
        "automl-tabular-finalizer", "exit-handler-1", "get-model-display-name", "set-optional-inputs",
    }  # fmt: skip
    assert (unit.seconds, unit.cpu_seconds) == (1140, 4980)
    assert {(edge.producer, edge.output) for edge in graph.parameters} == {
        ("get-model-display-name", "model_display_name"),
        ("set-optional-inputs", "data_source_bigquery_table_path"),
        ("set-optional-inputs", "data_source_csv_filenames"),
    }
    model = DatasetRef("steward", "models")
    path = recorded("automl_tabular_v2_pipeline.yaml")
    hints = Hints(inputs={"parent_model": InputHint(model)})
    hinted, _ = read_pipeline(parse(path.read_text(), path.name), hints, {}, path.name)
    assert hinted.tasks["exit-handler-1"].reads == ("steward/models",)


def test_resources_of_recorded_containers() -> None:
    """A GPU, and what only the run knows."""
    graph, _ = load("nvidia_gpu_scheduling_check.yaml")
    (only,) = graph.tasks.values()
    assert only.requests["nvidia.com/gpu"] == 1
    graph, _ = load("local_execution_pipeline_with_k8s_only_methods.yaml")
    (only,) = graph.tasks.values()
    assert only.requests == {"cpu": 1, "memory": 256 * 2**20, "nvidia.com/gpu": 1}
    assert only.assumed == ("seconds",)
    graph, _ = load("pipeline_with_string_machine_fields_task_output.yaml")
    assert all(found.requests == {"cpu": 1} for found in graph.tasks.values())


def test_a_recorded_importer_finds_its_dataset() -> None:
    """A public bucket that somebody declared as a dataset, in the task's constant and in the pipeline's default."""
    name = "pipeline_with_importer.yaml"
    path = recorded(name)
    plays = DatasetRef("library", "plays")
    source = S3Source("https://storage.googleapis.com", "ml-pipeline-playground")
    datasets = {plays: Dataset(plays, (Source("us-1", source),))}
    graph, _ = read_pipeline(parse(path.read_text(), name), Hints(), datasets, name)
    assert step(graph, "importer").dataset == plays
    assert step(graph, "condition-1/importer-2").dataset == plays
    assert graph.tasks["train"].reads == graph.tasks["condition-1"].reads == ("library/plays",)
