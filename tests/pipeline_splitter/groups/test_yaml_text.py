"""Any reader of YAML gets back what was written."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline_splitter.documents import parse
from pipeline_splitter.groups.yaml_text import write_documents

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "y",
        "NO",
        "1e3",
        "0o14",
        "1_000",
        "12:30:45",
        "2026-01-01",
        "~",
        "null",
        "",
        " ",
        "<<",
        "=",
        "- a",
        "{{$}}",
        "\u2028",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.lists(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), min_size=1, max_size=2)


@given(DOCUMENTS)
def test_what_is_written_is_read(documents: list[dict[str, object]]) -> None:
    """By our own reader and by PyYAML, value for value."""
    text = write_documents(documents)
    assert json.dumps(parse(text, "written"), sort_keys=True) == json.dumps(documents, sort_keys=True)
    assert list(yaml.safe_load_all(text)) == documents


def test_texts_that_others_take_for_numbers_or_booleans_are_quoted() -> None:
    """YAML 1.2 and Go's readers differ from PyYAML there."""
    written = write_documents([{"y": "1e3", "text": "1.5e3", "version": "0.0.1", "number": 1}])
    assert written == "number: 1\ntext: '1.5e3'\nversion: 0.0.1\n'y': '1e3'\n"


def test_what_stands_twice_is_written_twice() -> None:
    """No anchors."""
    shared = {"a": [1]}
    assert write_documents([{"one": shared, "two": shared}]) == "one:\n  a:\n  - 1\ntwo:\n  a:\n  - 1\n"
