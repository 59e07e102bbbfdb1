"""Placeholders: what fills them in, what stays as it is, and that values bring none of their own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_executor.engine.templates import Filling, fill, fill_deeply, fill_item, read_item, read_template

EXECUTOR_INPUT: dict[str, Any] = {
    "inputs": {
        "parameterValues": {"n": 5.0, "word": "{{$.pipeline_job_uuid}}", "record": {"é": [True, None]}},
        "artifacts": {
            "data": {
                "artifacts": [
                    {"name": "d", "type": {}, "uri": "s3://bucket/key/x", "metadata": {"rows": 3.0, "kind": {"a": 1}}}
                ]
            },
            "odd": {"artifacts": [{"name": "o", "type": {}, "uri": "https://host/x", "metadata": {}}]},
            "none": {"artifacts": []},
        },
    },
    "outputs": {
        "outputFile": "/moorage/outputs/executor_output.json",
        "parameters": {"out": {"outputFile": "/moorage/outputs/parameters/out"}},
        "artifacts": {"model": {"artifacts": [{"name": "model", "type": {}, "uri": "gs://b/m", "metadata": {}}]}},
    },
}
FILLING = Filling(
    {"pipeline_job_uuid": "uid", "pipeline_task_name": "train"},
    EXECUTOR_INPUT["inputs"]["parameterValues"],
    frozenset({"n", "word", "record", "absent"}),
    EXECUTOR_INPUT,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain {{ $ }} {{x}}", "plain {{ $ }} {{x}}"),
        ("{{$.inputs.parameters['n']}}", "5"),
        ("a {{$.inputs.parameters[\"n\"]}}{{$.inputs.parameters[''n'']}} b", "a 55 b"),
        ("{{$.inputs.parameters['record']}}", '{"é": [true, null]}'),
        ("{{$.inputs.artifacts['data'].uri}}", "s3://bucket/key/x"),
        ("{{$.inputs.artifacts['data'].path}}/part", "/s3/bucket/key/x/part"),
        ("{{$.inputs.artifacts['odd'].path}}", "https://host/x"),
        ("{{$.inputs.artifacts['data'].metadata['rows']}}", "3"),
        ("{{$.inputs.artifacts['data'].metadata.rows}}", "3"),
        ("{{$.inputs.artifacts['data'].metadata['kind']}}", '{"a": 1}'),
        ("{{$.outputs.parameters['out'].output_file}}", "/moorage/outputs/parameters/out"),
        ("{{$.outputs.artifacts['model'].path}}", "/gcs/b/m"),
        ("{{$.outputs.artifacts['model'].uri}}", "gs://b/m"),
        ("{{$.outputs.output_file}} {{$.outputMetadataUri}}", "/moorage/outputs/executor_output.json " * 2),
        ("{{$.pipeline_job_uuid}}-{{$.pipeline_task_name}}", "uid-train"),
        ("{{$.workspace_path}}/x", "/kfp-workspace/x"),
        # What a value holds is not looked at.
        ("{{$.inputs.parameters['word']}}", "{{$.pipeline_job_uuid}}"),
        # What names nothing stays: source code stands in arguments.
        ("{{$.inputs.parameters['unknown']}}", "{{$.inputs.parameters['unknown']}}"),
        ("{{$.inputs.artifacts['unknown'].uri}}", "{{$.inputs.artifacts['unknown'].uri}}"),
        ("{{$.pipeline_google_cloud_location}}", "{{$.pipeline_google_cloud_location}}"),
        ("{{$.json_escape[1]}}", "{{$.json_escape[1]}}"),
    ],
)
def test_placeholders(text: str, expected: str) -> None:
    """Each kind, alone and within a text."""
    assert fill(read_template(text), FILLING) == expected.rstrip()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{$.inputs.parameters['absent']}}", "has no value"),
        ("{{$.inputs.artifacts['data'].metadata['other']}}", "does not have"),
        ("{{$.inputs.artifacts['none'].uri}}", "an empty list"),
    ],
)
def test_what_can_not_be_filled_in(text: str, problem: str) -> None:
    """A program is not handed a placeholder in place of a value."""
    with pytest.raises(ValueError, match=problem):
        fill(read_template(text), FILLING)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"IfPresent": {"InputName": "n", "Then": ["--n", "{{$.inputs.parameters[\'n\']}}"]}}', ["--n", "5"]),
        ('{"IfPresent": {"InputName": "absent", "Then": ["--n"]}}', []),
        ('{"IfPresent": {"InputName": "absent", "Then": "a", "Else": "b"}}', ["b"]),
        ('{"IfPresent": {"InputName": "data", "Then": "there"}}', ["there"]),
        (
            '{"Concat": ["a-", "{{$.inputs.parameters[\'n\']}}", {"IfPresent": {"InputName": "n", "Then": "!"}}]}',
            ["a-5!"],
        ),
        ('{"IfPresent": {"InputName": "n", "Then": {"Concat": ["x", "y"]}, "Else": []}}', ["xy"]),
        ('{"Concatenation": 1}', ['{"Concatenation": 1}']),
        ("{{$.pipeline_job_uuid}}", ["uid"]),
    ],
)
def test_structured_placeholders(text: str, expected: list[str]) -> None:
    """IfPresent and Concat, nested; they may become no argument, or several."""
    assert fill_item(read_item(text), FILLING) == expected


@pytest.mark.parametrize(
    "text",
    ['{"Concat": 1}', '{"Concat": [1]}', '{"IfPresent": {"Then": 1}}', '{"Concat": ["a"', '{"Concat": ' + "[" * 50],
)
def test_structured_placeholders_that_are_broken(text: str) -> None:
    """Refused when they are read."""
    with pytest.raises(ValueError, match=r".+"):
        read_item(text)


def test_constants_are_filled_in_at_any_depth() -> None:
    """Numbers become text there, as in Kubeflow; everything else is left alone."""
    constant = {"a": ["{{$.inputs.parameters['n']}}", 1, None], "b": {"c": "x{{$.pipeline_job_uuid}}"}}
    assert fill_deeply(constant, FILLING) == {"a": ["5", 1, None], "b": {"c": "xuid"}}


@given(st.text(), st.text())
def test_values_bring_no_placeholders(value: str, other: str) -> None:
    """Whatever is in a value, it arrives as it is."""
    filling = Filling({"pipeline_job_uuid": "uid"}, {"v": value, "w": other}, frozenset({"v", "w"}), EXECUTOR_INPUT)
    template = read_template("{{$.inputs.parameters['v']}}|{{$.inputs.parameters['w']}}")
    assert fill(template, filling) == f"{value}|{other}"
