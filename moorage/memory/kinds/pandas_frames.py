"""Frames and series of pandas: column by column, each as what it is made of, so that types come back as they were."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from moorage.memory.kinds import pandas_indexes, pickled
from moorage.memory.layout import MemoryObjectError, Node, Parts

Inner = Callable[[Any], Node]
Back = Callable[[Node], Any]
_MASKED: Mapping[str, Any] = {
    "b": pd.arrays.BooleanArray,
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
    "f": pd.arrays.FloatingArray,
}


def write(value: Any, parts: Parts, inner: Inner) -> Node | None:  # noqa: ANN401 - of pandas
    """What a frame or a series is; None for other things of pandas', subclasses included."""
    if type(value) is pd.Series:
        return {
            "kind": "series",
            "values": write_values(value.array, parts, inner),
            "index": pandas_indexes.write(value.index, parts, inner, write_values),
            "name": inner(value.name),
            "attrs": inner(value.attrs),
        }
    if type(value) is not pd.DataFrame:
        return None
    return {
        "kind": "frame",
        "columns": [write_values(value.iloc[:, number].array, parts, inner) for number in range(value.shape[1])],
        "labels": pandas_indexes.write(value.columns, parts, inner, write_values),
        "index": pandas_indexes.write(value.index, parts, inner, write_values),
        "attrs": inner(value.attrs),
    }


def read(node: Node, buffer: Callable[[object], memoryview], inner: Back) -> Any:  # noqa: ANN401 - of pandas
    """The frame or series. Its values are read where they lie, and pandas copies them before they are written to.

    Raises:
        MemoryObjectError: the description makes no sense.
    """
    del buffer
    index = pandas_indexes.read(node["index"], inner, read_values)
    made: Any
    if node["kind"] == "series":
        made = _series(read_values(node["values"], inner), index)
        made.name = inner(node["name"])
    else:
        columns = {number: _series(read_values(each, inner), index) for number, each in enumerate(node["columns"])}
        made = pd.DataFrame(columns, index=index, copy=False)
        made.columns = pandas_indexes.read(node["labels"], inner, read_values)
    made.attrs = inner(node["attrs"])
    return made


def write_values(values: Any, parts: Parts, inner: Inner) -> Node:  # noqa: ANN401, PLR0911 - a table, as cases
    """What a column's values are; pickled where nothing else is exact."""
    if type(values) is pd.arrays.NumpyExtensionArray:  # and no text, which derives from it
        values = values.to_numpy(copy=False)
    dtype = values.dtype
    match dtype:
        case np.dtype() if dtype.kind == "O":
            return _write_objects(np.asarray(values), parts, inner)
        case np.dtype():
            return {"as": "numpy", "values": inner(np.asarray(values))}
        case pd.CategoricalDtype():
            categories = pandas_indexes.write(values.categories, parts, inner, write_values)
            codes = inner(np.asarray(values.codes))
            return {"as": "category", "codes": codes, "categories": categories, "ordered": bool(values.ordered)}
        case pd.DatetimeTZDtype() if pd.api.types.pandas_dtype(str(dtype)) == dtype:
            moments = np.asarray(values.tz_convert(None), dtype=f"M8[{dtype.unit}]")
            return {"as": "moments", "values": inner(moments), "dtype": str(dtype)}
        case pd.StringDtype():
            text = inner(_combined(pa.array(values, from_pandas=True)))
            return {"as": "text", "values": text, "storage": dtype.storage, "nan": dtype.na_value is not pd.NA}
        case pd.ArrowDtype():
            return {"as": "arrow", "values": inner(_combined(values.__arrow_array__()))}
        case _ if _is_masked(values):
            mask = np.asarray(values.isna())
            filled = values.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
            return {"as": "masked", "values": inner(filled), "mask": inner(mask)}
    return {"as": "object", "values": pickled.write(values, parts)}


def read_values(node: Node, inner: Back) -> Any:  # noqa: ANN401, PLR0911 - a table, as cases
    """The values that are described.

    Raises:
        MemoryObjectError: the description makes no sense.
    """
    match node["as"]:
        case "numpy" | "object":
            return inner(node["values"])
        case "category":
            categories = pandas_indexes.read(node["categories"], inner, read_values)
            return pd.Categorical.from_codes(
                inner(node["codes"]), categories=categories, ordered=node["ordered"] is True
            )
        case "moments":
            dtype = pd.api.types.pandas_dtype(str(node["dtype"]))
            return pd.DatetimeIndex(inner(node["values"])).tz_localize("UTC").tz_convert(dtype.tz).array
        case "text":
            missing = np.nan if node["nan"] is True else pd.NA
            text = pd.StringDtype(storage=str(node["storage"]), na_value=missing)
            return text.__from_arrow__(inner(node["values"]))
        case "arrow":
            return pd.arrays.ArrowExtensionArray(inner(node["values"]))
        case "masked":
            values, mask = inner(node["values"]), inner(node["mask"])
            return _MASKED[values.dtype.kind](values, mask, copy=False)
        case "words":
            return _objects(_words(inner(node["values"])))
    raise MemoryObjectError("its description makes no sense")


def _series(values: Any, index: Any) -> Any:  # noqa: ANN401 - of pandas
    return pd.Series(values, dtype=values.dtype, index=index, copy=False)  # objects, too, stay what they are


def _is_masked(values: Any) -> bool:  # noqa: ANN401 - of pandas
    return isinstance(values, tuple(_MASKED.values()))


def _write_objects(values: Any, parts: Parts, inner: Inner) -> Node:  # noqa: ANN401 - of numpy
    kinds = {type(each) for each in values}
    if kinds <= {str, type(None)} or kinds <= {bytes, type(None)}:
        try:
            arrow = pa.array(values.tolist(), pa.large_binary() if bytes in kinds else pa.large_string())
        except (pa.ArrowException, UnicodeError):  # text that is no Unicode
            return {"as": "object", "values": pickled.write(values, parts)}
        return {"as": "words", "values": inner(arrow)}
    return {"as": "object", "values": pickled.write(values, parts)}


def _words(values: Any) -> list[Any]:  # noqa: ANN401 - of pyarrow
    # Nothing but what was written so: a label that is a dict, say, has pandas fail much later.
    if not isinstance(values, pa.Array | pa.ChunkedArray) or values.type not in (pa.large_string(), pa.large_binary()):
        raise MemoryObjectError("its description makes no sense")
    words: list[Any] = values.to_pylist()
    return words


def _objects(values: list[Any]) -> Any:  # noqa: ANN401 - of numpy
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def _combined(values: Any) -> Any:  # noqa: ANN401 - of pyarrow
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) and values.num_chunks == 1 else values
