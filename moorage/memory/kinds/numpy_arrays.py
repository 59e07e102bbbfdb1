"""Arrays of numpy: their bytes as they are, read where they lie."""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from moorage.memory.layout import MemoryObjectError, Node, Parts

_MOST_DIMENSIONS: Final = 32
# Not O, whose bytes are addresses, nor what has fields, which may hold it.
_KINDS: Final = frozenset("biufcmMSU")


def write(value: Any, parts: Parts, inner: Callable[[Any], Node]) -> Node | None:  # noqa: ANN401 - of numpy
    """What an array is, or a scalar; None for what holds Python objects."""
    del inner
    if isinstance(value, np.generic):
        if value.dtype.kind not in _KINDS:
            return None
        return {"kind": "scalar", "dtype": value.dtype.str, "hex": value.tobytes().hex()}
    if type(value) is not np.ndarray or value.dtype.kind not in _KINDS or value.dtype.itemsize == 0:
        return None
    is_fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    # One that is neither is copied here once, and comes back in C order.
    contiguous = value.T if is_fortran else np.ascontiguousarray(value)
    return {
        "kind": "array",
        "dtype": value.dtype.str,
        "shape": list(value.shape),
        "fortran": bool(is_fortran),
        "buffer": parts.add(contiguous.reshape(-1).view(np.uint8)),
    }


def read(node: Node, buffer: Callable[[object], memoryview], inner: Callable[[Node], Any]) -> Any:  # noqa: ANN401
    """The array; it can't be written to.

    Raises:
        MemoryObjectError: the description makes no sense.
    """
    del inner
    dtype = np.dtype(str(node["dtype"]))
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise MemoryObjectError(f"an array of {dtype} is not read")
    if node["kind"] == "scalar":
        return np.frombuffer(bytes.fromhex(node["hex"]), dtype=dtype, count=1)[0]
    shape = node["shape"]
    if len(shape) > _MOST_DIMENSIONS or not all(type(each) is int and 0 <= each < 2**62 for each in shape):
        raise MemoryObjectError("an array's shape makes no sense")
    content = buffer(node["buffer"])
    if math.prod(shape) * dtype.itemsize != len(content):
        raise MemoryObjectError("an array has more or fewer bytes than its shape says")
    flat = np.frombuffer(content, dtype=dtype)
    return flat.reshape(shape[::-1]).T if node["fortran"] is True else flat.reshape(shape)
