"""Indexes of pandas: ranges by their ends, several levels by level, others by their values."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from moorage.memory.kinds import pickled
from moorage.memory.layout import MemoryObjectError, Node, Parts

_WITH_FREQUENCY = (pd.DatetimeIndex, pd.TimedeltaIndex)
_PLAIN = (pd.Index, *_WITH_FREQUENCY, pd.CategoricalIndex)


def write(index: Any, parts: Parts, inner: Callable[[Any], Node], values: Callable[..., Node]) -> Node:  # noqa: ANN401
    """What an index is.

    Args:
        index: of pandas.
        parts: take its buffers.
        inner: describes names.
        values: describes a column's values.
    """
    if type(index) is pd.RangeIndex:
        return {"as": "range", "ends": [index.start, index.stop, index.step], "name": inner(index.name)}
    if type(index) is pd.MultiIndex:
        return {
            "as": "levels",
            "levels": [write(level, parts, inner, values) for level in index.levels],
            "codes": [inner(code) for code in index.codes],
            "names": [inner(name) for name in index.names],
        }
    if type(index) not in _PLAIN:
        return {"as": "object", "values": pickled.write(index, parts)}
    frequency = index.freqstr if isinstance(index, _WITH_FREQUENCY) else None
    return {"as": "values", "values": values(index.array, parts, inner), "name": inner(index.name), "freq": frequency}


def read(node: Node, inner: Callable[[Node], Any], values: Callable[..., Any]) -> Any:  # noqa: ANN401 - of pandas
    """The index that is described.

    Raises:
        MemoryObjectError: the description makes no sense.
    """
    match node["as"]:
        case "range":
            start, stop, step = (int(each) for each in node["ends"])
            return pd.RangeIndex(start, stop, step, name=inner(node["name"]))
        case "levels":
            levels = [read(level, inner, values) for level in node["levels"]]
            codes, names = [inner(each) for each in node["codes"]], [inner(each) for each in node["names"]]
            return pd.MultiIndex(levels=levels, codes=codes, names=names, copy=False, verify_integrity=True)
        case "values":
            read_values = values(node["values"], inner)
            index = pd.Index(read_values, dtype=read_values.dtype, name=inner(node["name"]), copy=False)
            if node["freq"] is not None and isinstance(index, _WITH_FREQUENCY):
                index.freq = str(node["freq"])
            return index
        case "object":
            return inner(node["values"])
    raise MemoryObjectError("its description makes no sense")
