"""What is put comes back equal, of the same types, and without a copy where its type permits that."""

import decimal
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from moorage.memory import MemoryStore
from moorage.memory.layout import MemoryObjectError, UntrustedObjectError


def again(store: MemoryStore, value: Any, *, trust: bool = False) -> Any:  # noqa: ANN401 - any object
    """Put and get."""
    store.put("value", value)
    return store.get("value", trust=trust)


NUMBERS = st.integers() | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text() | st.binary()
KEYS = st.integers() | st.text() | st.booleans() | st.none()
NESTED = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner), max_leaves=20
)


# Each example puts anew what it gets, so that one store serves all of them. Few where the same bytes take longer.
EXAMPLES = settings(
    deadline=None,
    max_examples=20 if "MOORAGE_TEST_MEMORY" in os.environ else 100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@EXAMPLES
@given(NESTED)
def test_python_s_own(store: MemoryStore, value: object) -> None:
    """Nested as deep as one likes, of the same types."""
    found = again(store, value)
    assert found == value
    assert repr(found) == repr(value)


DTYPES = st_numpy.scalar_dtypes() | st_numpy.unicode_string_dtypes(max_len=5) | st_numpy.byte_string_dtypes(max_len=5)


@EXAMPLES
@given(st_numpy.arrays(DTYPES, st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0)), st.booleans())
def test_arrays(store: MemoryStore, array: Any, reverse: bool) -> None:  # noqa: ANN401, FBT001 - of numpy
    """Of any type, shape, order and byte order; also where they are not contiguous. They can't be written to."""
    array = array.T[::-1] if reverse and array.ndim else array
    found = again(store, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    assert not found.flags.writeable or found.size == 0


def test_arrays_keep_their_order(store: MemoryStore) -> None:
    """Fortran's stays Fortran's."""
    assert again(store, np.asfortranarray(np.ones((3, 4)))).flags.f_contiguous
    assert again(store, np.ones((3, 4))).flags.c_contiguous


@pytest.mark.parametrize("scalar", [np.float32(1.5), np.int8(-3), np.datetime64("2026-01-01T00:00:01.5"), np.str_("x")])
def test_scalars(store: MemoryStore, scalar: Any) -> None:  # noqa: ANN401 - of numpy
    """With their type."""
    found = again(store, {"loss": scalar})["loss"]
    assert (type(found), found) == (type(scalar), scalar)


TABLES: dict[str, Any] = {
    "all kinds": pa.table(
        {
            "i": pa.array([1, None, 3], pa.int16()),
            "s": ["a", None, "ü"],
            "t": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("ns", "Europe/Berlin")),
            "d": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("-2.00")]),
            "l": [[1, 2], [], None],
            "m": [{"a": 1}, None, {"a": 2}],
            "c": pa.array(["x", "y", "x"]).dictionary_encode(),
        },
        metadata={"who": "me"},
    ),
    "no rows": pa.table({"a": pa.array([], pa.int64())}),
    "no columns": pa.table({}),
    "a batch": pa.record_batch({"a": [1, 2]}),
    "an array": pa.array([1, None, 3]),
    "an array without values": pa.array([], pa.string()),
    "a slice": pa.array(list(range(100)))[10:20],
    "chunks": pa.chunked_array([[1, 2], [], [3]]),
    "chunks of words": pa.chunked_array([pa.array(["x"]).dictionary_encode(), pa.array(["y"]).dictionary_encode()]),
}


@pytest.mark.parametrize("value", TABLES.values(), ids=TABLES.keys())
def test_arrow(store: MemoryStore, value: Any) -> None:  # noqa: ANN401 - of pyarrow
    """Of the same class, type and metadata; also among other things."""
    for found in (again(store, value), again(store, {"inner": [value]})["inner"][0]):
        assert type(found) is type(value)
        assert found.equals(value) or found.to_pylist() == value.to_pylist()
        if isinstance(value, pa.Table):
            assert found.schema.equals(value.schema, check_metadata=True)


BERLIN = pd.date_range("2024-03-30", periods=4, freq="D", tz="Europe/Berlin")


def objects(*values: object) -> pd.Series:
    """A column of Python objects."""
    return pd.Series(list(values), dtype=object)


FRAMES: dict[str, Any] = {
    "numbers": pd.DataFrame({"i": np.arange(4, dtype="int8"), "f": [1.0, np.nan, -0.0, np.inf], "c": [1j] * 4}),
    "from one array": pd.DataFrame(np.arange(12.0).reshape(4, 3)),
    "truth": pd.DataFrame({"b": [True, False], "n": pd.array([True, None], dtype="boolean")}),
    "nullable": pd.DataFrame({"i": pd.array([1, None], dtype="Int16"), "f": pd.array([1.5, None], dtype="Float32")}),
    "text": pd.DataFrame({"s": ["a", None], "p": pd.array(["a", None], dtype=pd.StringDtype("python"))}),
    "text as objects": pd.DataFrame({"s": objects("a", None, "ü"), "b": objects(b"", None, b"x")}),
    "categories": pd.DataFrame(
        {"c": pd.Categorical(["x", None], categories=["y", "x"], ordered=True), "n": pd.Categorical([3, 1])}
    ),
    "moments": pd.DataFrame(
        {"t": BERLIN, "u": BERLIN.tz_convert(None).as_unit("s"), "d": pd.to_timedelta([1, 2, None, 3], unit="s")}
    ),
    "of Arrow": pd.DataFrame(
        {
            "a": pd.array([1, None], dtype="int64[pyarrow]"),
            "l": pd.array([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
        }
    ),
    "no rows": pd.DataFrame({"a": pd.array([], dtype="Int64"), "s": pd.array([], dtype="str")}),
    "nothing": pd.DataFrame(),
    "rows only": pd.DataFrame(index=[3, 1]),
    "an index of moments": pd.DataFrame({"a": range(4)}, index=BERLIN.rename("when")),
    "levels": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])
    ),
    "levels of columns": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
    "columns of one name": pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
    "odd names": pd.DataFrame([[1, 2, 3]], columns=pd.Index([1, "a", None], dtype=object)),
    "a range": pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(10, 30, 10, name="r")),
    "a series": pd.Series([1, 2], name=("a", 1), index=["x", "y"]),
    "a series of moments": pd.Series(BERLIN, dtype="datetime64[ns, Europe/Berlin]"),
}  # fmt: skip
PICKLED = {"odd names"}


@pytest.mark.parametrize("name", FRAMES)
def test_pandas(store: MemoryStore, name: str) -> None:
    """With all types, names, indexes and their frequencies, without being pickled; also among other things."""
    frame = FRAMES[name]
    frame.attrs = {"source": "here"}
    compare: Any = pd.testing.assert_series_equal if isinstance(frame, pd.Series) else pd.testing.assert_frame_equal
    found = again(store, [frame], trust=name in PICKLED)[0]
    compare(found, frame, check_freq=True, check_exact=True)
    assert found.attrs == frame.attrs
    assert type(found.index) is type(frame.index)


def test_what_is_exact_in_no_other_way_is_pickled(store: MemoryStore) -> None:
    """And given to those alone who trust the writer."""
    frame = pd.DataFrame({"o": [1, "a", None], "d": [decimal.Decimal("1.10"), decimal.Decimal(2), None]})
    pd.testing.assert_frame_equal(again(store, frame, trust=True), frame)
    with pytest.raises(UntrustedObjectError, match="object 'value': it was pickled"):
        store.get("value")


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("made", [sp.random_array, sp.random])
def test_sparse(store: MemoryStore, form: str, made: Any) -> None:  # noqa: ANN401 - of scipy
    """Of the same class, without being pickled."""
    matrix = made(
        (30, 20) if made is sp.random_array else 30,
        *([] if made is sp.random_array else [20]),
        density=0.1,
        format=form,
    )
    found = again(store, matrix)
    assert type(found) is type(matrix)
    assert found.shape == matrix.shape
    assert (found != matrix).nnz == 0


class Model:
    """Something of the user's own."""

    def __init__(self) -> None:
        self.weights = np.arange(1000.0)


def test_anything_else_is_pickled_with_its_buffers_beside(store: MemoryStore) -> None:
    """For those alone who trust the writer, as any model is that was trained; its buffers are not copied either."""
    store.put("value", Model())
    with pytest.raises(UntrustedObjectError, match="say trust=True"):
        store.get("value")
    found = store.get("value", trust=True)
    assert np.array_equal(found.weights, np.arange(1000.0))
    assert not found.weights.flags.writeable


def test_what_can_not_be_pickled_says_so(store: MemoryStore) -> None:
    """By its type, and what was there stays."""
    store.put("value", 1)
    with pytest.raises(MemoryObjectError, match=r"an object of type builtins\.function can't be kept"):
        store.put("value", lambda: None)
    assert store.get("value") == 1


def addresses(content: Any) -> tuple[int, int]:  # noqa: ANN401 - of numpy
    """From where to where an array lies."""
    begin = content.__array_interface__["data"][0]
    return begin, begin + content.nbytes


def mapped(place: str, name: str) -> list[tuple[int, int]]:
    """From where to where an object's file is mapped in this process, or else the daemon's memory."""
    mark = "memfd:vineyard" if place.startswith("vineyard:") else f"{place}/{name}"
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if mark in line]
    spans = [line.split()[0].split("-") for line in lines]
    return [(int(begin, 16), int(end, 16)) for begin, end in spans]


@pytest.mark.parametrize(
    ("value", "array_of"),
    [
        (np.arange(100_000), lambda found: found),
        ({"deep": [np.arange(100_000)]}, lambda found: found["deep"][0]),
        (pa.table({"a": np.arange(100_000)}), lambda found: found["a"].chunk(0).to_numpy()),
        (pd.DataFrame({"a": np.arange(100_000.0), "b": "x"}), lambda found: found["a"].to_numpy()),
        (pd.DataFrame({"a": pd.array(np.arange(100_000), dtype="Int64")}), lambda found: found["a"].array._data),  # noqa: SLF001
        (sp.random_array((1000, 1000), density=0.1, format="csr"), lambda found: found.data),
    ],
    ids=["an array", "an array inside", "a table", "a frame", "a frame with nullable integers", "a sparse matrix"],
)
def test_nothing_is_copied(store: MemoryStore, value: object, array_of: Any) -> None:  # noqa: ANN401
    """The values that one gets lie where the object lies."""
    store.put("value", value)
    found = store.get("value")
    begin, end = addresses(array_of(found))
    assert any(first <= begin and end <= last for first, last in mapped(store.place, "value"))
