"""Parquet files are read by a process that may die of them."""

import io
import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from moorage_ui.parquet import parquet_preview, read_answer
from moorage_ui.views.previews import MOST_ROWS, NoPreview, TablePreview


def written(table: pa.Table) -> bytes:
    """As a file."""
    made = io.BytesIO()
    parquet.write_table(table, made)
    return made.getvalue()


async def test_the_first_rows_are_shown() -> None:
    """Columns with their types, fifty rows, and how many there are."""
    table = pa.table({"carrier": ["UA"] * 120, "delay": list(range(120)), "evil": ["<script>"] * 120})
    found = await parquet_preview(written(table))
    assert isinstance(found, TablePreview)
    assert found.columns == ("carrier (string)", "delay (int64)", "evil (string)")
    assert len(found.rows) == MOST_ROWS
    assert found.rows[7] == ("UA", "7", "<script>")
    assert found.more == f"the first {MOST_ROWS} of 120 rows"


@pytest.mark.parametrize(
    "content", [b"PAR1", b"PAR1" + b"\xff" * 4000 + b"PAR1", b"PAR1" + b"\0" * 64 + b"\xff\xff\xff\x7fPAR1"]
)
async def test_a_broken_file_is_said_to_be(content: bytes) -> None:
    """Cut, garbage, or a footer of two gigabytes as it says."""
    assert isinstance(await parquet_preview(content), NoPreview)


@pytest.mark.parametrize("printed", [b"", b"[]", b"{", b'{"columns": 3, "rows": [3, "x"]}', b"[" * 100_000])
def test_whatever_the_child_says_is_bounded(printed: bytes) -> None:
    """It is not believed, either."""
    found = read_answer(printed)
    assert isinstance(found, NoPreview) or (isinstance(found, TablePreview) and found.rows == ())


def test_a_cell_of_another_type_is_text() -> None:
    """The child's JSON may hold anything."""
    answer = {"columns": [{"name": "a", "type": "x"}], "rows": [[{"b": [1]}], "no"], "total": 2}
    found = read_answer(json.dumps(answer).encode())
    assert isinstance(found, TablePreview)
    assert found.rows == (('{"b": [1]}',),)
