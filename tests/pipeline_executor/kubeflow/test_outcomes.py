"""How far tasks are and what came out, by ML Metadata's executions: tables of what drivers and launchers write."""

from typing import Any

import pytest

from moorage.runs import TaskPhase
from pipeline_executor.engine import Program, read_program
from pipeline_executor.runners.kubeflow.lineage import (
    Execution,
    ExecutionState,
    Lineage,
    StoredArtifact,
    inputs_by_execution,
    made_whole_deeply,
    outputs_by_execution,
    read_artifact,
    read_execution,
)
from pipeline_executor.runners.kubeflow.metadata_client import MetadataClient
from pipeline_executor.runners.kubeflow.metadata_schema import MLMD
from pipeline_executor.runners.kubeflow.outcomes import cast_output, outcomes_of
from pipeline_executor.runners.kubeflow.places import Places
from tests.pipeline_executor.kubeflow.metadata_store import MetadataStore, Row, write_artifact, write_row
from tests.pipeline_executor.spoke.pipelines import DATASET, shell, spec, task

RUNNING, COMPLETE = ExecutionState.RUNNING, ExecutionState.COMPLETE
FAILED, CACHED, CANCELED = ExecutionState.FAILED, ExecutionState.CACHED, ExecutionState.CANCELED
PLACES = Places("s3://b/runs/n/x/u/kubeflow/1", "r", "s3://b/runs/n", frozenset({"s3://b/imported"}))
_INTEGER = {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}}


def _program(tasks: Any, components: Any, outputs: Any = None, root: Any = None) -> Program:  # noqa: ANN401
    executors = {"exec": shell("true")}
    return read_program([spec(tasks, components, executors, root, outputs)], "pipeline")


def _leaf(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - of the component
    return {"executorLabel": "exec", **more}


def _of(name: str, output: str = "n") -> dict[str, Any]:
    return {"valueFromParameter": {"producerSubtask": name, "outputParameterKey": output}}


_ROOT = Execution(1, RUNNING)


def _phases(program: Program, *executions: Execution, unbegun: TaskPhase) -> dict[str, str]:
    found = outcomes_of(program, Lineage((_ROOT, *executions)), PLACES, unbegun)
    return {path: outcome.phase.value for path, outcome in found.containers.items()}


_TWO = _program(
    {"a": task("comp"), "b": task("comp", after=("a",))},
    {"comp": _leaf(outputDefinitions=_INTEGER)},
    {"parameters": {"last": _of("b")}},
    {"outputDefinitions": {"parameters": {"last": {"parameterType": "NUMBER_INTEGER"}}}},
)


@pytest.mark.parametrize(
    ("executions", "unbegun", "phases"),
    [
        ([], "Pending", {"a": "Pending", "b": "Pending"}),
        ([], "Skipped", {"a": "Skipped", "b": "Skipped"}),
        ([Execution(2, RUNNING, "a", 1)], "Pending", {"a": "Running", "b": "Pending"}),
        # A run that was terminated leaves its executions RUNNING.
        ([Execution(2, RUNNING, "a", 1)], "Skipped", {"a": "Cancelled", "b": "Skipped"}),
        ([Execution(2, RUNNING, "a", 1)], "Cancelled", {"a": "Cancelled", "b": "Cancelled"}),
        ([Execution(2, FAILED, "a", 1)], "Skipped", {"a": "Failed", "b": "Skipped"}),
        ([Execution(2, COMPLETE, "a", 1), Execution(3, CACHED, "b", 1)], "Skipped", {"a": "Succeeded", "b": "Cached"}),
        # A driver that was tried again made another: the one that went well counts, else the last.
        ([Execution(2, COMPLETE, "a", 1), Execution(3, FAILED, "a", 1)], "Pending", {"a": "Succeeded", "b": "Pending"}),
        ([Execution(2, FAILED, "a", 1), Execution(3, RUNNING, "a", 1)], "Pending", {"a": "Running", "b": "Pending"}),
        # Of another dag, which has a task of the same name.
        ([Execution(2, COMPLETE, "a", 9)], "Pending", {"a": "Pending", "b": "Pending"}),
    ],
)
def test_the_phases_of_two_tasks(executions: list[Execution], unbegun: str, phases: dict[str, str]) -> None:
    """By the executions inside of the root, whose own state says nothing."""
    assert _phases(_TWO, *executions, unbegun=TaskPhase(unbegun)) == phases


def test_whole_numbers_come_out_whole() -> None:
    """The root's output is followed to the task that made it, and has the type that its component declares."""
    made = Execution(3, COMPLETE, "b", 1, outputs={"n": 3.0})
    found = outcomes_of(_TWO, Lineage((_ROOT, Execution(2, COMPLETE, "a", 1), made)), PLACES, TaskPhase.SKIPPED)
    assert found.outputs is not None
    assert repr(found.outputs.parameters) == "{'last': 3}"


@pytest.mark.parametrize(
    ("value", "kind", "cast"),
    [
        (3.0, "NUMBER_INTEGER", "3"),
        (3.5, "NUMBER_INTEGER", "3.5"),
        (3.0, "NUMBER_DOUBLE", "3.0"),
        ([1.0, {"x": [2.0, 2.5]}], "LIST", "[1, {'x': [2, 2.5]}]"),
        ({"x": 1.0}, "STRUCT", "{'x': 1}"),
        ("3.0", "STRING", "'3.0'"),
        (True, "BOOLEAN", "True"),
    ],
)
def test_casts(value: Any, kind: str, cast: str) -> None:  # noqa: ANN401 - JSON
    """By what the component declares; inside of lists and mappings Kubeflow writes 3.0 as 3, too."""
    assert repr(cast_output(value, kind)) == cast


_INNER = {"dag": {"tasks": {"say": task("comp")}, "outputs": {"parameters": {"n": _of("say")}}}}
_ONE_OF = _program(
    {
        "heads": {**task("comp-heads"), "triggerPolicy": {"condition": "1 == 1"}},
        "tails": {**task("comp-tails"), "triggerPolicy": {"condition": "1 == 2"}},
    },
    {
        "comp": _leaf(outputDefinitions=_INTEGER),
        "comp-heads": {**_INNER, "outputDefinitions": _INTEGER},
        "comp-tails": {**_INNER, "outputDefinitions": _INTEGER},
    },
    {"parameters": {"n": {"valueFromOneof": {"parameterSelectors": [
        {"producerSubtask": "heads", "outputParameterKey": "n"},
        {"producerSubtask": "tails", "outputParameterKey": "n"},
    ]}}}},
    {"outputDefinitions": _INTEGER},
)  # fmt: skip


def test_one_of_takes_the_branch_that_ran() -> None:
    """The one that was not taken is CANCELED, which is no failure and no cancellation."""
    lineage = Lineage(
        (
            _ROOT,
            Execution(2, CANCELED, "heads", 1),
            Execution(3, RUNNING, "tails", 1),
            Execution(4, COMPLETE, "say", 3, outputs={"n": 8.0}),
        )
    )
    found = outcomes_of(_ONE_OF, lineage, PLACES, TaskPhase.SKIPPED)
    phases = {path: outcome.phase for path, outcome in found.containers.items()}
    assert phases == {"heads/say": TaskPhase.SKIPPED, "tails/say": TaskPhase.SUCCEEDED}
    assert found.outputs is not None
    assert found.outputs.parameters == {"n": 8}
    assert found.ended["tails"].parameters == {"n": 8}


_LOOP = _program(
    {
        "train": {
            **task("comp-train"),
            "parameterIterator": {"itemInput": "item", "items": {"raw": "[1, 2, 3]"}},
        }
    },
    {
        "comp": _leaf(outputDefinitions=_INTEGER),
        "comp-train": {
            "dag": {
                "tasks": {"if": {**task("comp-if"), "triggerPolicy": {"condition": "1 == 1"}}},
                "outputs": {"parameters": {"n": _of("if")}},
            },
            "inputDefinitions": {"parameters": {"item": {"parameterType": "NUMBER_INTEGER"}}},
            "outputDefinitions": {"parameters": {"n": {"parameterType": "LIST"}}},
        },
        "comp-if": {**_INNER, "outputDefinitions": _INTEGER},
    },
    {"parameters": {"all": _of("train")}},
    {"outputDefinitions": {"parameters": {"all": {"parameterType": "LIST"}}}},
)


def test_a_loops_list_leaves_out_what_was_skipped() -> None:
    """Iterations are told apart by their index, in whatever order they came; of none is an output invented."""
    lineage = Lineage(
        (
            _ROOT,
            Execution(2, RUNNING, "train", 1, iterations=3),
            Execution(9, RUNNING, "train", 2, iteration=2),
            Execution(4, RUNNING, "train", 2, iteration=0),
            Execution(5, RUNNING, "train", 2, iteration=1),
            # Some versions number the tasks inside as well.
            Execution(6, RUNNING, "if", 4, iteration=0),
            Execution(7, CANCELED, "if", 5, iteration=1),
            Execution(8, RUNNING, "if", 9, iteration=2),
            Execution(10, COMPLETE, "say", 6, outputs={"n": 10.0}),
            Execution(11, COMPLETE, "say", 8, outputs={"n": 30.0}),
        )
    )
    found = outcomes_of(_LOOP, lineage, PLACES, TaskPhase.SKIPPED)
    assert {path: outcome.phase.value for path, outcome in found.containers.items()} == {
        "train#0/if/say": "Succeeded",
        "train#1/if/say": "Skipped",
        "train#2/if/say": "Succeeded",
    }
    assert found.outputs is not None
    assert found.outputs.parameters == {"all": [10, 30]}


def test_a_loop_that_has_not_begun_all_iterations_is_not_over() -> None:
    """Its driver says how many there will be."""
    lineage = Lineage(
        (
            _ROOT,
            Execution(2, RUNNING, "train", 1, iterations=3),
            Execution(4, RUNNING, "train", 2, iteration=0),
            Execution(6, RUNNING, "if", 4),
            Execution(10, COMPLETE, "say", 6, outputs={"n": 10.0}),
        )
    )
    found = outcomes_of(_LOOP, lineage, PLACES)
    assert found.outputs is None
    assert "train" not in found.ended
    assert found.ended["train#0"].parameters == {"n": 10}


def test_a_loop_over_nothing_gives_an_empty_list() -> None:
    """It has no iterations, and has ended."""
    found = outcomes_of(
        _LOOP, Lineage((_ROOT, Execution(2, RUNNING, "train", 1, iterations=0))), PLACES, TaskPhase.SKIPPED
    )
    assert found.outputs is not None
    assert found.outputs.parameters == {"all": []}


_ARTIFACTS = _program(
    {"a": task("comp")},
    {
        "comp": _leaf(
            outputDefinitions={
                "artifacts": {
                    "out": {"artifactType": DATASET},
                    "many": {"artifactType": DATASET, "isArtifactList": True},
                }
            }
        )
    },
    {"artifacts": {"given": {"artifactSelectors": [{"producerSubtask": "a", "outputArtifactKey": "out"}]}}},
    {"outputDefinitions": {"artifacts": {"given": {"artifactType": DATASET}}}},
)


def test_artifacts_keep_what_their_producer_noted() -> None:
    """Type from the component, place and metadata from ML Metadata; a list stays one though it is empty."""
    uri = f"{PLACES.root_uri}/small/r/a/0-1-2/out"
    made = {2: {"out": (StoredArtifact(7, uri, {"rows": 3}),)}}
    lineage = Lineage((_ROOT, Execution(2, COMPLETE, "a", 1)), made)
    found = outcomes_of(_ARTIFACTS, lineage, PLACES, TaskPhase.SKIPPED)
    assert found.outputs is not None
    (given,) = found.outputs.artifacts["given"]
    assert (given.uri, given.type, given.metadata) == (uri, DATASET, {"rows": 3})
    outputs = found.containers["a"].outputs
    assert outputs is not None
    assert (outputs.artifacts["many"], outputs.lists) == ((), frozenset({"many"}))


@pytest.mark.parametrize(
    ("uri", "state", "taken"),
    [
        ("s3://b/runs/n/x/u/kubeflow/1/small/r/a/0-1/out", COMPLETE, True),
        # Another task's, under other rules; another output's; another attempt's; another run's; another tenant's.
        ("s3://b/runs/n/x/u/kubeflow/1/small/r/b/0-1/out", COMPLETE, False),
        ("s3://b/runs/n/x/u/kubeflow/1/small/r/a/0-1/many", COMPLETE, False),
        ("s3://b/runs/n/x/u/kubeflow/2/small/r/a/0-1/out", COMPLETE, False),
        ("s3://b/runs/n/x/u/kubeflow/1/small/q/a/0-1/out", COMPLETE, False),
        ("s3://b/runs/m/x/u/kubeflow/1/small/r/a/0-1/out", COMPLETE, False),
        ("s3://other/runs/n/x/u/kubeflow/1/small/r/a/0-1/out", COMPLETE, False),
        ("s3://b/runs/n/x/u/kubeflow/1/small/r/a/../out", COMPLETE, False),
        ("s3://b/imported", COMPLETE, False),
        # Kubeflow's cache gives out what an earlier run of the namespace made, and no more.
        ("s3://b/runs/n/y/v/kubeflow/3/small/q/a/0-1/out", CACHED, True),
        ("s3://b/runs/m/y/v/kubeflow/3/small/q/a/0-1/out", CACHED, False),
        ("s3://b/runs/n/y/v/kubeflow/3/small/q/b/0-1/out", CACHED, False),
        ("s3://b/runs/n/y/v/data/a/1/out", CACHED, False),
    ],
)
def test_an_output_lies_in_its_own_tasks_place(uri: str, state: ExecutionState, taken: bool) -> None:  # noqa: FBT001
    """Where it lies is the task's word, which may be another task's data, or another tenant's."""
    lineage = Lineage((_ROOT, Execution(2, state, "a", 1)), {2: {"out": (StoredArtifact(7, uri),)}})
    outcome = outcomes_of(_ARTIFACTS, lineage, PLACES, TaskPhase.SKIPPED).containers["a"]
    assert outcome.outputs is not None
    assert ("out" in outcome.outputs.artifacts) is taken
    assert ("own place" in outcome.problem) is not taken


@pytest.mark.parametrize(
    ("uri", "counts"),
    [
        ("s3://b/runs/n/x/u/kubeflow/1/small/r/b/0-1/out", True),
        ("s3://b/imported", True),
        ("s3://b/runs/m/x/u/kubeflow/1/small/r/b/0-1/out", False),
        ("s3://b/runs/n/../m/x", False),
        ("s3://b/runs/n", False),
        # All that a namespace's runs left, and all of one run.
        ("s3://b/runs/n/", False),
        ("s3://b/runs/n/x/u", False),
        ("s3://b/runs/n/x/u/", False),
        ("s3://other/data", False),
    ],
)
def test_only_known_places_are_looked_at_for_what_a_task_read(uri: str, counts: bool) -> None:  # noqa: FBT001
    """Sizes of what lies elsewhere would be told to whoever names it."""
    lineage = Lineage((_ROOT, Execution(2, COMPLETE, "a", 1)), {2: {}}, {2: (uri,)})
    assert outcomes_of(_ARTIFACTS, lineage, PLACES).containers["a"].inputs == ((uri,) if counts else ())


@pytest.mark.parametrize("state", [CACHED, RUNNING, FAILED])
def test_a_task_that_copied_nothing_or_did_not_succeed_read_nothing(state: ExecutionState) -> None:
    """Where the cache serves, no launcher copied anything."""
    uri = "s3://b/runs/n/x/u/kubeflow/1/small/r/b/0-1/out"
    lineage = Lineage((_ROOT, Execution(2, state, "a", 1)), {2: {}}, {2: (uri,)})
    assert outcomes_of(_ARTIFACTS, lineage, PLACES).containers["a"].inputs == ()


def test_of_two_workflows_of_one_run_the_first_counts() -> None:
    """A run that somebody submitted twice has two roots in one context."""
    lineage = Lineage((Execution(5, RUNNING), _ROOT, Execution(2, COMPLETE, "a", 1), Execution(6, FAILED, "a", 5)))
    assert outcomes_of(_TWO, lineage, PLACES).containers["a"].phase is TaskPhase.SUCCEEDED


def test_executions_and_artifacts_come_through_the_wire() -> None:
    """As drivers and launchers write them: numbers as floats, lists and mappings wrapped, entries of Kubeflow's own."""
    message = MLMD["Execution"]()
    outputs = {"n": 3, "l": [1, "x", None, True], "d": {"k": 0}, "e": {}}
    row = Row(4, "r", COMPLETE, {"task_name": "a", "parent_dag_id": 1, "iteration_index": 0, "pod_name": "p"}, outputs)
    write_row(message, row)
    read = read_execution(MLMD["Execution"].FromString(message.SerializeToString()))
    assert (read.id, read.state, read.task, read.parent, read.iteration, read.pod) == (4, COMPLETE, "a", 1, 0, "p")
    assert repr(read.outputs["n"]) == "3.0"
    assert made_whole_deeply(read.outputs) == {"n": 3, "l": [1, "x", None, True], "d": {"k": 0}, "e": {}}
    artifact = MLMD["Artifact"]()
    write_artifact(artifact, 7, "s3://b/k", {"rows": 3, "loss": 0.5, "names": ["a"], "by": {"x": 1}, "note": "n"})
    stored = read_artifact(MLMD["Artifact"].FromString(artifact.SerializeToString()))
    assert stored == StoredArtifact(
        7, "s3://b/k", {"rows": 3, "loss": 0.5, "names": ["a"], "by": {"x": 1}, "note": "n"}
    )


def test_a_list_has_its_order_from_its_events() -> None:
    """Events that say what was read are no outputs."""
    events = []
    for number, (kind, index, artifact) in enumerate([(4, 1, 11), (3, 0, 12), (4, 0, 10)]):
        event = MLMD["Event"](artifact_id=artifact, execution_id=2, type=kind)
        event.path.steps.add(key="many")
        event.path.steps.add(index=index)
        events.append(event)
        assert number < 3
    stored = {number: StoredArtifact(number, f"s3://b/{number}") for number in (10, 11, 12)}
    found = outputs_by_execution(events, stored)
    assert [each.id for each in found[2]["many"]] == [10, 11]
    assert inputs_by_execution(events, stored) == {2: ("s3://b/12",)}


async def test_a_run_is_read_over_grpc_page_by_page() -> None:
    """All pages are read; what was read of ended executions is not asked again; no context is no run."""
    async with MetadataStore() as store, MetadataClient(f"grpc://127.0.0.1:{store.port}") as client:
        assert await client.lineage("r", Lineage()) == Lineage()
        store.context("r")
        store.context("other")
        root = store.execution("r")
        several = [store.execution("r", task_name=f"t{number}", parent_dag_id=root) for number in range(7)]
        store.execution("other")
        for execution in several[:5]:
            store.output(execution, "out", store.artifact(f"s3://b/{execution}", {"rows": 1}))
            store.input(execution, store.artifact("s3://b/read", {}))
            store.change(execution, COMPLETE, {"n": 1})
        found = await client.lineage("r", Lineage())
        assert {each.id for each in found.executions} == {root, *several}
        assert {number: made["out"][0].uri for number, made in found.artifacts.items()} == {
            execution: f"s3://b/{execution}" for execution in several[:5]
        }
        assert found.inputs == dict.fromkeys(several[:5], ("s3://b/read",))
        store.events.clear()
        store.reads.clear()
        store.change(several[5], COMPLETE)
        again = await client.lineage("r", found)
        assert {number for number, made in again.artifacts.items() if made} == set(several[:5])
        assert several[5] in again.artifacts
        assert again.inputs == found.inputs
