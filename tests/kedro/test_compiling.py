"""Kedro's nodes as Kubeflow's tasks: names, edges, labels, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.kedro.compiling import MOST_NODES, Container, Governed, Node, Project, compiled
from pipeline_executor.engine import read_program

FLIGHTS = Governed("flights", "stewards")
PROJECT = Project(
    "flights",
    "__default__",
    (
        Node("clean it", ("raw", "params:rows"), ("cleaned",)),
        Node("Clean It", ("cleaned", "cleaned", "raw"), ("report", "kept")),
    ),
    frozenset({"raw", "kept"}),
    {"raw": FLIGHTS, "kept": FLIGHTS},
)
CONTAINER = Container("image:1", "/app", "prod", "research")
NAMES = st.text(min_size=1, max_size=60).filter(lambda name: not name.startswith("params:") and "@" not in name)


def test_a_pipeline_as_kubeflow_has_it() -> None:
    """Unique names, an artifact for each edge, what is left as the pipeline's output, each Dataset once as labels."""
    spec, platform = compiled(PROJECT, CONTAINER)
    tasks = spec["root"]["dag"]["tasks"]
    assert list(tasks) == ["clean-it", "clean-it-2"]
    assert tasks["clean-it-2"]["dependentTasks"] == ["clean-it"]
    assert tasks["clean-it-2"]["inputs"]["artifacts"] == {
        "cleaned": {"taskOutputArtifact": {"outputArtifactKey": "cleaned", "producerTask": "clean-it"}}
    }
    assert spec["deploymentSpec"]["executors"]["exec-clean-it"]["container"] == {
        "image": "image:1",
        "command": ["python", "-m", "moorage.kedro.task"],
        "args": [
            "--project=/app",
            "--pipeline=__default__",
            "--env=prod",
            "--params={{$.inputs.parameters['params']}}",
            "--node=clean it",
            "--output=cleaned={{$.outputs.artifacts['cleaned'].path}}",
        ],
    }
    assert list(spec["root"]["outputDefinitions"]["artifacts"]) == ["clean-it-2-report"]
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors["exec-clean-it-2"]["podMetadata"]["labels"] == {
        "dataset.0.id": "flights",
        "dataset.0.namespace": "stewards",
        "dataset.0.useas": "mount",
        "moorage.dev/purpose": "research",
    }


def test_what_touches_the_world_is_not_cached() -> None:
    """Only what lives by its artifacts and parameters alone."""
    project = Project("p", "p", (Node("a", (), ("x",)), Node("b", ("x",), ("kept",))), frozenset({"kept"}), {})
    (spec,) = compiled(project, Container("image:1"))
    tasks = spec["root"]["dag"]["tasks"]
    assert (tasks["a"]["cachingOptions"], tasks["b"]["cachingOptions"]) == ({"enableCache": True}, {})


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ((), "flights: pipeline: has 0 nodes"),
        ((Node("n", (), ("x",)),) * (MOST_NODES + 1), "has 1,001 nodes: 1 to 1,000 can be compiled"),
        (
            (Node("n", ("absent",), ("x",)),),
            "flights: node n: inputs: 'absent' is made by no node, and the catalogue does not name it",
        ),
        (
            (Node("n", (), ("x@pandas",)), Node("m", ("x@spark",), ())),
            "flights: node m: inputs: 'x@spark' is what node n writes in another form",
        ),
        ((Node("n", (), ("x",), ("raw",)),), "flights: node n: confirms: raw are confirmed where no later run"),
        ((Node("n", tuple(map(str, range(501))), ()),), "flights: node n: inputs: has more than 500 datasets"),
    ],
)
def test_what_is_refused(nodes: tuple[Node, ...], sentence: str) -> None:
    """Names the node, and what to do."""
    with pytest.raises(InputError) as refused:
        compiled(replace(PROJECT, nodes=nodes), CONTAINER)
    assert sentence in str(refused.value)


def test_no_more_datasets_than_a_pod_can_have() -> None:
    """Governed ones, which become labels."""
    names = tuple(f"d{number}" for number in range(65))
    governed = {name: Governed(name) for name in names}
    project = Project("p", "p", (Node("n", names, ("x",)),), frozenset(names), governed)
    with pytest.raises(InputError, match="node n: inputs: uses more than 64 governed Datasets: split the node"):
        compiled(project, CONTAINER)


@st.composite
def projects(draw: Any) -> Project:  # noqa: ANN401 - hypothesis's own
    """Pipelines of whatever names; each node reads from those before it."""
    names = draw(st.lists(NAMES, min_size=2, max_size=8, unique=True))
    nodes: list[Node] = []
    for number, name in enumerate(names[: len(names) // 2]):
        made = [dataset for node in nodes for dataset in node.outputs]
        inputs = draw(st.lists(st.sampled_from(made), unique=True)) if made else []
        nodes.append(Node(name, tuple(inputs), (names[len(names) // 2 + number],)))
    return Project("p", "p", tuple(nodes), frozenset())


@settings(deadline=None)
@given(projects())
def test_the_executor_reads_whatever_is_compiled(project: Project) -> None:
    """Names of any characters; as many tasks as nodes, and an edge for each dataset that a node reads of another."""
    documents = compiled(project, Container("image:1"))
    read_program(documents, "pipeline.yaml")
    tasks = documents[0]["root"]["dag"]["tasks"]
    assert len(tasks) == len(project.nodes)
    edges = sum(len(task["inputs"].get("artifacts", ())) for task in tasks.values())
    assert edges == sum(len(node.inputs) for node in project.nodes)
