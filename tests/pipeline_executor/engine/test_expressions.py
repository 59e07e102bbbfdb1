"""Conditions and selectors mean what CEL means; what can't be evaluated is an error, never false."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_executor.engine.expressions import holds, read_expression, select
from pipeline_executor.engine.syntax import DEEPEST, LONGEST
from tests.pipeline_executor.engine.making import JSON

VALUES = {
    "word": "heads",
    "number": 5,
    "float": 5.0,
    "flag": True,
    "digits": "12",
    "list": [1, "a"],
    "record": {"a": {"b": [1, 2]}},
    "it's": "quoted",
}


def at(name: str) -> str:
    """How a condition names an input."""
    return f"inputs.parameter_values['{name}']"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{at('word')} == 'heads'", True),
        (f"{at('word')} != 'heads'", False),
        (f'{at("word")} == "heads"', True),
        (f"!({at('word')} == 'heads') && !({at('number')} == 1)", False),
        (f"!({at('word')} == 'tails') && ({at('number')} == 1 || {at('flag')} == true)", True),
        (f"int({at('number')}) >= 5", True),
        (f"int({at('number')}) > 5", False),
        (f"int({at('digits')}) <= 12", True),
        (f"int({at('float')}) == 5", True),
        (f"{at('number')} == {at('float')}", True),
        (f"double({at('digits')}) < 12.5", True),
        (f"string({at('float')}) == '5'", True),
        (f"string({at('flag')}) == 'true'", True),
        (f"{at('flag')} == true", True),
        (f"{at('flag')}", True),
        (f"bool('false') || !{at('flag')}", False),
        (f"{at('number')} == '5'", False),
        (f"{at('flag')} == 1", False),
        (f"{at('number')} < -1", False),
        (f"{at('number')} in [1, 5.0]", True),
        (f"'a' in {at('record')}", True),
        (f"{at('record')}['a'].b[1] == 2", True),
        (f"size({at('list')}) == 2", True),
        (f"{at('list')} == [1, 'a']", True),
        ("parseJson('[1,2]')[1] == 2", True),
        ("inputs.parameters['number'].int_value == 5", True),
        ("inputs.parameters['word'].string_value == 'heads'", True),
        (r"'\u0041\x42\'' == 'AB\''", True),
        ("1e3 == 1000 && .5 < 1.", True),
        ("null == null", True),
        # The other side decides.
        ("inputs.parameter_values['absent'] == 1 || true", True),
        ("false && inputs.parameter_values['absent'] == 1", False),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """What the compiler writes, and a little more."""
    assert holds(read_expression(condition), VALUES) is expected


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("inputs.parameter_values['absent'] == 1", "there is no 'absent'"),
        (f"{at('word')} < 3", "can't compare text with a number"),
        (f"{at('flag')} < 3", "can't compare a boolean with a number"),
        (f"{at('list')} < {at('list')}", "can't compare a list with a list"),
        (f"int({at('word')}) == 1", "which is no whole number"),
        (f"double({at('word')}) == 1", "which is no number"),
        (f"int({at('flag')}) == 1", "can't be applied to a boolean"),
        (f"{at('number')}", "neither true nor false"),
        (f"{at('number')} && true", "takes true or false"),
        ("true && inputs.parameter_values['absent']", "there is no 'absent'"),
        ("parseJson('{') == 1", "no JSON"),
        ("parseJson('[1]')[1] == 1", "no item 1 among 1"),
        ("word == 'heads'", "word is not known here"),
        (f"{at('number')}.a == 1", "a number has no parts"),
        ("int(1e300) == 1", "beyond 64 bits"),
        ("1 in 2", "takes a list"),
    ],
)
def test_what_can_not_be_evaluated_is_an_error(condition: str, problem: str) -> None:
    """With a sentence that says why."""
    with pytest.raises(ValueError, match=problem):
        holds(read_expression(condition), VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a ==",
        "(a",
        "a)",
        "a b",
        "a = 1",
        "__import__('os')",
        "a.exec()",
        "lambda: 1",
        "a + 1",
        "a ? b : c",
        "'open",
        "[1, 2",
        "a[",
        "a.1",
        "int()",
        "int(1, 2)",
        "9" * 30,
        "'\\ud800'",
        "(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1),
        "!" * (DEEPEST + 1) + "true",
        "a" + "[0]" * (DEEPEST + 1),
        "1 == " + " " * LONGEST,
        "é",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    """When it is read, not when it is evaluated."""
    with pytest.raises(ValueError, match=r".+"):
        read_expression(text)


def test_long_chains_are_shallow() -> None:
    """A thousand alternatives neither overflow the stack nor count as deep."""
    text = " || ".join(f"inputs.parameter_values['number'] == {number}" for number in range(1000, 0, -1))
    assert holds(read_expression(text), VALUES)


@pytest.mark.parametrize(
    ("value", "selector", "expected"),
    [
        ({"a": {"b": 1}}, 'parseJson(string_value)["a"]', {"b": 1}),
        ({"a": {"b": 1}}, 'parseJson(string_value)["a"]["b"]', 1),
        ('{"a": "x"}', 'parseJson(string_value)["a"]', "x"),
        ([{"a": True}], 'parseJson(string_value)[0]["a"]', True),
        ({"a": 1}, "struct_value.a", 1),
        ([7], "list_value[0]", 7),
        (2.5, "number_value", 2.5),
        (True, "bool_value", True),
        (3, "string_value", "3"),
    ],
)
def test_selectors(value: object, selector: str, expected: object) -> None:
    """Parts of items, of records and of texts that hold JSON."""
    assert select(value, read_expression(selector)) == expected


def test_a_selector_without_its_part() -> None:
    """Names the part."""
    with pytest.raises(ValueError, match="there is no 'b'"):
        select({"a": 1}, read_expression('parseJson(string_value)["b"]'))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what is read is evaluated, or is an error."""
    with contextlib.suppress(ValueError):
        assert holds(read_expression(text), {}) in {True, False}


@given(JSON)
def test_every_value_equals_itself(value: object) -> None:
    """And no boolean is a number."""
    values = {"v": value, "w": value, "t": True, "one": 1}
    assert holds(read_expression(f"{at('v')} == {at('w')} && {at('t')} != {at('one')}"), values)
