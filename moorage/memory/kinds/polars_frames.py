"""Frames and series of polars: as the Arrow data that they are made of."""

from collections.abc import Callable
from typing import Any, Final

import polars as pl
import pyarrow as pa

from moorage.memory.layout import MemoryObjectError, Node, Parts

_COLUMN: Final = "values"


def write(value: Any, parts: Parts, inner: Callable[[Any], Node]) -> Node | None:  # noqa: ANN401 - of polars
    """What a frame or a series is; None for other things of polars', and for types that Arrow does not have."""
    del parts
    if type(value) is pl.Series:
        table = _as_table(pl.DataFrame({_COLUMN: value}))
        return None if table is None else {"kind": "polars series", "name": inner(value.name), "table": inner(table)}
    if type(value) is not pl.DataFrame or (value.width == 0 and value.height):
        return None
    table = _as_table(value)
    return None if table is None else {"kind": "polars frame", "table": inner(table)}


def read(node: Node, buffer: Callable[[object], memoryview], inner: Callable[[Node], Any]) -> Any:  # noqa: ANN401
    """The frame or series. Its values are read where they lie.

    Raises:
        MemoryObjectError: the description makes no sense.
    """
    del buffer
    table = inner(node["table"])
    if not isinstance(table, pa.Table):
        raise MemoryObjectError("its description makes no sense")
    frame = _as_frame(table)
    if node["kind"] == "polars frame":
        return frame
    if frame.width != 1:
        raise MemoryObjectError("its description makes no sense")
    return frame.to_series(0).alias(inner(node["name"]))


def _as_table(frame: Any) -> pa.Table | None:  # noqa: ANN401 - of polars
    """The same values as Arrow has them; None where some type would not come back."""
    try:
        if _as_frame(_arrow(frame.clear())).schema != frame.schema:
            return None
        return _arrow(frame)
    except (pa.ArrowException, MemoryObjectError):
        return None


def _arrow(frame: Any) -> pa.Table:  # noqa: ANN401 - of polars
    # The newest of Arrow's types are those that polars has itself: no text is copied.
    return frame.to_arrow(compat_level=pl.CompatLevel.newest())


def _as_frame(table: pa.Table) -> Any:  # noqa: ANN401 - of polars
    try:
        return pl.from_arrow(table, rechunk=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # a panic is no `Exception`
        raise MemoryObjectError(f"polars can't read it ({type(error).__name__})") from None
