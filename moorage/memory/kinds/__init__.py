"""Which types are kept, and how: a file each, and one table. A further type is a file here and a line below.

Types of a library are asked for only where a program has imported that library: nothing is imported for its sake, and
`get` imports what the object needs.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from moorage.memory.kinds import pickled, plain
from moorage.memory.layout import MemoryObjectError, Node, Parts

MOST_DEPTH: Final = 100

# By the module that a value's type is of: who tries to write it.
_BY_LIBRARY: Final = MappingProxyType(
    {
        "numpy": "numpy_arrays", "pyarrow": "tables", "pandas": "pandas_frames", "polars": "polars_frames",
        "scipy": "sparse", "torch": "torch_tensors",
    }
)  # fmt: skip
_READERS: Final = MappingProxyType(
    {
        "array": "numpy_arrays", "scalar": "numpy_arrays", "table": "tables", "arrow array": "tables",
        "frame": "pandas_frames", "series": "pandas_frames", "sparse": "sparse",
        "polars frame": "polars_frames", "polars series": "polars_frames", "tensor": "torch_tensors",
    }
)  # fmt: skip


@dataclass(slots=True)
class Writer:
    """Describes values. Their buffers go to `parts`."""

    parts: Parts
    depth: int = 0

    def write(self, value: Any) -> Node:  # noqa: ANN401 - any Python object
        """What a value is.

        Raises:
            MemoryObjectError: it can't be kept.
        """
        if self.depth > MOST_DEPTH:
            raise MemoryObjectError(f"the object is nested deeper than {MOST_DEPTH}: flatten it")
        self.depth += 1
        try:
            node = plain.write(value, self.write)
            if node is None:
                library = type(value).__module__.partition(".")[0]
                if library in _BY_LIBRARY and library in sys.modules:
                    module = import_module(f"{__name__}.{_BY_LIBRARY[library]}")
                    node = module.write(value, self.parts, self.write)
            return pickled.write(value, self.parts) if node is None else node
        finally:
            self.depth -= 1


@dataclass(slots=True)
class Reader:
    """Makes values again.

    Args:
        buffers: of the object.
        trust: whether what was pickled may be unpickled.
    """

    buffers: Sequence[memoryview]
    trust: bool
    depth: int = 0

    def read(self, node: Node) -> Any:  # noqa: ANN401 - what was put
        """The value that is described.

        Raises:
            UntrustedObjectError: it was pickled, and is not trusted.
            MemoryObjectError: the description makes no sense.
        """
        self.depth += 1
        try:
            return self._read(node)
        finally:
            self.depth -= 1

    def _read(self, node: Node) -> Any:  # noqa: ANN401 - what was put
        kind = node.get("kind") if isinstance(node, dict) else None
        if self.depth > MOST_DEPTH or not isinstance(kind, str):
            raise MemoryObjectError("its description makes no sense")
        if kind in plain.KINDS:
            return plain.read(node, self.read)
        if kind == pickled.KIND:
            return pickled.read(node, self.buffer, trust=self.trust)
        if kind not in _READERS:
            raise MemoryObjectError(f"it is of a kind that is not known here ({kind[:40]!r})")
        module = import_module(f"{__name__}.{_READERS[kind]}")
        return module.read(node, self.buffer, self.read)

    def buffer(self, number: object) -> memoryview:
        """One of the object's buffers.

        Raises:
            MemoryObjectError: it has none of that number.
        """
        if type(number) is not int or not 0 <= number < len(self.buffers):
            raise MemoryObjectError("its description makes no sense (a buffer that is not there)")
        return self.buffers[number]
