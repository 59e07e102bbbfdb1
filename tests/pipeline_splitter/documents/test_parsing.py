"""Texts become plain values, or are refused with line, column and remedy."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from pipeline_splitter.documents import canonical_json, is_workflow, parse, yaml_text
from pipeline_splitter.documents.limits import MAX_BYTES, MAX_DEPTH
from tests.pipeline_splitter.shared_data import content, each, pipelines, workflows

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
LONG_LAUGHS = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n"

REFUSED: dict[str, tuple[str | bytes, str, str]] = {
    "a billion laughs": (LAUGHS, "line 6, column ", "aliases expanded"),
    "long text, repeated": (LONG_LAUGHS, "line 2, column ", "64 MiB"),
    "an alias inside of itself": ("a: &a\n- *a", "line 2, column 3", "is inside of what it repeats"),
    "an alias of nothing": ("a: *b", "line 1, column 4", ""),
    "an alias as key": ("a: &a x\n*a : y", "line 2, column 1", "can't be a key"),
    "deep YAML": ("- " * 5000, "line 1, column 201", "deeper than 100"),
    "deep flow": ("a: " + "[" * 100_000, "line 1, column 103", "deeper than 100"),
    "deep JSON": ("[" * 300 + "]" * 300, "line 1, column 101", "deeper than 100"),
    "JSON deeper than Python": (
        '{"a":' * 99_999 + "1" + "}" * 99_999,
        "line 1, column 501",
        "deeper than 100",
    ),
    "depth through aliases": (
        f"a: &a {'[' * 60}x{']' * 60}\nb: {'[' * 60}*a{']' * 60}",
        "line 2, column 64",
        "deeper than 100",
    ),
    "NaN in JSON": ('{"a": 1,\n "b": NaN}', "line 2, column 7", "NaN"),
    "infinity in JSON": ("[-Infinity]", "line 1, column 2", "infinity"),
    "NaN in YAML": ("a: .nan", "line 1, column 4", "NaN"),
    "a float beyond the doubles": ("[1e400]", "line 1, column 2", "a double"),
    "an integer beyond the doubles": (f"[{'9' * 310}]", "line 1, column 2", "a double"),
    "an integer of thousands of digits": (f"[{'9' * 5000}]", "line 1, column 2", "a double"),
    "a sexagesimal of thousands of digits": ("a: 1" + ":00" * 10_000, "line 1, column 4", "a double"),
    "a big YAML integer": (f"a: {'9' * 350}", "line 1, column 4", "a double"),
    "an integer without digits": ("a: 0b_", "line 1, column 4", "quote it"),
    "a key twice in YAML": ("a: 1\nb: 2\na: 3", "line 3, column 1", "'a' appears twice"),
    "a key twice in JSON": ('{"x": {"a": 1,\n "b": 2, "\\u0061": 3}}', "line 2, column 10", "'a' appears twice"),
    "two merges": ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a", "line 4, column 3", "appears twice"),
    "a merge of a word": ("<<: x", "line 1, column 5", "takes a mapping"),
    "an object's tag": ("!!python/object/apply:os.system [id]", "line 1, column 1", "not permitted"),
    "a tag on a scalar": ("a: !!python/name:os.system x", "line 1, column 4", "not permitted"),
    "a tag on a key": ("!!python/name:os.system a: x", "line 1, column 1", "tag"),
    "bytes": ("a: !!binary aGk=", "line 1, column 4", "not permitted"),
    "a set": ("!!set {a, b}", "line 1, column 1", "not permitted"),
    "a list as key": ("[a]: b", "line 1, column 1", "must be a string"),
    "a mapping as key": ("? {a: b}\n: c", "line 1, column 3", "must be a string"),
    "a control character": ("a: b\nc: \x00", "line 2, column 4", "text file"),
    "half a pair in JSON": ('["a", "\\ud800"]', "line 1, column 7", "surrogate"),
    "half a pair in YAML": ('a: "\\ud800"', "line 1, column 7", "not YAML"),
    "half a pair in the text": ("a: \ud800", "text", "surrogate"),
    "truncated JSON": ('{"a": [1, 2', "line 1, column 12", "not JSON"),
    "tabs": ("a:\t- b", "line 1, column 4", "not YAML"),
    "a colon too many": ("a: b: c", "line 1, column 5", "not YAML"),
    "not UTF-8": (b"a: 1\nb: \xff", "line 2", "UTF-8"),
    "too large": (" " * (MAX_BYTES + 1), "size", "64 MiB"),
    "too many JSON values": ("[" + "0," * 4_000_001 + "0]", "size", "values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_names_the_place(name: str) -> None:
    """And says what to do."""
    text, place, words = REFUSED[name]
    with pytest.raises(InputError) as caught:
        parse(text, "f.yaml")
    assert caught.value.subject == "f.yaml"
    assert caught.value.field.startswith(place)
    assert words in caught.value.problem
    assert len(str(caught.value)) < 300


READ: dict[str, tuple[str | bytes, list[Any] | None]] = {
    "documents": ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
    "empty documents are none": ("---\n---\na: 1\n---\n", [{"a": 1}]),
    "nothing": ("", []),
    "JSON": ('{"a": [1, 1.5, true, null, "x"]}', [{"a": [1, 1.5, True, None, "x"]}]),
    "a list": ("[1, 2]", [[1, 2]]),
    "a flow mapping": ("{a: b,}", [{"a": "b"}]),
    "JSON's own numbers": ('{"a": 1e3}', [{"a": 1000.0}]),
    "several JSON documents": ('{"a": 1}\n---\n{"b": 2}', [{"a": 1}, {"b": 2}]),
    "words of YAML 1.1": (
        "a: yes\nb: 010\nc: 1:30\nd: 0x1F\ne: ~\nf: 1e3",
        [{"a": True, "b": 8, "c": 90, "d": 31, "e": None, "f": "1e3"}],
    ),
    "keys as they are written": ("on: 1\n010: 2\n~: 3\n2026-01-01: 4", [{"on": 1, "010": 2, "~": 3, "2026-01-01": 4}]),
    "timestamps as they are written": ("a: 2026-01-01T00:00:00Z", [{"a": "2026-01-01T00:00:00Z"}]),
    "quoted": ("a: 'yes'\nb: \"1\"", [{"a": "yes", "b": "1"}]),
    "tags of plain types": ("a: !!str 1\nb: !!int '2'\nc: !!float 3\nd: ! 4", [{"a": "1", "b": 2, "c": 3.0, "d": 4}]),
    "anchors": ("a: &a {x: 1}\nb: *a\nc: &c word\nd: *c", [{"a": {"x": 1}, "b": {"x": 1}, "c": "word", "d": "word"}]),
    "merges": (
        "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {x: 9, z: 4}]}",
        [{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2, "z": 4}}],
    ),
    "a quoted merge key": ("'<<': x", [{"<<": "x"}]),
    "a byte order mark": ("\ufeffa: 1".encode(), [{"a": 1}]),
    "UTF-16": ("a: \u00e9".encode("utf-16"), [{"a": "\u00e9"}]),
    "an escaped pair": ('["\\ud83d\\ude00"]', [["\U0001f600"]]),
    "deep enough": ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str) -> None:
    """Plain values."""
    text, expected = READ[name]
    found = parse(text, "f.yaml")
    assert expected is None or found == expected


@pytest.mark.parametrize("name", READ)
def test_without_the_c_parser_the_same_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML may be installed without it."""
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.SafeLoader)
    test_what_is_read(name)


def test_what_an_alias_repeats_is_a_copy() -> None:
    """Whoever writes the values down again writes no aliases, and may change one without the other."""
    [document] = parse("a: &a [1]\nb: *a", "f.yaml")
    assert document["a"] is not document["b"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_is_read_as_it_was_written(value: object) -> None:
    """Canonical JSON reads back as what it is canonical of."""
    canonical = canonical_json([value])
    assert canonical_json(parse(canonical, "f.json")[0]) == canonical


@given(VALUES)
def test_yaml_is_read_as_pyyaml_wrote_it(value: object) -> None:
    """Both readers mean the same by the same text."""
    text = yaml.safe_dump({"a": value})
    assert parse(text, "f.yaml") == [{"a": value}]


def reads_or_refuses(text: str | bytes) -> None:
    """Either outcome is right."""
    try:
        canonical_json(parse(text, "f.yaml"))
    except InputError as error:
        assert error.field  # noqa: PT017 - the only other outcome


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    """Never a traceback."""
    reads_or_refuses(text)


YAML_PIECES = [*"[]{},'\"|>#%\\1a\n", ": ", "- ", "&a ", "*a", "!!str ", "!x ", "? ", "<<", ".inf", "  ", "---\n"]


@given(st.lists(st.sampled_from(YAML_PIECES), max_size=30).map("".join))
def test_any_heap_of_yaml_is_read_or_refused(text: str) -> None:
    """The same, closer to what YAML looks like."""
    reads_or_refuses(text)


@each(pipelines())
def test_pipelines_are_read_as_the_sdk_reads_them(path: Path) -> None:
    """Value for value what PyYAML's safe loader makes of them."""
    text = path.read_bytes()
    documents = parse(text, path.name)
    assert documents == list(yaml.load_all(text, Loader=yaml_text._LOADER))  # noqa: SLF001 - a safe loader, the fast one
    assert not is_workflow(documents)


@each(workflows())
def test_workflows_are_told_from_pipelines(path: Path) -> None:
    """By their content."""
    assert is_workflow(parse(content(path), path.name))


def test_memory_stays_bounded() -> None:
    """The interpreter's own limit on recursion is not what keeps deep texts out."""
    assert sys.getrecursionlimit() > 5 * MAX_DEPTH
