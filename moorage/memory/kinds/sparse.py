"""Sparse matrices and arrays of scipy: by the arrays that they are made of."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import scipy.sparse as sp

from moorage.memory.layout import MemoryObjectError, Node, Parts

# By format: the attributes that make one. The others (lil, dok, dia, bsr) are pickled.
_ATTRIBUTES: Final = {"csr": ("data", "indices", "indptr"), "csc": ("data", "indices", "indptr")}


def write(value: Any, parts: Parts, inner: Callable[[Any], Node]) -> Node | None:  # noqa: ANN401 - of scipy
    """What a matrix is; None for other things of scipy's."""
    del parts
    if not sp.issparse(value) or value.format not in _ATTRIBUTES:
        return None
    return {
        "kind": "sparse",
        "format": value.format,
        "is_array": isinstance(value, sp.sparray),
        "shape": [int(each) for each in value.shape],
        "parts": [inner(getattr(value, name)) for name in _ATTRIBUTES[value.format]],
    }


def read(node: Node, buffer: Callable[[object], memoryview], inner: Callable[[Node], Any]) -> Any:  # noqa: ANN401
    """The matrix; its values can't be written to.

    Raises:
        MemoryObjectError: the description makes no sense, or an index leads out of the matrix.
    """
    del buffer
    classes = {
        ("csr", True): sp.csr_array, ("csr", False): sp.csr_matrix,
        ("csc", True): sp.csc_array, ("csc", False): sp.csc_matrix,
    }  # fmt: skip
    made = classes[node["format"], node["is_array"] is True]
    arrays = [inner(each) for each in node["parts"]]
    if len(arrays) != 3 or not all(isinstance(each, np.ndarray) for each in arrays):  # noqa: PLR2004 - as above
        raise MemoryObjectError("a sparse matrix lacks a part")
    matrix = made(tuple(arrays), shape=tuple(int(each) for each in node["shape"]), copy=False)
    matrix.check_format(full_check=True)
    return matrix
