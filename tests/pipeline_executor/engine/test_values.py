"""Parameter values: types, texts and sizes."""

import json

import pytest
from hypothesis import given

from pipeline_executor.engine.values import cast, is_larger, made_whole, text_of
from tests.pipeline_executor.engine.making import JSON


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (5, "5"),
        (5.0, "5"),
        (-2.5, "-2.5"),
        (1e-7, "0.0000001"),
        (1.5e300, "1.5e+300"),
        (True, "true"),
        (None, ""),
        ([1, "é"], '[1, "é"]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_text(value: object, text: str) -> None:
    """As Kubeflow writes values into texts."""
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3.0, "NUMBER_INTEGER", 3),
        (3, "NUMBER_DOUBLE", 3),
        (3, "STRING", "3"),
        ({"a": 1}, "STRING", '{"a": 1}'),
        (True, "BOOLEAN", True),
        ([], "LIST", []),
        ({}, "STRUCT", {}),
        ("anything", "", "anything"),
    ],
)
def test_casts(value: object, kind: str, expected: object) -> None:
    """What a type takes."""
    found = cast(value, kind)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        (3.5, "NUMBER_INTEGER", "a whole number, not the number 3.5"),
        (True, "NUMBER_INTEGER", "not a boolean"),
        ("3", "NUMBER_INTEGER", "not text"),
        (True, "NUMBER_DOUBLE", "not a boolean"),
        (1, "BOOLEAN", "true or false"),
        ("[]", "LIST", "a list, not text"),
        ([], "STRUCT", "a mapping, not a list"),
        (float("inf"), "NUMBER_INTEGER", "a whole number"),
    ],
)
def test_what_does_not_fit(value: object, kind: str, problem: str) -> None:
    """Names both kinds, never the value of a text."""
    with pytest.raises(ValueError, match=problem):
        cast(value, kind)


def test_outputs_are_made_whole_by_their_type() -> None:
    """Only whole numbers, only where the type says so."""
    assert (made_whole(3.0, "NUMBER_INTEGER"), made_whole(3.5, "NUMBER_INTEGER"), made_whole(3.0, "")) == (3, 3.5, 3.0)


@given(JSON)
def test_sizes_are_about_right(value: object) -> None:
    """At most what the JSON takes, and at least a sixth of it (each character may be six bytes)."""
    size = len(json.dumps(value))
    assert not is_larger(value, 4 * size + 16)
    if size > 60:
        assert is_larger(value, size // 16 - 4)
