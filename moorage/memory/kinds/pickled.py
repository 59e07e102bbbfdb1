"""Anything else: pickled by protocol 5, its large buffers beside it; for readers that trust the writer."""

import pickle
from collections.abc import Callable
from typing import Any, Final

from moorage.memory.layout import MemoryObjectError, Node, Parts, UntrustedObjectError

KIND: Final = "pickle"


def write(value: Any, parts: Parts) -> Node:  # noqa: ANN401 - any Python object
    """Pickle it.

    Raises:
        MemoryObjectError: it can't be pickled.
    """
    beside: list[pickle.PickleBuffer] = []
    try:
        content = pickle.dumps(value, protocol=5, buffer_callback=beside.append)
        numbers = [parts.add(buffer.raw()) for buffer in beside]
    except (pickle.PicklingError, TypeError, AttributeError, BufferError, RecursionError) as error:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise MemoryObjectError(f"an object of type {kind} can't be kept ({error}): put what it is made of") from None
    return {"kind": KIND, "content": parts.add(content), "beside": numbers}


def read(node: Node, buffer: Callable[[object], memoryview], *, trust: bool) -> Any:  # noqa: ANN401 - what was put
    """Unpickle it, where the reader trusts the writer.

    Raises:
        UntrustedObjectError: it does not.
        MemoryObjectError: it can't be unpickled here.
    """
    if not trust:
        raise UntrustedObjectError(
            "it was pickled, so reading it runs what its writer wants: say trust=True where you trust the writer"
        )
    beside = [buffer(number) for number in node["beside"]]
    try:
        return pickle.loads(buffer(node["content"]), buffers=beside)  # noqa: S301 - the reader trusts the writer
    except (pickle.UnpicklingError, EOFError, ImportError, AttributeError) as error:
        raise MemoryObjectError(f"it can't be unpickled here ({error}): import what it needs") from None
