"""What is malformed is refused with the place where it is; spoiled files never end in a traceback."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from moorage.errors import InputError
from pipeline_splitter.documents import parse
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp import read_pipeline
from tests.pipeline_splitter.documents.mutations import mutants
from tests.pipeline_splitter.kfp.ir import (
    Raw,
    artifact_input,
    artifact_of,
    constant,
    dag,
    from_input,
    from_task,
    leaf,
    platform,
    pod,
    read,
    spec,
    task,
)
from tests.pipeline_splitter.shared_data import recorded

SPOILED = (
    "branches.yaml",
    "loops.yaml",
    "artifacts_complex.yaml",
    "critical__if_else_with_oneof_artifacts.yaml",
    "nested_parallel_for_secret.yaml",
    "pipeline_with_dynamic_importer_metadata.yaml",
    "pipeline_with_importer_workspace.yaml",
    "pipeline_with_parallelfor_list_artifacts_GH-12033.yaml",
    "pipeline_with_string_machine_fields_task_output.yaml",
    "pipeline_with_task_final_status_yaml.yaml",
    "test__create_mount_delete_dynamic_pvc.yaml",
)
MUTANTS = 400


def whole() -> Raw:
    """A pipeline with something of everything; fresh."""
    body = dag(
        {"use": task("use", parameters={"x": from_input("item")}, artifacts={"a": artifact_input("a")})},
        parameters=["item"],
        artifacts=["a"],
        makes={"all": [("use", "out")]},
    )
    nested = dag({"make": task("make")}, makes={"made": [("make", "out")]})
    loop: Raw = {"parameterIterator": {"itemInput": "item", "items": {"raw": "[1]"}}}
    root = dag(
        {
            "nested": task("nested"),
            "loop": task("body", artifacts={"a": artifact_of("nested", "made")}, **loop),
            "last": task("use", artifacts={"a": artifact_of("loop", "all")}, after=["loop"]),
        }
    )
    components = {
        "make": leaf("exec-make"),
        "use": leaf("exec-use", parameters=["x"], artifacts=["a"]),
        "body": body,
        "nested": nested,
    }
    return spec(root, components)


def at(document: Raw, path: str) -> Any:  # noqa: ANN401 - raw JSON
    """What is under a path whose keys are joined by dots."""
    for key in path.split("."):
        document = document[key]
    return document


def put(path: str, value: Any) -> Callable[[Raw], None]:  # noqa: ANN401
    """Puts a value there."""
    parent, _, key = path.rpartition(".")
    return lambda document: (at(document, parent) if parent else document).__setitem__(key, value)


def drop(path: str) -> Callable[[Raw], None]:
    """Leaves it out."""
    parent, _, key = path.rpartition(".")
    return lambda document: (at(document, parent) if parent else document).__delitem__(key)


ROOT = "root.dag.tasks"
RUNS = "deploymentSpec.executors.exec-make"
LAST_A, LAST_X = f"{ROOT}.last.inputs.artifacts.a", f"{ROOT}.last.inputs.parameters.x"
AGAIN = "components.body.dag.tasks.again"
ON_Z = {"condition": "inputs.parameter_values['z'] == 1"}
LOOP = f"{ROOT}.loop.parameterIterator"
NESTED = "components.nested.dag.outputs"
IS_LIST = "components.use.inputDefinitions.artifacts.a.isArtifactList"


def selecting(task_name: str) -> list[Raw]:
    """Artifact selectors that name an output which is not there."""
    return [{"producerSubtask": task_name, "outputArtifactKey": "x"}]


@pytest.mark.parametrize(
    ("spoil", "field", "problem"),
    [
        (drop("root"), "root", "is required"),
        (drop("root.dag"), "root", "must have a dag"),
        (drop("pipelineInfo"), "pipelineInfo", "is required"),
        (drop("pipelineInfo.name"), "pipelineInfo.name", "is required"),
        (put("schemaVersion", "1.0"), "schemaVersion", "not read here"),
        (put("schemaVersion", 2.1), "schemaVersion", "must be a string"),
        (drop("components.use"), f"{ROOT}.last.componentRef.name", "'use' is not among the components"),
        (put("components", []), "components", "must be a mapping, not a list"),
        (drop("components.make.executorLabel"), "components.make", "must have a dag or an executorLabel"),
        (drop(RUNS), "components.make.executorLabel", "not among"),
        (put(RUNS, {"resolver": {}}), RUNS, "container"),
        (
            put(f"{RUNS}.container.args", ["a", 3]),
            f"{RUNS}.container.args[1]",
            "must be a string, not 3",
        ),
        (drop(f"{RUNS}.container.image"), f"{RUNS}.container.image", "required"),
        (put(f"{ROOT}.last", 3), f"{ROOT}.last", "must be a mapping, not 3"),
        (put(f"{ROOT}.last.taskInfo", "last"), f"{ROOT}.last.taskInfo", "must be a mapping"),
        (drop(f"{ROOT}.last.componentRef"), f"{ROOT}.last.componentRef", "is required"),
        (put(f"{ROOT}.last.dependentTasks", ["ghost"]), f"{ROOT}.last", "waits for 'ghost'"),
        (put(f"{ROOT}.last.dependentTasks", "loop"), f"{ROOT}.last.dependentTasks", "must be a list"),
        (
            put(f"{ROOT}.loop.dependentTasks", ["last"]),
            "root.dag.tasks",
            "in a cycle, or for a task that does: last, loop",
        ),
        (put(f"{ROOT}.loop.dependentTasks", ["loop"]), ROOT, "in a cycle"),
        (
            put(AGAIN, task("body")),
            f"{AGAIN}.componentRef.name",
            "contains itself",
        ),
        (
            put(LAST_A, artifact_of("loop", "none")),
            LAST_A,
            "'none' is not an output of 'loop'; it has all",
        ),
        (put(LAST_A, {}), LAST_A, "must have either"),
        (put(LAST_X, {}), LAST_X, "must have one of"),
        (put(LAST_X, from_input("p")), LAST_X, "'p' is not a parameter"),
        (put(LAST_X, from_task("ghost")), f"{ROOT}.last", "'ghost', which is not a task"),
        (put(LAST_A, artifact_input("b")), LAST_A, "'b' is not an artifact"),
        (put(f"{LOOP}.items", {}), f"{LOOP}.items", "what the loop iterates over"),
        (put(f"{LOOP}.items.raw", "[1"), f"{LOOP}.items.raw", "must be a JSON list"),
        (put(f"{LOOP}.items.raw", "{}"), f"{LOOP}.items.raw", "must be a JSON list"),
        (put(f"{LOOP}.items", {"inputParameter": "q"}), f"{LOOP}.items.inputParameter", "'q' is not an input"),
        (drop(f"{LOOP}.itemInput"), f"{LOOP}.itemInput", "is required"),
        (
            put(f"{ROOT}.loop.triggerPolicy", {"condition": "inputs.parameter_values['z'] == 1"}),
            f"{ROOT}.loop.triggerPolicy.condition",
            "looks at 'z'",
        ),
        (put(f"{NESTED}.artifacts.made.artifactSelectors", []), f"{NESTED}.artifacts.made", "must say which task"),
        (put(f"{NESTED}.artifacts.made.artifactSelectors", selecting("ghost")), NESTED, "'ghost' is not a task here"),
        (put(f"{NESTED}.artifacts.made.artifactSelectors", selecting("make")), NESTED, "no such output"),
        (put(IS_LIST, "yes"), IS_LIST, "true or false"),
        (put(f"{ROOT}.a/b", task("make")), f"{ROOT}.a/b", "must not contain '/'"),
    ],
)
def test_malformed_documents_are_refused_where_they_are_wrong(
    spoil: Callable[[Raw], None], field: str, problem: str
) -> None:
    """The file, the place and what is wrong with it."""
    document = whole()
    spoil(document)
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.subject == "small.yaml"
    assert (caught.value.field, problem in caught.value.problem) == (field, True), caught.value.problem


@pytest.mark.parametrize(
    "documents",
    [
        [], [None], [3], [[]], [{}, {}, {}], [{"platforms": {}}], [whole(), whole()],
        [whole(), platform({}), platform({})], [whole(), {"platforms": []}], [{"pipelineSpec": 3}],
        [whole(), {"platforms": {"other": 5}}],
        [{"pipelineSpec": whole(), "runtimeConfig": []}],
    ],
)  # fmt: skip
def test_documents_that_are_no_pipeline_are_refused(documents: list[Any]) -> None:
    """Nothing, something else, too many."""
    with pytest.raises(InputError):
        read_pipeline(documents, Hints(), {}, "small.yaml")


@pytest.mark.parametrize(
    "configuration",
    [
        3,
        {"podMetadata": 3},
        {"podMetadata": {"labels": {"a": 3}}},
        {"podMetadata": {"labels": ["a"]}},
        {"pvcMount": {}},
        {"pvcMount": [{}]},
        {"pvcMount": [{"pvcNameParameter": {}}]},
        {"x": {"taskOutputParameter": {}}},
        pod(annotations={"moorage.dev/seconds": "soon"}),
        pod(annotations={"moorage.dev/seconds": "-1"}),
        pod(annotations={"moorage.dev/seconds": "1e999"}),
        pod(annotations={"moorage.dev/seconds": "1e300"}),
        pod(annotations={"moorage.dev/output-bytes": '{"out": 1e300}'}),
        pod(annotations={"moorage.dev/output-bytes": "3"}),
        pod(annotations={"moorage.dev/output-bytes": '{"out": "many"}'}),
        pod(annotations={"moorage.dev/output-bytes": '{"out": []}'}),
        pod(annotations={"moorage.dev/output-bytes": "[" * 100_000}),
        pod({"dataset.0.useas": "mount"}),
    ],
)
def test_platform_configuration_that_can_t_be_read_is_refused(configuration: Any) -> None:  # noqa: ANN401
    """With the executor's place."""
    with pytest.raises(InputError, match=r"executors\.exec-make"):
        read(whole(), platform({"exec-make": configuration}))


def test_configuration_nested_without_end_is_refused() -> None:
    """A bound on depth, not the interpreter's."""
    deep: Raw = {}
    for _ in range(300):
        deep = {"x": deep}
    with pytest.raises(InputError, match="nested deeper"):
        read(whole(), platform({"exec-make": deep}))


def test_pipelines_nested_without_end_are_refused() -> None:
    """A chain of components, each inside the one before."""
    components = {f"c{index}": dag({"t": task(f"c{index + 1}")}) for index in range(500)}
    components["c500"] = leaf("exec")
    with pytest.raises(InputError, match="nested deeper than 64"):
        read(spec(dag({"t": task("c0")}), components))


def test_a_small_file_that_means_millions_of_tasks_is_refused() -> None:
    """Each component uses the next one ten times."""
    components = {f"c{index}": dag({f"t{n}": task(f"c{index + 1}") for n in range(10)}) for index in range(7)}
    components["c7"] = leaf("exec", gives=[], makes=[])
    with pytest.raises(InputError, match="more than 20000 tasks"):
        read(spec(dag({"t": task("c0")}), components))


def test_a_small_file_that_means_millions_of_edges_is_refused() -> None:
    """Thousands of tasks that all wait for thousands of others."""
    components = {f"c{index}": dag({f"t{n}": task(f"c{index + 1}") for n in range(10)}) for index in range(3)}
    components["c3"] = leaf("exec", gives=[], makes=[])
    root = dag({"a": task("c0"), "b": task("c0", after=["a"])})
    with pytest.raises(InputError, match="more than 500000 edges"):
        read(spec(root, components))


def test_mentions_of_mentions_without_end_are_refused() -> None:
    """Each nested pipeline's input mentions the one around it twice: not followed one by one."""
    twice = {
        "x": constant("{{$.inputs.parameters['y']}} {{$.inputs.parameters['z']}}"),
        "y": from_input("x"),
        "z": from_input("x"),
    }
    components = {f"c{n}": dag({"t": task(f"c{n + 1}", parameters=twice)}, parameters=["x"]) for n in range(60)}
    components["c60"] = leaf("exec", parameters=["x"])
    with pytest.raises(InputError, match="more than 500000 edges"):
        read(spec(dag({"t": task("c0", parameters=twice)}, parameters=["x"]), components))


def test_an_output_that_is_named_again_and_again_is_one() -> None:
    """Each level selects the one below twice."""
    components = {
        f"c{n}": dag({"t": task(f"c{n + 1}")}, makes={"out": [("t", "out"), ("t", "out")]}) for n in range(60)
    }
    components["c60"] = leaf("exec")
    root = dag({"t": task("c0"), "use": task("use", artifacts={"a": artifact_of("t")})})
    graph, _ = read(spec(root, {**components, "use": leaf("exec-use", artifacts=["a"])}))
    assert len(graph.tasks["use"].reads) == 1


def test_constants_may_be_anything() -> None:
    """Values of tasks are not the planner's business."""
    document = whole()
    values: tuple[Any, ...] = (None, True, 1e300, "x" * 10_000, ["{{$.inputs.parameters['x']}}"], {"a": {"b": []}})
    for value in values:
        document["root"]["dag"]["tasks"]["last"]["inputs"]["parameters"]["x"] = constant(value)
        read(document)


def test_documents_are_not_written_to() -> None:
    """They are shared with whoever writes the pipeline down again."""
    document = whole()
    before = copy.deepcopy(document)
    read(document)
    assert document == before


def test_order_in_the_file_changes_nothing() -> None:
    """Neither of tasks and components nor of the documents' keys."""

    def shuffled(value: Any, chance: random.Random) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            keys = sorted(value)
            chance.shuffle(keys)
            return {key: shuffled(value[key], chance) for key in keys}
        return value

    graph, pipeline = read(whole(), platform({"exec-use": pod({"dataset.0.id": "a"})}))
    for seed in range(5):
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        other = [shuffled(each, chance) for each in (whole(), platform({"exec-use": pod({"dataset.0.id": "a"})}))]
        again, entries = read(*other)
        assert again == graph
        assert list(entries.entries) == list(pipeline.entries)
        assert list(again.tasks) == list(graph.tasks)


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_files_are_refused_with_a_place_or_read(name: str) -> None:
    """Dropped, duplicated, retyped, renamed, cyclic, huge, strange and truncated."""
    documents = parse(recorded(name).read_text(), name)
    for executor in documents[0]["deploymentSpec"]["executors"].values():
        # What runs in a container is text to the planner: the mutants shall fall on what has a meaning.
        for key in ("args", "command"):
            executor.get("container", {}).pop(key, None)
    errors = [error for error in (_error_of(*each, name) for each in mutants(documents, MUTANTS, len(name))) if error]
    assert len(errors) > MUTANTS / 8
    assert all(error.subject.startswith(name) and error.field and error.problem for error in errors)


def _error_of(operator: str, text: str, name: str) -> InputError | None:
    """How a spoiled text is refused; None where it is read. Anything else than an InputError ends the test."""
    try:
        if operator == "truncated":
            parse(text, name)
            return None
        spoiled = json.loads(text)
        read_pipeline(spoiled if isinstance(spoiled, list) else [spoiled], Hints(), {}, name)
    except InputError as error:
        return error
    return None
