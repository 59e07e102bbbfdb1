"""A run's parameters are read by the types that the pipeline declares."""

from typing import Any

import pytest

from moorage.errors import InputError
from moorage_cli.runs.arguments import read_arguments
from pipeline_splitter.kfp.spec import Spec, read_spec


def pipeline(**parameters: dict[str, Any]) -> Spec:
    """A compiled pipeline with these input parameters."""
    root = {"dag": {"tasks": {}}, "inputDefinitions": {"parameters": parameters}}
    document = {"pipelineInfo": {"name": "p"}, "schemaVersion": "2.1.0", "root": root}
    return read_spec([document], "p.yaml")


SPEC = pipeline(
    text={"parameterType": "STRING"},
    whole={"parameterType": "NUMBER_INTEGER", "isOptional": True},
    number={"parameterType": "NUMBER_DOUBLE", "defaultValue": 1.5},
    flag={"parameterType": "BOOLEAN", "isOptional": True},
    items={"parameterType": "LIST", "isOptional": True},
    record={"parameterType": "STRUCT", "isOptional": True},
)


def test_values_have_the_declared_types() -> None:
    """A string stays one, also where it looks like a number; everything else is JSON."""
    given = ["text=12", "whole=3", "number=2", "flag=true", "items=[1]", 'record={"a": 1}']
    assert read_arguments(SPEC, given, {}) == {
        "text": "12",
        "whole": 3,
        "number": 2,
        "flag": True,
        "items": [1],
        "record": {"a": 1},
    }


def test_the_command_line_wins_over_the_file() -> None:
    """And an equals sign may be part of a value."""
    assert read_arguments(SPEC, ["text=a=b"], {"text": "file", "whole": 2}) == {"text": "a=b", "whole": 2}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["text"], "is no parameter: write name=value"),
        (["text=a", "wieght=1"], "is no parameter of this pipeline; it has flag, items, number, record, text, whole"),
        (["text=a", "whole=three"], "is a NUMBER_INTEGER"),
        (["text=a", "whole=true"], "must be a NUMBER_INTEGER"),
        (["text=a", "items={}"], r"must be a LIST, for example '\[1, 2\]'"),
        ([], "text: is missing"),
    ],
)
def test_bad_parameters_are_told_before_anything_is_created(given: list[str], problem: str) -> None:
    """With the name, and what would do."""
    with pytest.raises(InputError, match=problem):
        read_arguments(SPEC, given, {})


def test_an_input_artifact_can_not_be_given() -> None:
    """A run takes parameters only; the message says what to do instead."""
    root = {"dag": {"tasks": {}}, "inputDefinitions": {"artifacts": {"data": {}}}}
    spec = read_spec([{"pipelineInfo": {"name": "p"}, "schemaVersion": "2.1.0", "root": root}], "p.yaml")
    with pytest.raises(InputError, match="import it in the pipeline"):
        read_arguments(spec, [], {})
