"""Previews: by content, bounded, and of nothing that is no text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage_ui.views.previews import (
    MOST_BYTES,
    MOST_COLUMNS,
    MOST_ROWS,
    NoPreview,
    TablePreview,
    TextPreview,
    metrics,
    preview,
)


def shown(content: bytes, size_bytes: int | None = None) -> TextPreview | TablePreview | NoPreview:
    """As a file of these bytes is shown."""
    return preview(content[:MOST_BYTES], len(content) if size_bytes is None else size_bytes)


def test_a_csv_is_a_table() -> None:
    """Header and rows, quoted fields as what they hold."""
    found = shown(b'name,delay\n"a, b",3\nc,4\n')
    assert found == TablePreview("CSV", ("name", "delay"), (("a, b", "3"), ("c", "4")))


def test_a_large_csv_is_its_first_rows() -> None:
    """So many, and how many there are; cut in the middle of a row, that row is left out."""
    content = b"a,b\n" + b"".join(b"%d,x\n" % index for index in range(200))
    found = shown(content)
    assert isinstance(found, TablePreview)
    assert len(found.rows) == MOST_ROWS
    assert found.more == f"the first {MOST_ROWS} of 200 rows"
    cut = shown(b"a,b\n1,2\n3,4\n5", 10**9)
    assert isinstance(cut, TablePreview)
    assert cut.rows == (("1", "2"), ("3", "4"))


def test_json_is_readable_and_records_are_a_table() -> None:
    """An object with indents; a list of objects, and lines of objects, as rows."""
    assert shown(b'{"a":1}') == TextPreview("JSON", '{\n  "a": 1\n}', whole=True)
    assert shown(b'[{"a":1,"b":null},{"b":[2]}]') == TablePreview("JSON", ("a", "b"), (("1", ""), ("", "[2]")))
    lines = shown(b'{"a":1}\n{"a":2}\n')
    assert lines == TablePreview("JSON lines", ("a",), (("1",), ("2",)))


def test_html_is_source() -> None:
    """It is text like any other, and is called what it is."""
    found = shown(b"<!doctype html><script>alert(1)</script>")
    assert found == TextPreview("HTML, as its source", "<!doctype html><script>alert(1)</script>", whole=True)


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\x89PNG\r\n\x1a\n\x00", b"\xff\xfe\xfa" * 9, b""])
def test_what_is_no_text_is_not_shown(content: bytes) -> None:
    """A picture, an archive, a model."""
    assert isinstance(shown(content), NoPreview)


def test_wide_and_long_is_cut() -> None:
    """Columns, cells, lines and depth are bounded."""
    wide = shown(",".join(f"c{index}" for index in range(500)).encode() + b"\n" + b",".join([b"x" * 300] * 500) + b"\n")
    assert isinstance(wide, TablePreview)
    assert len(wide.columns) == MOST_COLUMNS
    assert max(len(cell) for cell in wide.rows[0]) <= 200
    assert isinstance(shown(b"[" * 100_000), TextPreview | NoPreview)
    assert isinstance(shown(json.dumps({"a": ["x"] * 5000}).encode()), TextPreview)
    long = shown(b"line\n" * 5000)
    assert isinstance(long, TextPreview)
    assert long.text.count("\n") < 500
    assert not long.whole


@given(st.binary(max_size=400), st.integers(min_value=0, max_value=10**12))
def test_anything_has_a_preview(content: bytes, more: int) -> None:
    """No bytes are an error."""
    assert preview(content, len(content) + more) is not None


def test_metrics_are_figures() -> None:
    """Of an artifact's metadata, what is one value each."""
    found = metrics({"accuracy": 0.91234567, "rows": 10, "note": "fine", "deep": {"x": 1}, "on": True})
    assert found == [("accuracy", "0.912346"), ("note", "fine"), ("rows", "10")]
