"""Frames and series of polars come back equal, of the same types, unpickled and without a copy."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import polars.testing
import pyarrow as pa
import pytest

from moorage.memory import MemoryStore
from moorage.memory.layout import MAGIC, MemoryObjectError, UntrustedObjectError

LONG = "a text that does not fit into a view of it"
COLUMNS: dict[str, pl.Series] = {
    "whole numbers": pl.Series([1, None, -3], dtype=pl.Int16),
    "numbers": pl.Series([1.5, float("nan"), None], dtype=pl.Float32),
    "truth": pl.Series([True, None, False]),
    "text": pl.Series(["a", None, LONG]),
    "bytes": pl.Series([b"a", None, LONG.encode()]),
    "days": pl.Series([date(2026, 1, 1), None]),
    "moments": pl.Series([datetime(2026, 1, 1, tzinfo=UTC), None]).dt.convert_time_zone("Europe/Berlin"),
    "milliseconds": pl.Series([datetime(2026, 1, 1)], dtype=pl.Datetime("ms")),  # noqa: DTZ001 - without a zone
    "durations": pl.Series([timedelta(1), None]),
    "times": pl.Series([time(1, 2), None]),
    "decimals": pl.Series([Decimal("1.10"), None]),
    "categories": pl.Series(["x", "y", None, "x"], dtype=pl.Categorical),
    "an enum": pl.Series(["x", None, "y"], dtype=pl.Enum(["y", "x"])),
    "lists": pl.Series([[1], [], None]),
    "arrays": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int8, 2)),
    "structs": pl.Series([{"a": 1, "b": "x"}, None]),
    "nothing": pl.Series([None, None]),
    "no rows": pl.Series([], dtype=pl.Categorical),
    "a name": pl.Series("ü", [1]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(store: MemoryStore, name: str) -> None:
    """As a series, in a frame, and among other things."""
    series = COLUMNS[name]
    frame = pl.DataFrame({"c": series, "other": range(len(series))})
    store.put("value", {"series": series, "frames": [frame]})
    found = store.get("value")
    pl.testing.assert_series_equal(found["series"], series, check_exact=True)
    pl.testing.assert_frame_equal(found["frames"][0], frame, check_exact=True)
    assert type(found["series"]) is pl.Series


@pytest.mark.parametrize(
    "frame", [pl.DataFrame(), pl.DataFrame(schema={"a": pl.String}), pl.concat([pl.DataFrame({"a": [1]})] * 3)]
)
def test_frames(store: MemoryStore, frame: pl.DataFrame) -> None:
    """Without columns or rows, and of several chunks."""
    store.put("value", frame)
    pl.testing.assert_frame_equal(store.get("value"), frame)


def test_types_that_arrow_does_not_have_are_pickled(store: MemoryStore) -> None:
    """And lazy frames, which are plans."""
    frame = pl.DataFrame({"a": pl.Series([1, 2], dtype=pl.Int128)})
    for value in (frame, frame["a"], pl.DataFrame({"a": [1]}).lazy()):
        store.put("value", value)
        with pytest.raises(UntrustedObjectError, match="object 'value': it was pickled"):
            store.get("value")
    store.put("value", frame)
    pl.testing.assert_frame_equal(store.get("value", trust=True), frame)


def mapped(store: MemoryStore) -> list[tuple[int, int]]:
    """From where to where the object's memory is mapped."""
    mark = "memfd:vineyard" if store.place.startswith("vineyard:") else f"{store.place}/value"
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if mark in line]
    spans = [line.split()[0].split("-") for line in lines]
    return [(int(begin, 16), int(end, 16)) for begin, end in spans]


@pytest.mark.parametrize("values", [range(100_000), [f"{LONG} {number}" for number in range(10_000)]])
def test_nothing_is_copied(store: MemoryStore, values: Any) -> None:  # noqa: ANN401 - a range or a list
    """Numbers and texts lie where the object lies, and stay what they are when a frame is changed."""
    store.put("value", pl.DataFrame({"a": values}))
    found = store.get("value")
    table = found.to_arrow(compat_level=pl.CompatLevel.newest())
    buffers = [buffer for buffer in table["a"].chunk(0).buffers() if buffer is not None and buffer.size > 1000]
    assert buffers
    for buffer in buffers:
        assert any(begin <= buffer.address < end for begin, end in mapped(store))
    found[0, "a"] = values[7]
    assert store.get("value")["a"].to_list() == list(values)


LIES: dict[str, Any] = {
    "no table": {"kind": "polars frame", "table": {"kind": "plain", "value": 1}},
    "no series": {"kind": "polars series", "name": {"kind": "plain", "value": "a"}, "table": None},
    "a type that polars has not": {"kind": "polars frame", "table": {"kind": "table", "buffer": 0}},
}


@pytest.mark.parametrize("name", LIES)
def test_lies(store: MemoryStore, put_raw: Callable[[str, bytes], None], name: str) -> None:
    """Each is an error that names the object: also what makes polars panic."""
    table = pa.table({"a": pa.array([pa.MonthDayNano([1, 2, 3])])})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    description = json.dumps({"root": LIES[name], "sizes": [len(content)]}).encode()
    head = MAGIC + len(description).to_bytes(8, "little") + description
    put_raw("lie", head + b"\0" * (-len(head) % 64) + content)
    with pytest.raises(MemoryObjectError, match="lie"):
        store.get("lie")
