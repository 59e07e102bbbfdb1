"""Tables, record batches and arrays of pyarrow: Arrow's own IPC format, read where it lies."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from moorage.memory.layout import MemoryObjectError, Node, Parts

_FORM: Final = b"moorage.form"
_TABLE, _BATCH, _ARRAY, _CHUNKED = "table", "batch", "array", "chunked"
_COLUMN: Final = "values"


@dataclass(frozen=True, slots=True)
class IpcFile:
    """A table that is to be written as an Arrow IPC file."""

    table: pa.Table

    def write(self, descriptor: int) -> None:
        """Write it to an open file.

        Raises:
            OSError: there is no room, among others.
        """
        with pa.OSFile(f"/proc/self/fd/{descriptor}", mode="wb") as sink:
            _write(self.table, sink)

    @property
    def size_bytes(self) -> int:
        """Of the file: what Arrow would write is counted."""
        counted = pa.MockOutputStream()
        _write(self.table, counted)
        return int(counted.size())

    def write_into(self, target: memoryview) -> None:
        """Write it into memory of that size."""
        with pa.FixedSizeBufferWriter(pa.py_buffer(target)) as sink:
            _write(self.table, sink)


def write_file(value: Any) -> IpcFile | None:  # noqa: ANN401 - any Python object
    """A whole object as an Arrow IPC file; None for what is no table."""
    table = _as_table(value)
    return None if table is None else IpcFile(table)


def read_file(content: memoryview, *, trust: bool) -> Any:  # noqa: ANN401 - of pyarrow
    """What an Arrow IPC file holds, whoever wrote it.

    Args:
        content: the file.
        trust: else all of it is checked, which takes a scan of texts and indexes.

    Raises:
        MemoryObjectError: it can't be read.
    """
    try:
        with pa.ipc.open_file(pa.py_buffer(content)) as reader:
            table = reader.read_all()
        table.validate(full=not trust)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise MemoryObjectError(f"its Arrow data can't be read ({type(error).__name__})") from None
    return _restored(table)


def write(value: Any, parts: Parts, inner: Callable[[Any], Node]) -> Node | None:  # noqa: ANN401 - of pyarrow
    """A table among other things: an IPC file of its own; None for what is no table."""
    del inner
    table = _as_table(value)
    if table is None:
        return None
    sink = pa.BufferOutputStream()
    _write(table, sink)
    return {"kind": "table", "buffer": parts.add(sink.getvalue())}


def read(node: Node, buffer: Callable[[object], memoryview], inner: Callable[[Node], Any]) -> Any:  # noqa: ANN401
    """The table.

    Raises:
        MemoryObjectError: it can't be read.
    """
    del inner
    return read_file(buffer(node["buffer"]), trust=False)


def _as_table(value: Any) -> pa.Table | None:  # noqa: ANN401
    match value:
        case pa.Table():
            return _marked(value, _TABLE)
        case pa.RecordBatch():
            return _marked(pa.Table.from_batches([value]), _BATCH)
        case pa.Array() if not isinstance(value, pa.ExtensionArray):
            return _marked(pa.Table.from_arrays([value], names=[_COLUMN]), _ARRAY)
        case pa.ChunkedArray():
            return _marked(pa.Table.from_arrays([value], names=[_COLUMN]), _CHUNKED)
    return None


def _marked(table: pa.Table, form: str) -> pa.Table:
    metadata = {**(table.schema.metadata or {}), _FORM: json.dumps({"form": form}).encode()}
    return table.replace_schema_metadata(metadata)


def _restored(table: pa.Table) -> Any:  # noqa: ANN401 - a table, as cases
    metadata = dict(table.schema.metadata or {})
    marked = metadata.pop(_FORM, None)
    table = table.replace_schema_metadata(metadata or None)
    try:
        form = json.loads(marked)["form"] if marked is not None else _TABLE
    except (ValueError, TypeError, KeyError):
        form = _TABLE
    match form:
        case "batch":
            batches = table.to_batches()
            return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
        case "array" if table.num_columns == 1:
            chunks = table.column(0).chunks
            return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks or [pa.array([], table.column(0).type)])
        case "chunked" if table.num_columns == 1:
            return table.column(0)
    return table


def _write(table: pa.Table, sink: Any) -> None:  # noqa: ANN401 - any sink of pyarrow
    options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
