"""What a container wrote becomes outputs, or a sentence."""

import json

import pytest

from moorage.errors import InputError
from pipeline_executor.engine import Artifact, Launch, Outputs, read_outputs
from pipeline_executor.engine.limits import MOST_OUTPUT_BYTES
from tests.pipeline_executor.engine.stories import document, only_launch, task

MODEL = {"schemaTitle": "system.Model"}


@pytest.fixture
def launch() -> Launch:
    """Of a task with outputs of all kinds."""
    kinds = {
        "count": "NUMBER_INTEGER", "text": "STRING", "flag": "BOOLEAN", "list": "LIST", "rate": "NUMBER_DOUBLE",
    }  # fmt: skip
    definitions = {
        "parameters": {name: {"parameterType": kind} for name, kind in kinds.items()},
        "artifacts": {"model": {"artifactType": MODEL}},
    }
    return only_launch(
        document({"a": task()}, {"comp-work": {"executorLabel": "exec-work", "outputDefinitions": definitions}})
    )


def test_the_executors_output(launch: Launch) -> None:
    """Parameters with whole numbers made whole, artifacts with what was noted of them; what is not declared is left."""
    said = {
        "parameterValues": {"count": 3.0, "text": "a", "rate": 2.0, "other": 1},
        "artifacts": {
            "model": {"artifacts": [{"name": "m", "uri": "s3://elsewhere/m", "metadata": {"a": [1]}}]},
            "unknown": {"artifacts": []},
        },
    }
    made = read_outputs(launch, json.dumps(said).encode(), {"count": b"7", "flag": b"True"})
    assert made == Outputs(
        {"count": 3, "text": "a", "rate": 2.0, "flag": True},
        {"model": (Artifact("m", MODEL, "s3://elsewhere/m", {"a": [1]}),)},
    )


def test_files_alone(launch: Launch) -> None:
    """As containers write them: text as it is, the rest as JSON."""
    files = {"count": b"7.0", "text": b"[1]\n", "flag": b"FALSE", "list": b"[1, 2]", "rate": b"1e3"}
    made = read_outputs(launch, None, files)
    assert made.parameters == {"count": 7, "text": "[1]\n", "flag": False, "list": [1, 2], "rate": 1000.0}
    (model,) = made.artifacts["model"]
    assert (model.name, model.uri, model.metadata) == ("model", launch.output_artifacts[0].uri, {})


@pytest.mark.parametrize(
    ("content", "files", "problem"),
    [
        (b"{", {}, "executor output: is no JSON"),
        (b"[]", {}, "executor output: must be a JSON object"),
        (b'{"parameterValues": {"rate": NaN}}', {}, "is no JSON"),
        (b'{"parameterValues": []}', {}, "must be a mapping"),
        (b'{"artifacts": {"model": {"artifacts": [1]}}}', {}, r"model\.artifacts\[0\]: must be a mapping"),
        (b'{"artifacts": {"model": {"artifacts": [{"uri": 1}]}}}', {}, "uri: must be a string"),
        (b'{"parameterValues": {"list": ' + b"[" * 80 + b"]" * 80 + b"}}", {}, "nested at most 64 levels"),
        (b"[" * 100_000, {}, "is no JSON"),
        (None, {"count": b"x"}, "output count: is no JSON"),
        (None, {"text": b"\xff"}, "output text: is no UTF-8 text"),
        (b" " * MOST_OUTPUT_BYTES, {"text": b"1"}, "outputs: take .* hand over large values as artifacts"),
    ],
)
def test_what_can_not_be_read(launch: Launch, content: bytes | None, files: dict[str, bytes], problem: str) -> None:
    """Names the output."""
    with pytest.raises(InputError, match=problem):
        read_outputs(launch, content, files)


def test_nothing_written(launch: Launch) -> None:
    """Nothing given, but for the artifact's place."""
    assert read_outputs(launch, b"", {}).parameters == {}
